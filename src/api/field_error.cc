#include "api/field_error.h"

#include <algorithm>

#include <fmt/core.h>

#include "api/go_quote.h"

namespace reigen::api {

void FieldPath::append_to(std::string& out) const {
  if (parent_) parent_->append_to(out);
  if (!name_.empty()) {
    if (!out.empty()) out += '.';
    out += name_;
  }
  if (step_ == kIndex) out += fmt::format("[{}]", index_);
  if (step_ == kKey) ((out += '[') += key_) += ']';
}

std::string FieldPath::to_string() const {
  std::string out;
  append_to(out);
  return out.empty() ? "<nil>" : out;
}

BadValue::BadValue(std::string_view text) : text_(go_quote(text)) {}

BadValue BadValue::raw(std::string text) {
  BadValue value;
  value.text_ = std::move(text);
  return value;
}

std::string_view reason_of(FieldErrorType type) {
  switch (type) {
    case FieldErrorType::kNotFound: return "FieldValueNotFound";
    case FieldErrorType::kRequired: return "FieldValueRequired";
    case FieldErrorType::kDuplicate: return "FieldValueDuplicate";
    case FieldErrorType::kInvalid: return "FieldValueInvalid";
    case FieldErrorType::kNotSupported: return "FieldValueNotSupported";
    case FieldErrorType::kForbidden: return "FieldValueForbidden";
    case FieldErrorType::kTooLong: return "FieldValueTooLong";
    case FieldErrorType::kTooMany: return "FieldValueTooMany";
    case FieldErrorType::kInternal: return "InternalError";
    case FieldErrorType::kTypeInvalid: return "FieldValueTypeInvalid";
  }
  return "";
}

std::string_view title_of(FieldErrorType type) {
  switch (type) {
    case FieldErrorType::kNotFound: return "Not found";
    case FieldErrorType::kRequired: return "Required value";
    case FieldErrorType::kDuplicate: return "Duplicate value";
    case FieldErrorType::kInvalid: return "Invalid value";
    case FieldErrorType::kNotSupported: return "Unsupported value";
    case FieldErrorType::kForbidden: return "Forbidden";
    case FieldErrorType::kTooLong: return "Too long";
    case FieldErrorType::kTooMany: return "Too many";
    case FieldErrorType::kInternal: return "Internal error";
    case FieldErrorType::kTypeInvalid: return "Invalid value";
  }
  return "";
}

std::string FieldError::body() const {
  std::string out(title_of(type));
  if (!bad_value.empty()) (out += ": ") += bad_value;
  if (!detail.empty()) (out += ": ") += detail;
  return out;
}

FieldError FieldError::not_found(const FieldPath& path, const BadValue& value) { return {FieldErrorType::kNotFound, path.to_string(), value.text(), {}}; }
FieldError FieldError::required(const FieldPath& path, std::string detail) { return {FieldErrorType::kRequired, path.to_string(), {}, std::move(detail)}; }
FieldError FieldError::duplicate(const FieldPath& path, const BadValue& value) { return {FieldErrorType::kDuplicate, path.to_string(), value.text(), {}}; }
FieldError FieldError::invalid(const FieldPath& path, const BadValue& value, std::string detail) {
  return {FieldErrorType::kInvalid, path.to_string(), value.text(), std::move(detail)};
}
FieldError FieldError::type_invalid(const FieldPath& path, const BadValue& value, std::string detail) {
  return {FieldErrorType::kTypeInvalid, path.to_string(), value.text(), std::move(detail)};
}
FieldError FieldError::not_supported(const FieldPath& path, const BadValue& value, std::span<const std::string_view> supported) {
  std::string detail;
  for (auto choice : supported) {
    detail += detail.empty() ? "supported values: " : ", ";
    detail += go_quote(choice);
  }
  return {FieldErrorType::kNotSupported, path.to_string(), value.text(), std::move(detail)};
}
FieldError FieldError::forbidden(const FieldPath& path, std::string detail) { return {FieldErrorType::kForbidden, path.to_string(), {}, std::move(detail)}; }
FieldError FieldError::too_long(const FieldPath& path, int64_t max_length) {
  return {FieldErrorType::kTooLong,
          path.to_string(),
          {},
          max_length >= 0 ? fmt::format("may not be more than {} bytes", max_length) : std::string("value is too long")};
}
FieldError FieldError::too_many(const FieldPath& path, int64_t actual, int64_t max) {
  return {FieldErrorType::kTooMany, path.to_string(), actual >= 0 ? std::to_string(actual) : std::string(),
          max >= 0 ? fmt::format("must have at most {} items", max) : std::string("has too many items")};
}
FieldError FieldError::internal(const FieldPath& path, std::string detail) { return {FieldErrorType::kInternal, path.to_string(), {}, std::move(detail)}; }

void append(FieldErrors& errors, FieldErrors more) { errors.insert(errors.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end())); }

std::string aggregate_messages(const std::vector<std::string>& messages) {
  std::vector<std::string_view> unique;
  for (const auto& message : messages)
    if (std::ranges::find(unique, message) == unique.end()) unique.push_back(message);
  if (unique.empty()) return {};
  if (unique.size() == 1) return std::string(unique[0]);
  std::string out = "[";
  for (auto message : unique) (out += out.size() > 1 ? ", " : "") += message;
  return out += ']';
}

std::string aggregate_message(const FieldErrors& errors) {
  std::vector<std::string> messages;
  for (const auto& error : errors) messages.push_back(error.message());
  return aggregate_messages(messages);
}

}  // namespace reigen::api
