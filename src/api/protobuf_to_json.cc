// Protobuf to JSON without the object between. A plan of each type says where on the wire the members of its JSON are; a message is
// looked through once for where its fields stand, then its members are written in JSON's order.
#include <charconv>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <vector>

#include "api/json.h"
#include "api/kind_info.h"
#include "api/protobuf.h"
#include "api/protobuf_wire.h"
#include "api/scalars.h"
#include "api/type_desc.h"
#include "api/value.h"

namespace reigen::api {
namespace {

constexpr int kMaxDepth = 100;
constexpr size_t kMaxMembers = 64;  // of one message; types with more are decoded

struct Plan;

// What a field number of a message is: a member of the JSON, or a struct whose fields are.
struct Target {
  int16_t member = -1;
  std::unique_ptr<std::vector<Target>> inlined;
};

struct Member {
  std::string key;  // "\"name\":"
  const FieldDesc* field = nullptr;
  const Plan* plan = nullptr;  // of the struct that the field is, points to, or has as elements
  bool resource_version = false;
  bool skipped = false;  // left out when it is not on the wire
};

struct Plan {
  std::vector<Target> numbers;
  std::vector<Member> members;
  bool supported = true;
};

// Of all generated types; made when first asked for.
class Plans {
 public:
  static const Plan* find(const TypeDesc& type) {
    static const Plans plans;
    auto found = plans.plans_.find(&type);
    return found == plans.plans_.end() ? nullptr : &found->second;
  }

 private:
  Plans() {
    for (const TypeDesc* type : all_types()) plans_.try_emplace(type);
    for (auto& [type, plan] : plans_) fill(*type, plan);
  }

  void fill(const TypeDesc& type, Plan& plan) {
    plan.supported = type.json_form == JsonForm::kObject && type.fields.size() <= kMaxMembers && !(type.own_fields.empty() && !type.fields.empty());
    if (!plan.supported) return;
    for (const FieldDesc& field : type.fields) {
      const ValueType* value = field.value;
      while (value->element) value = value->element;
      auto below = value->kind == Kind::kStruct ? plans_.find(value->type) : plans_.end();
      if (value->kind == Kind::kStruct && below == plans_.end()) plan.supported = false;
      bool never_empty = field.value->kind >= Kind::kTime && field.value->kind <= Kind::kStruct;
      plan.members.push_back({.key = "\"" + std::string(field.name) + "\":",
                              .field = &field,
                              .plan = below == plans_.end() ? nullptr : &below->second,
                              .resource_version = type.name == "ObjectMeta" && field.name == "resourceVersion",
                              .skipped = field.omitempty && !never_empty});
    }
    plan.numbers = targets(type, 0, type);
  }

  static std::vector<Target> targets(const TypeDesc& type, uint32_t offset, const TypeDesc& outer) {
    std::vector<Target> numbers;
    for (const FieldDesc& own : type.own_fields) {
      if (own.number >= numbers.size()) numbers.resize(own.number + 1u);
      Target& target = numbers[own.number];
      if (own.inlined) {
        target.inlined = std::make_unique<std::vector<Target>>(targets(*own.value->type, offset + own.offset, outer));
        continue;
      }
      for (size_t i = 0; i < outer.fields.size(); ++i)
        if (outer.fields[i].offset == offset + own.offset && outer.fields[i].name == own.name) target.member = static_cast<int16_t>(i);
    }
    return numbers;
  }

  std::unordered_map<const TypeDesc*, Plan> plans_;
};

// Where a member stands: from the tag of its first occurrence to the end of its last.
struct Place {
  const char* begin;
  const char* end;
  const char* last;  // the last occurrence's tag
  uint32_t count;    // the others hold only when this is not 0
};

class Transcoder {
 public:
  Transcoder(std::string& out, std::string_view resource_version) : out_(out), resource_version_(resource_version) {}

  bool object(const Plan& plan, std::string_view bytes, const KindInfo* kind) {
    if (!plan.supported || ++depth_ > kMaxDepth) return false;
    Place places[kMaxMembers];
    for (size_t i = 0; i < plan.members.size(); ++i) places[i].count = 0;
    if (!look_through(plan.numbers, bytes, places)) return false;
    out_ += '{';
    if (kind) out_.append("\"kind\":\"").append(kind->kind).append("\",\"apiVersion\":\"").append(kind->api_version).append("\",");
    for (size_t i = 0; i < plan.members.size(); ++i) {
      if (places[i].count == 0 && plan.members[i].skipped && !plan.members[i].resource_version) continue;
      if (!member(plan.members[i], places[i])) return false;
    }
    close('}');
    --depth_;
    return true;
  }

 private:
  static bool look_through(const std::vector<Target>& numbers, std::string_view bytes, Place* places) {
    Wire wire(bytes);
    uint64_t inlined_seen = 0;
    while (!wire.done()) {
      const char* tag = wire.at();
      unsigned number = 0, kind = 0;
      if (!wire.tag(number, kind)) return false;
      const Target* target = number < numbers.size() ? &numbers[number] : nullptr;
      if (target && target->inlined) {
        std::string_view inner;
        if (kind != 2 || !wire.bytes(inner) || number >= 64 || (inlined_seen >> number & 1)) return false;
        inlined_seen |= uint64_t(1) << number;
        if (!look_through(*target->inlined, inner, places)) return false;
        continue;
      }
      if (!wire.skip(kind)) return false;
      if (!target || target->member < 0) continue;
      Place& place = places[target->member];
      if (place.count++ == 0) place.begin = tag;
      place.last = tag;
      place.end = wire.at();
    }
    return true;
  }

  // Replaces the comma after the last member, if there is one.
  void close(char bracket) {
    if (out_.back() == ',') out_.back() = bracket;
    else out_ += bracket;
  }

  // Once on the wire, as a text (wire type 2) of no bytes.
  static bool is_empty_text(const Place& place) { return place.count == 1 && place.end - place.last == 2 && (place.last[0] & 7) == 2 && place.last[1] == 0; }

  bool member(const Member& member, const Place& place) {
    const FieldDesc& field = *member.field;
    const ValueType& type = *field.value;
    if (member.resource_version && depth_ == 2 && !resource_version_.empty()) {
      out_.append(member.key).append(1, '"').append(resource_version_).append("\",");
      return true;
    }
    if (member.skipped && (place.count == 0 || (type.kind == Kind::kString && is_empty_text(place)))) return true;
    size_t start = out_.size();
    out_ += member.key;
    bool empty = false;
    if (type.kind == Kind::kList) {
      if ((field.type_meta || type.wrapped) && place.count > 0) return false;
      if (!list(type, member.plan, place, empty)) return false;
      if (empty) out_ += field.empty_list ? "[]" : "null";
    } else if (type.kind == Kind::kMap) {
      if (!map(type, member.plan, place, empty)) return false;
      if (empty) out_ += "null";
    } else if (!single(type, member.plan, place, empty)) {
      return false;
    }
    if (empty && field.omitempty) out_.resize(start);
    else out_ += ',';
    return true;
  }

  // `empty`: what Go's omitempty leaves out.
  bool single(const ValueType& declared, const Plan* plan, const Place& place, bool& empty) {
    bool pointer = declared.kind == Kind::kPointer;
    if (pointer && place.count == 0) {
      empty = true;
      out_ += "null";
      return true;
    }
    const ValueType& type = pointer ? *declared.element : declared;
    if (place.count > 1) return false;  // scalars replace, messages merge: decoding knows
    if (place.count == 0) return absent(type, plan, empty);
    Wire wire({place.last, static_cast<size_t>(place.end - place.last)});
    unsigned number = 0, kind = 0;
    if (!wire.tag(number, kind)) return false;
    bool zero = false;
    if (!value(type, plan, wire, kind, false, zero)) return false;
    empty = zero && !pointer;
    return true;
  }

  bool absent(const ValueType& type, const Plan* plan, bool& empty) {
    switch (type.kind) {
      case Kind::kString: empty = true, out_ += "\"\""; return true;
      case Kind::kInt32:
      case Kind::kInt64:
      case Kind::kDouble: empty = true, out_ += '0'; return true;
      case Kind::kBool: empty = true, out_ += "false"; return true;
      case Kind::kBytes: empty = true, out_ += "null"; return true;
      case Kind::kStruct: return plan && object(*plan, {}, nullptr);
      case Kind::kTime:
      case Kind::kMicroTime:
      case Kind::kRaw: out_ += "null"; return true;
      case Kind::kQuantity: return text("0");
      default: return small(type, {});
    }
  }

  // One value whose tag has been read. `zero`: omitempty would leave it out.
  bool value(const ValueType& type, const Plan* plan, Wire& wire, unsigned kind, bool element, bool& zero) {
    uint64_t number = 0;
    std::string_view bytes;
    switch (type.kind) {
      case Kind::kInt32:
      case Kind::kInt64:
        if (kind != 0 || !wire.varint(number)) return false;
        zero = type.kind == Kind::kInt32 ? static_cast<int32_t>(number) == 0 : number == 0;
        append_integer(type.kind == Kind::kInt32 ? static_cast<int32_t>(number) : static_cast<int64_t>(number));
        return true;
      case Kind::kBool:
        if (kind != 0 || !wire.varint(number)) return false;
        zero = number == 0;
        out_ += zero ? "false" : "true";
        return true;
      case Kind::kDouble: {
        if (kind != 1 || !wire.fixed(8, number)) return false;
        double held;
        std::memcpy(&held, &number, sizeof held);
        zero = held == 0;
        append_json_double(out_, held);
        return true;
      }
      case Kind::kPointer:
      case Kind::kList:
      case Kind::kMap: return false;
      default: break;
    }
    if (kind != 2 || !wire.bytes(bytes)) return false;
    switch (type.kind) {
      case Kind::kString:
        zero = bytes.empty();
        append_json_string(out_, bytes);
        return true;
      case Kind::kBytes:
        zero = bytes.empty();
        if (zero && !element) return out_ += "null", true;
        out_ += '"';
        append_base64(out_, bytes);
        out_ += '"';
        return true;
      case Kind::kStruct: return plan && object(*plan, bytes, nullptr);
      default: return small(type, bytes);
    }
  }

  bool list(const ValueType& type, const Plan* plan, const Place& place, bool& empty) {
    empty = place.count == 0;
    if (empty) return true;
    unsigned wanted = 0;
    out_ += '[';
    for (Wire wire({place.begin, static_cast<size_t>(place.end - place.begin)}); !wire.done();) {
      unsigned number = 0, kind = 0;
      if (!wire.tag(number, kind)) return false;
      if (wanted == 0) wanted = number;
      bool zero = false, scalar = type.element->kind < Kind::kBytes && type.element->kind != Kind::kString;
      if (number != wanted || (scalar && kind == 2)) return false;  // elements apart from each other, or packed
      if (!value(*type.element, plan, wire, kind, true, zero)) return false;
      out_ += ',';
    }
    close(']');
    return true;
  }

  bool map(const ValueType& type, const Plan* plan, const Place& place, bool& empty) {
    empty = place.count == 0;
    if (empty) return true;
    unsigned wanted = 0;
    std::string_view previous;
    out_ += '{';
    for (Wire wire({place.begin, static_cast<size_t>(place.end - place.begin)}); !wire.done();) {
      unsigned number = 0, kind = 0;
      std::string_view bytes;
      if (!wire.tag(number, kind) || kind != 2 || !wire.bytes(bytes)) return false;
      bool first = wanted == 0;
      if (first) wanted = number;
      if (number != wanted || !entry(type, plan, bytes, first, previous)) return false;
      out_ += ',';
    }
    close('}');
    return true;
  }

  // Key, then value, and keys that ascend: as it was written. Anything else is decoded.
  bool entry(const ValueType& type, const Plan* plan, std::string_view bytes, bool first, std::string_view& previous) {
    Wire wire(bytes);
    unsigned number = 0, kind = 0;
    std::string_view key;
    if (!wire.tag(number, kind) || number != 1 || kind != 2 || !wire.bytes(key) || (!first && key <= previous)) return false;
    previous = key;
    append_json_string(out_, key);
    out_ += ':';
    bool zero = false;
    if (!wire.tag(number, kind) || number != 2 || !value(*type.element, plan, wire, kind, true, zero)) return false;
    return wire.done();
  }

  // Messages of a few scalars behind types that are no structs.
  bool small(const ValueType& type, std::string_view bytes) {
    uint64_t numbers[4] = {};
    std::string_view texts[4];
    for (Wire wire(bytes); !wire.done();) {
      unsigned number = 0, kind = 0;
      if (!wire.tag(number, kind) || number > 3) return false;
      if (kind == 0 ? !wire.varint(numbers[number]) : kind != 2 || !wire.bytes(texts[number])) return false;
    }
    auto seconds = static_cast<int64_t>(numbers[1]);
    auto nanos = static_cast<int32_t>(numbers[2]);
    bool in_range = seconds >= Time::kEarliest && seconds <= Time::kLatest && nanos >= 0 && nanos < 1'000'000'000;
    switch (type.kind) {
      case Kind::kTime: return in_range && time(seconds == 0 && nanos == 0 ? Time() : Time(seconds));
      case Kind::kMicroTime: return in_range && time(seconds == 0 && nanos == 0 ? MicroTime() : MicroTime(seconds * 1'000'000 + nanos / 1000));
      case Kind::kDuration: return text(Duration(reigen::Duration(seconds)).to_string());
      case Kind::kQuantity: {
        auto parsed = Quantity::parse(texts[1]);
        return parsed && text(parsed->to_string());
      }
      case Kind::kIntOrString:
        if (numbers[1] != 0) append_json_string(out_, texts[3]);
        else append_integer(static_cast<int32_t>(numbers[2]));
        return true;
      case Kind::kRaw: append_embedded_json(out_, texts[1]); return true;
      default: return false;
    }
  }

  template <class T>
  bool time(T time) {
    if (!time.is_zero()) return text(time.to_string());
    out_ += "null";
    return true;
  }
  bool text(std::string_view text) {
    out_ += '"';
    out_ += text;
    out_ += '"';
    return true;
  }
  void append_integer(int64_t value) {
    char buffer[24];
    auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
    out_.append(buffer, end);
  }

  std::string& out_;
  std::string_view resource_version_;
  int depth_ = 0;
};

}  // namespace

bool append_json_of_protobuf(std::string& out, const TypeDesc& type, std::string_view message, const TranscodeOptions& options) {
  const Plan* plan = Plans::find(type);
  if (!plan) return false;
  size_t start = out.size();
  if (Transcoder(out, options.resource_version).object(*plan, message, options.type_meta)) return true;
  out.resize(start);
  return false;
}

}  // namespace reigen::api
