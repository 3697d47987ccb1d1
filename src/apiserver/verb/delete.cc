// Delete and deletecollection: rules of apiserver's handlers/delete.go.

#include <atomic>

#include "api/errors.h"
#include "api/json.h"
#include "api/metav1.h"
#include "api/protobuf.h"
#include "api/yaml.h"
#include "apiserver/codec.h"
#include "apiserver/core.h"
#include "apiserver/verb/selection.h"
#include "apiserver/verb/verbs.h"
#include "apiserver/verb/write.h"

namespace reigen::apiserver {
namespace {

// An error with no reason of its own: 500 and the text.
Fail plain_error(std::string message) {
  api::ApiStatus status;
  status.message = std::move(message);
  return reigen::fail(api::to_error(std::move(status)));
}

DeleteOptions options_of(api::metav1::DeleteOptions in) {
  DeleteOptions options;
  options.grace_period_seconds = in.grace_period_seconds;
  options.orphan_dependents = in.orphan_dependents;
  if (in.propagation_policy) options.propagation_policy = std::string(*in.propagation_policy);
  if (in.preconditions) {
    options.uid = in.preconditions->uid;
    options.resource_version = in.preconditions->resource_version;
  }
  options.dry_run_values = std::move(in.dry_run);
  return options;
}

Result<DeleteOptions> decode_options(std::string_view body, Encoding encoding) {
  if (encoding == Encoding::kProtobuf) {
    auto object = api::decode_protobuf(body, api::kind_of<api::metav1::DeleteOptions>());
    if (!object) return plain_error(object.error().message());
    return options_of(object->as<api::metav1::DeleteOptions>());
  }
  std::string json(body);
  if (encoding == Encoding::kYaml) {
    auto converted = api::parse_yaml(body);
    if (!converted) return plain_error(converted.error().message());
    json = api::to_json(*converted);
  }
  auto meta = api::peek_type_meta(json);
  if (!meta) return plain_error("couldn't get version/kind; json parse error: " + meta.error().message());
  if (!meta->kind.empty() && meta->kind != "DeleteOptions")
    return plain_error("no kind \"" + meta->kind + "\" is registered for version \"" + (meta->api_version.empty() ? "v1" : meta->api_version) +
                       "\" in scheme \"k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27\"");
  auto options = api::decode_json_as<api::metav1::DeleteOptions>(json);
  if (!options) return plain_error(options.error().message());
  return options_of(std::move(*options));
}

Result<DeleteOptions> read_options(Call& call) {
  DeleteOptions options;
  if (call.body_object) {
    options = options_of(call.body_object.as<api::metav1::DeleteOptions>());
  } else if (!call.request->body.empty()) {
    auto encoding = input_encoding(call.request->headers.get("Content-Type"));
    if (!encoding) return reigen::fail(unsupported_body());
    TRY_ASSIGN(options, decode_options(call.request->body, *encoding));
  } else {
    TRY_ASSIGN(options, parse_delete_query(call.request->query));
  }
  TRY(check_delete_options(options));
  return options;
}

api::Object success_status(Call& call, const std::string& name, const std::string& uid) {
  api::metav1::Status status;
  status.status = "Success";
  auto& details = status.details.ensure();
  details.name = name;
  details.group = call.resource->group();
  details.kind = call.resource->plural();
  details.uid = uid;
  return api::Object::of(std::move(status));
}

}  // namespace

void do_delete(const CallPtr& call) {
  auto options = read_options(*call);
  if (!options) return call->fail(options.error());
  bool orphan_false = options->orphan_dependents && !*options->orphan_dependents;
  run_delete(call, std::string(call->ns()), std::string(call->name()), *options, [call, orphan_false](Result<DeleteResult> result) {
    if (!result) return call->fail(result.error());
    int code = !result->deleted && orphan_false ? 202 : 200;
    if (result->object) return call->succeed(code, std::move(result->object));
    call->succeed(code, success_status(*call, std::string(call->name()), result->uid));
  });
}

namespace {

struct CollectionRun {
  CallPtr call;
  DeleteOptions options;
  ListPage page;
  std::atomic<size_t> left{0};
  std::mutex mutex;
  std::optional<Error> error;
};

void finish_one(const std::shared_ptr<CollectionRun>& run, const Result<DeleteResult>& result) {
  if (!result && !api::is_not_found(result.error())) {
    std::lock_guard lock(run->mutex);
    if (!run->error) run->error = result.error();
  }
  if (run->left.fetch_sub(1) != 1) return;
  if (run->error) return run->call->fail(*run->error);
  run->call->answer->list(*run->call, std::move(run->page));
}

}  // namespace

void do_delete_collection(const CallPtr& call) {
  auto list = parse_list_options(call->request->query, false);
  if (!list) return call->fail(list.error());
  if (auto status = check_list_options(*list); !status) return call->fail(status.error());
  auto options = read_options(*call);
  if (!options) return call->fail(options.error());
  auto page = read_page(*call, *list);
  if (!page) return call->fail(page.error());
  auto run = std::make_shared<CollectionRun>();
  run->call = call;
  run->options = std::move(*options);
  run->page = std::move(*page);
  std::vector<std::pair<std::string, std::string>> names;
  for (const store::EntryPtr& entry : run->page.entries) names.push_back(names_of(*call->resource, entry->key));
  run->left = names.size() + 1;
  for (auto& [namespace_, name] : names) run_delete(call, namespace_, name, run->options, [run](Result<DeleteResult> result) { finish_one(run, result); });
  finish_one(run, DeleteResult{});
}

}  // namespace reigen::apiserver
