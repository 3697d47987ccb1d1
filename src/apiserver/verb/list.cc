// Get and list: rules of registry Store.List and etcd3's GetList.

#include "api/errors.h"
#include "apiserver/continue_token.h"
#include "apiserver/core.h"
#include "apiserver/verb/selection.h"
#include "apiserver/verb/verbs.h"

namespace reigen::apiserver {
namespace {

// Keys looked at in one go when a selector leaves some out.
constexpr size_t kScan = 500;

Error too_old() { return api::expired("The resourceVersion for the provided list is too old."); }

Error continue_expired() {
  return api::expired(
      "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.");
}

Error too_new(int64_t asked, int64_t current) {
  api::ApiStatus status;
  status.code = 504;
  status.reason = "Timeout";
  status.message = "Too large resource version: " + std::to_string(asked) + ", current: " + std::to_string(current);
  status.has_details = true;
  status.causes.push_back({"ResourceVersionTooLarge", "Too large resource version", ""});
  status.retry_after_seconds = 1;
  return api::to_error(std::move(status));
}

struct Where {
  int64_t revision = 0;  // 0: now
  std::string start;     // key to begin with
  bool continued = false;
};

// Which state is asked for.
Result<Where> resolve(Call& call, const ListOptions& options) {
  Where where;
  if (!options.continue_.empty()) {
    auto token = decode_continue(options.continue_);
    if (!token) return reigen::fail(api::bad_request("invalid continue token: " + token.error().message()));
    if (!options.resource_version.empty() && options.resource_version != "0")
      return reigen::fail(api::bad_request("specifying resource version is not allowed when using continue"));
    where.revision = token->revision > 0 ? token->revision : 0;
    where.start = call.resource->key_prefix + token->start;
    where.continued = true;
    return where;
  }
  TRY_ASSIGN(int64_t version, parse_resource_version(options.resource_version));
  if (version == 0) return where;
  bool exact = options.resource_version_match == "Exact" || (options.resource_version_match.empty() && options.limit > 0);
  int64_t current = call.core.store.current_revision();
  if (version > current) return reigen::fail(too_new(version, current));
  if (exact) where.revision = version;
  return where;
}

Result<store::ListResult> list_store(Call& call, const std::string& prefix, const Where& where, size_t limit) {
  store::ListOptions options;
  options.revision = where.revision;
  options.start = where.start;
  options.limit = limit;
  auto result = call.core.store.list(prefix, options);
  if (result || result.error().code() != Code::kGone) return result;
  return reigen::fail(where.continued ? continue_expired() : too_old());
}

void set_continue(Call& call, ListPage& page, std::string_view last_key) {
  std::string start(last_key.substr(call.resource->key_prefix.size()));
  start += '\0';
  page.continue_ = encode_continue({page.revision, std::move(start)});
}

Result<ListPage> read_everything(Call& call, const Selection& selection, const Where& where, size_t limit) {
  TRY_ASSIGN(store::ListResult result, list_store(call, selection.key_prefix(), where, limit));
  ListPage page{.entries = std::move(result.entries), .revision = result.revision, .continue_ = {}, .remaining = {}};
  if (!result.more || page.entries.empty()) return page;
  set_continue(call, page, page.entries.back()->key);
  page.remaining = static_cast<int64_t>(result.remaining);
  return page;
}

Result<ListPage> read_selected(Call& call, const Selection& selection, Where where, size_t limit) {
  ListPage page;
  const std::string prefix = selection.key_prefix();
  while (true) {
    TRY_ASSIGN(store::ListResult result, list_store(call, prefix, where, limit ? kScan : 0));
    page.revision = result.revision;
    for (size_t i = 0; i < result.entries.size(); ++i) {
      TRY_ASSIGN(api::Object object, call.core.cache.stored(result.entries[i], *call.resource, ObjectCache::Keep::kNo));
      if (!selection.matches(object)) continue;
      page.entries.push_back(result.entries[i]);
      if (!limit || page.entries.size() < limit) continue;
      if (i + 1 < result.entries.size() || result.more) set_continue(call, page, result.entries[i]->key);
      return page;
    }
    if (!result.more || result.entries.empty()) return page;
    where.start = result.entries.back()->key + '\0';
    where.revision = result.revision;
  }
}

Result<ListPage> read_one(Call& call, const Selection& selection, const Where& where) {
  if (where.revision) return read_selected(call, selection, where, 0);
  ListPage page;
  page.revision = call.core.store.current_revision();
  TRY_ASSIGN(store::EntryPtr entry, call.core.store.get(selection.key_prefix()));
  if (!entry) return page;
  TRY_ASSIGN(api::Object object, call.core.cache.stored(entry, *call.resource));
  if (selection.matches(object)) page.entries.push_back(std::move(entry));
  return page;
}

}  // namespace

Result<ListPage> read_page(Call& call, const ListOptions& options) {
  TRY_ASSIGN(Selection selection, parse_selection(call, options));
  TRY_ASSIGN(Where where, resolve(call, options));
  size_t limit = options.limit > 0 ? static_cast<size_t>(options.limit) : 0;
  bool conflicting =
      call.resource->info->namespaced && !call.ns().empty() && selection.fields.exact("metadata.namespace").value_or(std::string(call.ns())) != call.ns();
  if (conflicting) {
    ListPage page;
    page.revision = where.revision ? where.revision : call.core.store.current_revision();
    return page;
  }
  bool one = !selection.name.empty() && (!call.resource->info->namespaced || !selection.namespace_.empty());
  if (one) return read_one(call, selection, where);
  return selection.everything() ? read_everything(call, selection, where, limit) : read_selected(call, selection, std::move(where), limit);
}

void do_list(const CallPtr& call) {
  auto options = parse_list_options(call->request->query, false);
  if (!options) return call->fail(options.error());
  if (auto status = check_list_options(*options); !status) return call->fail(status.error());
  auto page = read_page(*call, *options);
  if (!page) return call->fail(page.error());
  call->answer->list(*call, std::move(*page));
}

void do_get(const CallPtr& call) {
  const auto& query = call->request->query;
  if (!query.empty()) {
    if (const std::string* exported = query.find("export"); exported && query_bool(*exported))
      return call->fail(api::bad_request("the export parameter, deprecated since v1.14, is no longer supported"));
    auto version = parse_resource_version(query.get("resourceVersion"));
    if (!version) return call->fail(version.error());
    int64_t current = *version ? call->core.store.current_revision() : 0;
    if (*version > current) return call->fail(too_new(*version, current));
  }
  auto entry = call->core.store.get(call->resource->key(call->ns(), call->name()));
  if (!entry) return call->fail(entry.error());
  if (!*entry) return call->fail(api::not_found(call->resource->name(), call->name()));
  call->answer->stored(*call, 200, *entry);
}

}  // namespace reigen::apiserver
