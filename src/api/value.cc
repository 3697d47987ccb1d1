#include "api/value.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>

namespace reigen::api {

struct Value::HeapText {
  size_t size;
  char* data() { return reinterpret_cast<char*>(this + 1); }
  static HeapText* make(std::string_view text) {
    auto* block = static_cast<HeapText*>(::operator new(sizeof(HeapText) + text.size()));
    block->size = text.size();
    std::memcpy(block->data(), text.data(), text.size());
    return block;
  }
};

// Members in a vector; from kIndexFrom members on also an open-addressed table of their positions.
class Value::Object {
 public:
  std::vector<Member> members;

  size_t find(std::string_view key) const {
    if (slots_.empty()) {
      for (size_t i = 0; i < members.size(); ++i)
        if (members[i].key() == key) return i;
      return kNone;
    }
    size_t mask = slots_.size() - 1;
    for (size_t at = hash(key) & mask;; at = (at + 1) & mask) {
      uint32_t position = slots_[at];
      if (position == kEmpty) return kNone;
      if (members[position].key() == key) return position;
    }
  }

  Value& add(std::string_view key) {
    members.push_back(Member{Value(key), Value()});
    if (slots_.empty() ? members.size() >= kIndexFrom : members.size() * 2 > slots_.size()) {
      rebuild();
    } else if (!slots_.empty()) {
      put(members.size() - 1);
    }
    return members.back().value;
  }

  void remove(size_t position) {
    members.erase(members.begin() + static_cast<ptrdiff_t>(position));
    rebuild();
  }

  static constexpr size_t kNone = static_cast<size_t>(-1);

 private:
  static constexpr size_t kIndexFrom = 17;
  static constexpr uint32_t kEmpty = 0xffffffff;

  static size_t hash(std::string_view key) { return std::hash<std::string_view>()(key); }
  void put(size_t position) {
    size_t mask = slots_.size() - 1;
    size_t at = hash(members[position].key()) & mask;
    while (slots_[at] != kEmpty) at = (at + 1) & mask;
    slots_[at] = static_cast<uint32_t>(position);
  }
  void rebuild() {
    slots_.clear();
    if (members.size() < kIndexFrom) return;
    slots_.assign(std::bit_ceil(members.size() * 4), kEmpty);
    for (size_t i = 0; i < members.size(); ++i) put(i);
  }

  std::vector<uint32_t> slots_;
};

Value::Value(std::string_view text) : kind_(Kind::kString) {
  if (text.size() <= kInlineText) {
    inline_length_ = static_cast<unsigned char>(text.size());
    if (!text.empty()) std::memcpy(inline_text(), text.data(), text.size());
  } else {
    bits_.heap_text = HeapText::make(text);
    heap_ = true;
  }
}

Value::Value(Array items) : kind_(Kind::kArray) {
  bits_.array = new Array(std::move(items));
  heap_ = true;
}

Value Value::object() {
  Value value;
  value.bits_.object = new Object();
  value.kind_ = Kind::kObject;
  value.heap_ = true;
  return value;
}

Value Value::object(std::initializer_list<std::pair<std::string_view, Value>> members) {
  Value value = object();
  for (const auto& [key, member] : members) value[key] = member;
  return value;
}

void Value::copy_from(const Value& other) {
  if (!other.heap_) {
    std::memcpy(static_cast<void*>(this), static_cast<const void*>(&other), sizeof(Value));
    return;
  }
  switch (other.kind_) {
    case Kind::kString: bits_.heap_text = HeapText::make(other.text()); break;
    case Kind::kArray: bits_.array = new Array(*other.bits_.array); break;
    default: bits_.object = new Object(*other.bits_.object); break;
  }
  kind_ = other.kind_;
  heap_ = true;
}

Value::Value(const Value& other) : kind_(Kind::kNull) { copy_from(other); }

Value::Value(Value&& other) noexcept : kind_(Kind::kNull) {
  std::memcpy(static_cast<void*>(this), static_cast<const void*>(&other), sizeof(Value));
  other.kind_ = Kind::kNull;
  other.heap_ = false;
}

Value& Value::operator=(const Value& other) {
  if (this != &other) *this = Value(other);
  return *this;
}

Value& Value::operator=(Value&& other) noexcept {
  if (this == &other) return *this;
  // The old content is released last: `other` may live inside it.
  Value old;
  std::memcpy(static_cast<void*>(&old), static_cast<const void*>(this), sizeof(Value));
  std::memcpy(static_cast<void*>(this), static_cast<const void*>(&other), sizeof(Value));
  other.kind_ = Kind::kNull;
  other.heap_ = false;
  return *this;
}

void Value::release() noexcept {
  switch (kind_) {
    case Kind::kString: ::operator delete(bits_.heap_text); break;
    case Kind::kArray: delete bits_.array; break;
    case Kind::kObject: delete bits_.object; break;
    default: break;
  }
  heap_ = false;
}

double Value::number_or(double fallback) const {
  if (is_int()) return static_cast<double>(bits_.integer);
  return is_double() ? bits_.number : fallback;
}

std::string_view Value::text() const {
  if (!is_string()) return {};
  if (heap_) return {bits_.heap_text->data(), bits_.heap_text->size};
  return {inline_text(), inline_length_};
}

size_t Value::size() const {
  if (is_array()) return bits_.array->size();
  return is_object() ? bits_.object->members.size() : 0;
}

const Value::Array& Value::items() const {
  static const Array empty;
  return is_array() ? *bits_.array : empty;
}

Value::Array& Value::items() {
  if (!is_array()) *this = array();
  return *bits_.array;
}

std::span<const Value::Member> Value::members() const {
  if (!is_object()) return {};
  return bits_.object->members;
}

std::span<Value::Member> Value::members() {
  if (!is_object()) return {};
  return bits_.object->members;
}

const Value* Value::find(std::string_view key) const {
  if (!is_object()) return nullptr;
  size_t position = bits_.object->find(key);
  return position == Object::kNone ? nullptr : &bits_.object->members[position].value;
}

Value* Value::find(std::string_view key) { return const_cast<Value*>(std::as_const(*this).find(key)); }

Value& Value::operator[](std::string_view key) {
  if (!is_object()) *this = object();
  if (Value* found = find(key)) return *found;
  return bits_.object->add(key);
}

bool Value::erase(std::string_view key) {
  if (!is_object()) return false;
  size_t position = bits_.object->find(key);
  if (position == Object::kNone) return false;
  bits_.object->remove(position);
  return true;
}

const Value* Value::at(std::initializer_list<std::string_view> path) const {
  const Value* here = this;
  for (auto step : path)
    if (here = here->find(step); !here) return nullptr;
  return here;
}

const Value* Value::at(std::span<const std::string> path) const {
  const Value* here = this;
  for (const auto& step : path)
    if (here = here->find(step); !here) return nullptr;
  return here;
}

Value* Value::at(std::initializer_list<std::string_view> path) { return const_cast<Value*>(std::as_const(*this).at(path)); }

Value& Value::make(std::initializer_list<std::string_view> path) {
  Value* here = this;
  for (auto step : path) here = &(*here)[step];
  return *here;
}

bool Value::erase(std::initializer_list<std::string_view> path) {
  if (path.size() == 0) return false;
  Value* here = this;
  for (auto* step = path.begin(); step + 1 != path.end(); ++step)
    if (here = here->find(*step); !here) return false;
  return here->erase(*(path.end() - 1));
}

std::string_view Value::text_at(std::initializer_list<std::string_view> path) const {
  const Value* found = at(path);
  return found ? found->text() : std::string_view();
}

bool operator==(const Value& a, const Value& b) {
  if (a.kind_ != b.kind_) return false;
  switch (a.kind_) {
    case Value::Kind::kNull: return true;
    case Value::Kind::kBool:
    case Value::Kind::kInt: return a.bits_.integer == b.bits_.integer;
    case Value::Kind::kDouble: return a.bits_.number == b.bits_.number;
    case Value::Kind::kString: return a.text() == b.text();
    case Value::Kind::kArray: return *a.bits_.array == *b.bits_.array;
    case Value::Kind::kObject: break;
  }
  const auto& left = a.bits_.object->members;
  const auto& right = b.bits_.object->members;
  if (left.size() != right.size()) return false;
  for (size_t i = 0; i < left.size(); ++i) {
    // Mostly both have the same order.
    if (right[i].key() == left[i].key()) {
      if (!(left[i].value == right[i].value)) return false;
      continue;
    }
    const Value* other = b.find(left[i].key());
    if (!other || !(left[i].value == *other)) return false;
  }
  return true;
}

namespace {

int rank(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kInt:
    case Value::Kind::kDouble: return 0;
    case Value::Kind::kString: return 1;
    case Value::Kind::kBool: return 2;
    case Value::Kind::kArray: return 3;
    case Value::Kind::kObject: return 4;
    case Value::Kind::kNull: return 5;
  }
  return 6;
}

template <class T>
int three_way(const T& a, const T& b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

std::vector<const Value::Member*> sorted_members(const Value& value) {
  std::vector<const Value::Member*> sorted;
  sorted.reserve(value.size());
  for (const auto& member : value.members()) sorted.push_back(&member);
  std::ranges::sort(sorted, {}, [](const Value::Member* m) { return m->key(); });
  return sorted;
}

int compare_objects(const Value& a, const Value& b) {
  auto left = sorted_members(a), right = sorted_members(b);
  for (size_t i = 0; i < left.size() && i < right.size(); ++i) {
    if (int order = three_way(left[i]->key(), right[i]->key())) return order;
    if (int order = Value::compare(left[i]->value, right[i]->value)) return order;
  }
  return three_way(left.size(), right.size());
}

}  // namespace

int Value::compare(const Value& a, const Value& b) {
  if (int order = three_way(rank(a), rank(b))) return order;
  switch (a.kind_) {
    case Kind::kNull: return 0;
    case Kind::kBool: return three_way(a.bits_.integer, b.bits_.integer);
    case Kind::kInt:
      if (b.is_int()) return three_way(a.bits_.integer, b.bits_.integer);
      [[fallthrough]];
    case Kind::kDouble: return three_way(a.number_or(0), b.number_or(0));
    case Kind::kString: return three_way(a.text(), b.text());
    case Kind::kArray: break;
    case Kind::kObject: return compare_objects(a, b);
  }
  for (size_t i = 0; i < a.size() && i < b.size(); ++i)
    if (int order = compare(a.items()[i], b.items()[i])) return order;
  return three_way(a.size(), b.size());
}

}  // namespace reigen::api
