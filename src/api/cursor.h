// The two backings through which engines see a value of a ValueType: a struct in memory, or a document.
//
// An engine is a template over one of them and asks the table (ValueType, FieldDesc) what it stands on; the backing only fetches and
// stores. Reading a document, whatever is absent or of another kind reads as the zero value.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "api/scalars.h"
#include "api/type_desc.h"
#include "api/value.h"

namespace reigen::api {

struct StructBacking {
  using Ref = const void*;
  using Mut = void*;
  static constexpr bool kDocument = false;

  template <class T>
  static const T& get(Ref r) {
    return *static_cast<const T*>(r);
  }
  template <class T>
  static T& at(Mut m) {
    return *static_cast<T*>(m);
  }

  static Ref field(Ref object, const FieldDesc& f) { return static_cast<const char*>(object) + f.offset; }
  static std::string_view text(Ref r) { return get<std::string>(r); }
  static int64_t integer(const ValueType& t, Ref r) { return t.kind == Kind::kInt32 ? get<int32_t>(r) : get<int64_t>(r); }
  static double number(Ref r) { return get<double>(r); }
  static bool boolean(Ref r) { return get<bool>(r); }
  static std::string_view bytes(Ref r, std::string&) { return get<Bytes>(r).data; }
  static Time time(Ref r) { return get<Time>(r); }
  static MicroTime micro_time(Ref r) { return get<MicroTime>(r); }
  static Duration duration(Ref r) { return get<Duration>(r); }
  static Quantity quantity(Ref r) { return get<Quantity>(r); }
  static const IntOrString& int_or_string(Ref r, IntOrString&) { return get<IntOrString>(r); }
  static std::string_view raw(Ref r, std::string&) { return get<RawExtension>(r).raw; }
  static Ref pointee(const ValueType& t, Ref r) { return t.pointer->get(r); }
  static size_t list_size(const ValueType& t, Ref r) { return t.list->size(r); }
  // visit(element) -> void
  template <class F>
  static void each_element(const ValueType& t, Ref r, F&& visit) {
    const char* element = static_cast<const char*>(t.list->data(r));
    for (size_t n = t.list->size(r); n > 0; n--, element += t.element->size) visit(static_cast<Ref>(element));
  }
  static Ref element(const ValueType& t, Ref r, size_t index) { return static_cast<const char*>(t.list->data(r)) + index * t.element->size; }
  static size_t map_size(const ValueType& t, Ref r) { return t.map->size(r); }
  // visit(key, value), in the order of keys
  template <class F>
  static void each_entry(const ValueType& t, Ref r, F&& visit) {
    for (size_t i = 0, n = t.map->size(r); i < n; i++) visit(t.map->key(r, i), static_cast<Ref>(t.map->value(r, i)));
  }
  // The same from the last key to the first, for writers that fill a buffer from its end.
  template <class F>
  static void each_entry_reversed(const ValueType& t, Ref r, F&& visit) {
    for (size_t i = t.map->size(r); i-- > 0;) visit(t.map->key(r, i), static_cast<Ref>(t.map->value(r, i)));
  }

  static Mut field(Mut object, const FieldDesc& f) { return static_cast<char*>(object) + f.offset; }
  static void set_text(Mut m, std::string_view v) { at<std::string>(m) = v; }
  static void set_integer(const ValueType& t, Mut m, int64_t v) {
    if (t.kind == Kind::kInt32) at<int32_t>(m) = static_cast<int32_t>(v);
    else at<int64_t>(m) = v;
  }
  static void set_number(Mut m, double v) { at<double>(m) = v; }
  static void set_boolean(Mut m, bool v) { at<bool>(m) = v; }
  static void set_bytes(Mut m, std::string v) { at<Bytes>(m).data = std::move(v); }
  static void set_time(Mut m, Time v) { at<Time>(m) = v; }
  static void set_micro_time(Mut m, MicroTime v) { at<MicroTime>(m) = v; }
  static void set_duration(Mut m, Duration v) { at<Duration>(m) = v; }
  static void set_quantity(Mut m, const Quantity& v) { at<Quantity>(m) = v; }
  static void set_int_or_string(Mut m, IntOrString v) { at<IntOrString>(m) = std::move(v); }
  static void set_raw(Mut m, std::string v) { at<RawExtension>(m).raw = std::move(v); }
  static Mut ensure_pointee(const ValueType& t, Mut m) { return t.pointer->ensure(m); }
  static void start_struct(Mut) {}
  static void start_list(const ValueType& t, Mut m) { t.list->clear(m); }
  static Mut append(const ValueType& t, Mut m) { return t.list->append(m); }
  static void start_map(const ValueType&, Mut) {}
  static bool has_key(const ValueType& t, Mut m, std::string_view key) { return t.map->find(m, key) != nullptr; }
  static Mut insert(const ValueType& t, Mut m, std::string_view key) { return t.map->insert(m, key); }
  // JSON null: nil for pointers, lists and maps, nothing for the rest.
  static void set_null(const ValueType& t, Mut m) {
    switch (t.kind) {
      case Kind::kPointer: t.pointer->reset(m); break;
      case Kind::kList: t.list->clear(m); break;
      case Kind::kMap: t.map->clear(m); break;
      case Kind::kTime: at<Time>(m) = Time(); break;
      case Kind::kMicroTime: at<MicroTime>(m) = MicroTime(); break;
      case Kind::kBytes: at<Bytes>(m).data.clear(); break;
      case Kind::kQuantity: at<Quantity>(m) = Quantity(); break;
      default: break;
    }
  }
};

struct DocumentBacking {
  using Ref = const Value*;  // nullptr: absent
  using Mut = Value*;
  static constexpr bool kDocument = true;

  static Ref field(Ref object, const FieldDesc& f) { return object ? object->find(f.name) : nullptr; }
  static std::string_view text(Ref r) { return r ? r->text() : std::string_view(); }
  static int64_t integer(const ValueType&, Ref r) { return r ? r->int_or(0) : 0; }
  static double number(Ref r) { return r ? r->number_or(0) : 0; }
  static bool boolean(Ref r) { return r && r->bool_or(false); }
  static std::string_view bytes(Ref r, std::string& scratch) {
    scratch = base64_decode(text(r)).value_or(std::string());
    return scratch;
  }
  static Time time(Ref r) { return Time::parse(text(r)).value_or(Time()); }
  static MicroTime micro_time(Ref r) { return MicroTime::parse(text(r)).value_or(MicroTime()); }
  static Duration duration(Ref r) { return Duration::parse(text(r)).value_or(Duration()); }
  static Quantity quantity(Ref r) {
    if (r && r->is_int()) return Quantity::from_int(r->int_or(0));
    return Quantity::parse(text(r)).value_or(Quantity());
  }
  static const IntOrString& int_or_string(Ref r, IntOrString& scratch) {
    if (r && r->is_string()) scratch = IntOrString(std::string(r->text()));
    else scratch = IntOrString(static_cast<int32_t>(r ? r->int_or(0) : 0));
    return scratch;
  }
  static std::string_view raw(Ref r, std::string& scratch) {
    scratch.clear();
    if (r && !r->is_null()) append_json(scratch, *r);
    return scratch;
  }
  static Ref pointee(const ValueType&, Ref r) { return r && !r->is_null() ? r : nullptr; }
  static size_t list_size(const ValueType&, Ref r) { return r ? r->items().size() : 0; }
  template <class F>
  static void each_element(const ValueType&, Ref r, F&& visit) {
    if (!r) return;
    for (const Value& item : r->items()) visit(&item);
  }
  static Ref element(const ValueType&, Ref r, size_t index) { return &r->items()[index]; }
  static size_t map_size(const ValueType&, Ref r) { return r ? r->members().size() : 0; }
  template <class F>
  static void each_entry(const ValueType&, Ref r, F&& visit) {
    if (!r) return;
    for (const auto* member : sorted_members(*r)) visit(member->key(), &member->value);
  }
  template <class F>
  static void each_entry_reversed(const ValueType&, Ref r, F&& visit) {
    if (!r) return;
    auto sorted = sorted_members(*r);
    for (auto it = sorted.rbegin(); it != sorted.rend(); ++it) visit((*it)->key(), &(*it)->value);
  }
  static std::vector<const Value::Member*> sorted_members(const Value& object) {
    std::vector<const Value::Member*> sorted;
    for (const auto& member : object.members()) sorted.push_back(&member);
    std::ranges::sort(sorted, {}, [](const Value::Member* m) { return m->key(); });
    return sorted;
  }

  static Mut field(Mut object, const FieldDesc& f) { return &(*object)[f.name]; }
  static void set_text(Mut m, std::string_view v) { *m = Value(v); }
  static void set_integer(const ValueType&, Mut m, int64_t v) { *m = Value(v); }
  static void set_number(Mut m, double v) { *m = Value(v); }
  static void set_boolean(Mut m, bool v) { *m = Value(v); }
  static void set_bytes(Mut m, std::string v) { *m = Value(base64_encode(v)); }
  static void set_time(Mut m, Time v) { *m = v.is_zero() ? Value() : Value(v.to_string()); }
  static void set_micro_time(Mut m, MicroTime v) { *m = v.is_zero() ? Value() : Value(v.to_string()); }
  static void set_duration(Mut m, Duration v) { *m = Value(v.to_string()); }
  static void set_quantity(Mut m, const Quantity& v) { *m = Value(v.to_string()); }
  static void set_int_or_string(Mut m, const IntOrString& v) { *m = v.is_string ? Value(v.text) : Value(v.number); }
  static void set_raw(Mut m, const std::string& v) { *m = parse_json(v).value_or(Value()); }
  static Mut ensure_pointee(const ValueType&, Mut m) { return m; }
  static void start_struct(Mut m) {
    if (!m->is_object()) *m = Value::object();
  }
  static void start_list(const ValueType&, Mut m) { *m = Value::array(); }
  static Mut append(const ValueType&, Mut m) {
    m->push_back(Value());
    return &m->items().back();
  }
  static void start_map(const ValueType&, Mut m) { start_struct(m); }
  static bool has_key(const ValueType&, Mut m, std::string_view key) { return m->has(key); }
  static Mut insert(const ValueType&, Mut m, std::string_view key) { return &(*m)[key]; }
  static void set_null(const ValueType&, Mut m) { *m = Value(); }
};

}  // namespace reigen::api
