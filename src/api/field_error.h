// Errors of single fields, with the texts of Kubernetes' validation, and the paths that name the fields.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace reigen::api {

// Where a field is, as a chain of steps on the stack: making one costs nothing, only an error prints it. A path refers to its parent and
// to the names given; both must outlive it. Steps from a temporary are refused for that reason: name each path, or write
// child("template.spec") and child("containers", i).
class FieldPath {
 public:
  FieldPath() = default;  // the empty path, of which children are roots
  explicit FieldPath(std::string_view name) : name_(name) {}

  FieldPath child(std::string_view name) const& { return FieldPath(this, name); }
  // name[index]
  FieldPath child(std::string_view name, size_t index) const& { return FieldPath(this, name, index); }
  // name[key]
  FieldPath child(std::string_view name, std::string_view key) const& { return FieldPath(this, name, key); }
  FieldPath index(size_t index) const& { return FieldPath(this, {}, index); }
  FieldPath key(std::string_view key) const& { return FieldPath(this, {}, key); }
  FieldPath child(std::string_view) const&& = delete;
  FieldPath child(std::string_view, size_t) const&& = delete;
  FieldPath child(std::string_view, std::string_view) const&& = delete;
  FieldPath index(size_t) const&& = delete;
  FieldPath key(std::string_view) const&& = delete;

  // `spec.containers[0].name`
  std::string to_string() const;

 private:
  FieldPath(const FieldPath* parent, std::string_view name) : parent_(parent), name_(name) {}
  FieldPath(const FieldPath* parent, std::string_view name, size_t index) : parent_(parent), name_(name), index_(index), step_(kIndex) {}
  FieldPath(const FieldPath* parent, std::string_view name, std::string_view key) : parent_(parent), name_(name), key_(key), step_(kKey) {}
  void append_to(std::string& out) const;

  const FieldPath* parent_ = nullptr;
  std::string_view name_;
  std::string_view key_;
  size_t index_ = 0;
  enum : unsigned char { kPlain, kIndex, kKey } step_ = kPlain;
};

// A rejected value as messages print it: strings in quotes, numbers and booleans plain, "null" (with the quotes) for nothing.
class BadValue {
 public:
  BadValue(std::string_view text);
  BadValue(const char* text) : BadValue(std::string_view(text)) {}
  BadValue(const std::string& text) : BadValue(std::string_view(text)) {}
  BadValue(std::nullptr_t) : text_("\"null\"") {}
  template <std::same_as<bool> B>
  BadValue(B value) : text_(value ? "true" : "false") {}
  template <std::integral I>
    requires(!std::same_as<I, bool>)
  BadValue(I value) : text_(std::to_string(value)) {}
  template <class T>
    requires std::constructible_from<BadValue, const T&>
  BadValue(const std::optional<T>& value) : text_(value ? BadValue(*value).text() : "\"null\"") {}
  // For what prints itself: quantities, times, int-or-strings, structs.
  static BadValue raw(std::string text);

  const std::string& text() const { return text_; }

 private:
  BadValue() = default;
  std::string text_;
};

enum class FieldErrorType : unsigned char {
  kNotFound,
  kRequired,
  kDuplicate,
  kInvalid,
  kNotSupported,
  kForbidden,
  kTooLong,
  kTooMany,
  kInternal,
  kTypeInvalid,
};
// "FieldValueRequired", ...: the cause's reason on the wire.
std::string_view reason_of(FieldErrorType type);
// "Required value", ...
std::string_view title_of(FieldErrorType type);

struct FieldError {
  FieldErrorType type = FieldErrorType::kInvalid;
  std::string field;
  std::string bad_value;  // printed; empty where the message omits it
  std::string detail;

  // "Invalid value: \"x\": must be ..."
  std::string body() const;
  // "spec.x: Invalid value: ..."
  std::string message() const { return field + ": " + body(); }

  static FieldError not_found(const FieldPath& path, const BadValue& value);
  static FieldError required(const FieldPath& path, std::string detail = {});
  static FieldError duplicate(const FieldPath& path, const BadValue& value);
  static FieldError invalid(const FieldPath& path, const BadValue& value, std::string detail);
  static FieldError type_invalid(const FieldPath& path, const BadValue& value, std::string detail);
  // Values print in the order given (Kubernetes sorts most of them).
  static FieldError not_supported(const FieldPath& path, const BadValue& value, std::span<const std::string_view> supported);
  static FieldError not_supported(const FieldPath& path, const BadValue& value, std::initializer_list<std::string_view> supported) {
    return not_supported(path, value, std::span(supported.begin(), supported.size()));
  }
  static FieldError forbidden(const FieldPath& path, std::string detail);
  // max_length < 0: the message names no bound.
  static FieldError too_long(const FieldPath& path, int64_t max_length);
  static FieldError too_many(const FieldPath& path, int64_t actual, int64_t max);
  static FieldError internal(const FieldPath& path, std::string detail);
};

using FieldErrors = std::vector<FieldError>;

void append(FieldErrors& errors, FieldErrors more);
// One message for all: the only one as it is, more as "[a, b]", each once.
std::string aggregate_message(const FieldErrors& errors);
std::string aggregate_messages(const std::vector<std::string>& messages);

}  // namespace reigen::api
