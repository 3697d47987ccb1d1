#include "apiserver/request_options.h"

#include <charconv>

#include "api/errors.h"
#include "api/go_quote.h"
#include "apiserver/request_info.h"
#include "http/message.h"

namespace reigen::apiserver {
namespace {

using api::FieldError;
using api::FieldErrors;
using api::FieldPath;

Error options_invalid(std::string_view kind, const FieldErrors& errors) { return api::invalid({"meta.k8s.io", kind}, "", errors); }

// A number as Go reads it: an empty value counts as absent.
Status read_int(const http::Query& query, std::string_view name, std::optional<int64_t>& into) {
  const std::string* text = query.find(name);
  if (!text || text->empty()) return {};
  int64_t value = 0;
  const char* begin = text->data() + (text->starts_with('+') ? 1 : 0);
  auto [end, error] = std::from_chars(begin, text->data() + text->size(), value);
  if (error == std::errc::result_out_of_range) return fail(api::bad_request("strconv.ParseInt: parsing " + api::go_quote(*text) + ": value out of range"));
  if (error != std::errc() || end != text->data() + text->size())
    return fail(api::bad_request("strconv.ParseInt: parsing " + api::go_quote(*text) + ": invalid syntax"));
  into = value;
  return {};
}

std::optional<bool> read_bool(const http::Query& query, std::string_view name) {
  const std::string* text = query.find(name);
  if (!text) return std::nullopt;
  return query_bool(*text);
}

// fmt's %#v of a []string.
std::string go_list(const std::vector<std::string>& values) {
  std::string out = "[]string{";
  for (size_t i = 0; i < values.size(); ++i) out += (i ? ", " : "") + api::go_quote(values[i]);
  return out + "}";
}

void check_dry_run(const std::vector<std::string>& values, FieldErrors& errors) {
  for (const std::string& value : values) {
    if (value == "All") continue;
    errors.push_back(FieldError::not_supported(FieldPath("dryRun"), api::BadValue::raw(go_list(values)), {"All"}));
    return;
  }
}

bool printable(unsigned char c) { return c >= 0x20 && c != 0x7f; }

void check_field_manager(std::string_view manager, FieldErrors& errors) {
  FieldPath path("fieldManager");
  if (manager.size() > 128) errors.push_back(FieldError::too_long(path, 128));
  for (size_t i = 0; i < manager.size(); ++i) {
    if (printable(static_cast<unsigned char>(manager[i]))) continue;
    char code[16];
    snprintf(code, sizeof code, "U+%04X", static_cast<unsigned char>(manager[i]));
    errors.push_back(FieldError::invalid(path, manager, std::string("invalid character ") + code + " (at position " + std::to_string(i) + ")"));
  }
}

std::string_view kind_of(WriteVerb verb) {
  switch (verb) {
    case WriteVerb::kCreate: return "CreateOptions";
    case WriteVerb::kUpdate: return "UpdateOptions";
    default: return "PatchOptions";
  }
}

void check_force(const WriteOptions& options, WriteVerb verb, FieldErrors& errors) {
  if (verb == WriteVerb::kApply && options.field_manager.empty())
    errors.push_back(FieldError::required(FieldPath("fieldManager"), "is required for apply patch"));
  if (verb == WriteVerb::kPatch && options.force) errors.push_back(FieldError::forbidden(FieldPath("force"), "may not be specified for non-apply patch"));
}

}  // namespace

Result<WriteOptions> parse_write_options(const http::Query& query, WriteVerb verb) {
  WriteOptions options;
  if (query.empty() && verb != WriteVerb::kApply) return options;
  FieldErrors errors;
  options.field_manager = query.get("fieldManager");
  if (verb == WriteVerb::kPatch || verb == WriteVerb::kApply) options.force = read_bool(query, "force");
  check_force(options, verb, errors);
  check_field_manager(options.field_manager, errors);
  std::vector<std::string> dry_run;
  for (std::string_view value : query.all("dryRun")) dry_run.emplace_back(value);
  check_dry_run(dry_run, errors);
  options.dry_run = !dry_run.empty();
  std::string_view validation = query.get("fieldValidation");
  if (validation == "Strict") options.field_validation = FieldValidation::kStrict;
  else if (validation == "Ignore") options.field_validation = FieldValidation::kIgnore;
  else if (!validation.empty() && validation != "Warn")
    errors.push_back(FieldError::not_supported(FieldPath("fieldValidation"), validation, {"", "Ignore", "Strict", "Warn"}));
  if (!errors.empty()) return fail(options_invalid(kind_of(verb), errors));
  return options;
}

Result<ListOptions> parse_list_options(const http::Query& query, bool watch) {
  ListOptions options;
  options.watch = watch;
  if (query.empty()) return options;
  options.label_selector = query.get("labelSelector");
  options.field_selector = query.get("fieldSelector");
  options.continue_ = query.get("continue");
  options.resource_version = query.get("resourceVersion");
  options.resource_version_match = query.get("resourceVersionMatch");
  options.send_initial_events = read_bool(query, "sendInitialEvents");
  options.watch = watch || read_bool(query, "watch").value_or(false);
  options.bookmarks = read_bool(query, "allowWatchBookmarks").value_or(false);
  std::optional<int64_t> limit;
  TRY(read_int(query, "limit", limit));
  options.limit = limit.value_or(0);
  TRY(read_int(query, "timeoutSeconds", options.timeout_seconds));
  return options;
}

namespace {

void check_list(const ListOptions& options, FieldErrors& errors) {
  FieldPath match("resourceVersionMatch");
  if (const std::string& value = options.resource_version_match; !value.empty()) {
    if (options.resource_version.empty())
      errors.push_back(FieldError::forbidden(match, "resourceVersionMatch is forbidden unless resourceVersion is provided"));
    if (!options.continue_.empty()) errors.push_back(FieldError::forbidden(match, "resourceVersionMatch is forbidden when continue is provided"));
    if (value != "Exact" && value != "NotOlderThan") errors.push_back(FieldError::not_supported(match, value, {"Exact", "NotOlderThan", ""}));
    if (value == "Exact" && options.resource_version == "0")
      errors.push_back(FieldError::forbidden(match, "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""));
  }
  if (options.send_initial_events) errors.push_back(FieldError::forbidden(FieldPath("sendInitialEvents"), "sendInitialEvents is forbidden for list"));
}

void check_watch(const ListOptions& options, FieldErrors& errors) {
  FieldPath match("resourceVersionMatch");
  const std::string& value = options.resource_version_match;
  if (options.send_initial_events && value != "NotOlderThan")
    errors.push_back(FieldError::forbidden(match, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
  if (value.empty()) return;
  if (!options.send_initial_events)
    errors.push_back(FieldError::forbidden(match, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"));
  if (value != "NotOlderThan") errors.push_back(FieldError::not_supported(match, value, {"NotOlderThan"}));
  if (!options.continue_.empty()) errors.push_back(FieldError::forbidden(match, "resourceVersionMatch is forbidden when continue is provided"));
}

}  // namespace

Status check_list_options(const ListOptions& options) {
  FieldErrors errors;
  if (options.watch) check_watch(options, errors);
  else check_list(options, errors);
  if (!errors.empty()) return fail(options_invalid("ListOptions", errors));
  return {};
}

Result<DeleteOptions> parse_delete_query(const http::Query& query) {
  DeleteOptions options;
  TRY(read_int(query, "gracePeriodSeconds", options.grace_period_seconds));
  options.orphan_dependents = read_bool(query, "orphanDependents");
  if (const std::string* policy = query.find("propagationPolicy")) options.propagation_policy = *policy;
  for (std::string_view value : query.all("dryRun")) options.dry_run_values.emplace_back(value);
  return options;
}

Status check_delete_options(DeleteOptions& options) {
  FieldErrors errors;
  FieldPath policy("propagationPolicy");
  if (options.propagation_policy && options.orphan_dependents)
    errors.push_back(FieldError::invalid(policy, *options.propagation_policy, "orphanDependents and deletionPropagation cannot be both set"));
  if (const auto& value = options.propagation_policy; value && *value != "Foreground" && *value != "Background" && *value != "Orphan")
    errors.push_back(FieldError::not_supported(policy, *value, {"Foreground", "Background", "Orphan", "nil"}));
  check_dry_run(options.dry_run_values, errors);
  options.dry_run = !options.dry_run_values.empty();
  if (!errors.empty()) return fail(options_invalid("DeleteOptions", errors));
  return {};
}

Result<uint64_t> parse_go_uint(std::string_view text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range)
    return fail(Code::kInvalidArgument, "strconv.ParseUint: parsing " + api::go_quote(text) + ": value out of range");
  if (error != std::errc() || end != text.data() + text.size())
    return fail(Code::kInvalidArgument, "strconv.ParseUint: parsing " + api::go_quote(text) + ": invalid syntax");
  return value;
}

Result<int64_t> parse_resource_version(std::string_view text) {
  if (text.empty() || text == "0") return 0;
  auto value = parse_go_uint(text);
  if (value) return static_cast<int64_t>(*value & INT64_MAX);
  api::ApiStatus status;
  status.message = "resourceVersion: Invalid value: " + api::go_quote(text) + ": " + value.error().message();
  return fail(api::to_error(std::move(status)));
}

}  // namespace reigen::apiserver
