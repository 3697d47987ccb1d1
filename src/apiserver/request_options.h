// The options of each verb, read from the query (and, for deletions, the body), and checked as kube-apiserver checks them.
// Errors carry Kubernetes' statuses: 400 for what cannot be parsed, 422 for what is not allowed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace reigen::http {
class Query;
}

namespace reigen::apiserver {

enum class FieldValidation : unsigned char { kIgnore, kWarn, kStrict };

// Create, update and patch.
struct WriteOptions {
  bool dry_run = false;
  std::string field_manager;
  FieldValidation field_validation = FieldValidation::kWarn;
  std::optional<bool> force;  // patch
};

enum class WriteVerb : unsigned char { kCreate, kUpdate, kPatch, kApply };
Result<WriteOptions> parse_write_options(const http::Query& query, WriteVerb verb);

struct ListOptions {
  std::string label_selector, field_selector;
  int64_t limit = 0;
  std::string continue_;
  std::string resource_version, resource_version_match;
  std::optional<bool> send_initial_events;
  bool watch = false, bookmarks = false;
  std::optional<int64_t> timeout_seconds;
};
// `watch` is forced for the paths that watch by prefix.
Result<ListOptions> parse_list_options(const http::Query& query, bool watch);
Status check_list_options(const ListOptions& options);

struct DeleteOptions {
  std::optional<int64_t> grace_period_seconds;
  std::optional<bool> orphan_dependents;
  std::optional<std::string> propagation_policy;
  std::optional<std::string> uid, resource_version;  // preconditions
  std::vector<std::string> dry_run_values;
  bool dry_run = false;
};
Result<DeleteOptions> parse_delete_query(const http::Query& query);
// Sets dry_run.
Status check_delete_options(DeleteOptions& options);

// A resourceVersion of a list, watch or get: "" and "0" are 0. The error is that of a plain Go error: 500 without a reason.
Result<int64_t> parse_resource_version(std::string_view text);
// As Go's strconv.ParseUint with its error's text; kInvalidArgument.
Result<uint64_t> parse_go_uint(std::string_view text);

}  // namespace reigen::apiserver
