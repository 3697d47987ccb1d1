#include "client/client.h"

#include "api/corev1.h"

namespace reigen::client {

Request Client::request(Verb verb, const api::KindInfo& kind, std::string_view namespace_, std::string_view name) const {
  Request request;
  request.verb = verb;
  request.kind = &kind;
  request.namespace_ = namespace_;
  request.name = name;
  request.field_manager = manager_;
  return request;
}

Result<api::Object> Client::get_object(const api::KindInfo& kind, std::string_view namespace_, std::string_view name) const {
  TRY_ASSIGN(auto response, transport_.call(request(Verb::kGet, kind, namespace_, name)));
  return std::move(response.object);
}

Result<Response> Client::list_objects(const api::KindInfo& kind, std::string_view namespace_, const ListOptions& options) const {
  Request list = request(Verb::kList, kind, namespace_, "");
  list.label_selector = options.label_selector;
  list.field_selector = options.field_selector;
  list.limit = options.limit;
  list.continue_ = options.continue_;
  list.resource_version = options.resource_version;
  list.resource_version_match = options.resource_version_match;
  return transport_.call(list);
}

Result<api::Object> Client::write(Verb verb, api::Object object, std::string_view subresource, bool force) const {
  const auto& meta = object.meta();
  Request write = request(verb, object.kind(), meta.namespace_, verb == Verb::kCreate ? "" : meta.name);
  write.subresource = subresource;
  write.force = force;
  write.patch_type = PatchType::kApply;
  write.body = std::move(object);
  TRY_ASSIGN(auto response, transport_.call(write));
  return std::move(response.object);
}

Result<api::Object> Client::patch_object(const api::KindInfo& kind, std::string_view namespace_, std::string_view name, PatchType type, std::string body,
                                         std::string_view subresource) const {
  Request patch = request(type == PatchType::kApply ? Verb::kApply : Verb::kPatch, kind, namespace_, name);
  patch.patch_type = type;
  patch.patch = std::move(body);
  patch.subresource = subresource;
  TRY_ASSIGN(auto response, transport_.call(patch));
  return std::move(response.object);
}

Status Client::remove_object(const api::KindInfo& kind, std::string_view namespace_, std::string_view name, DeleteOptions options) const {
  Request remove = request(Verb::kDelete, kind, namespace_, name);
  remove.delete_options = std::move(options);
  TRY(transport_.call(remove));
  return {};
}

Status Client::remove_objects(const api::KindInfo& kind, std::string_view namespace_, const ListOptions& which, DeleteOptions options) const {
  Request remove = request(Verb::kDeleteCollection, kind, namespace_, "");
  remove.label_selector = which.label_selector;
  remove.field_selector = which.field_selector;
  remove.limit = which.limit;
  remove.delete_options = std::move(options);
  TRY(transport_.call(remove));
  return {};
}

Result<api::Object> Client::create_sub(const api::KindInfo& kind, std::string_view namespace_, std::string_view name, std::string_view subresource,
                                       api::Object body) const {
  Request create = request(Verb::kCreate, kind, namespace_, name);
  create.subresource = subresource;
  create.body = std::move(body);
  TRY_ASSIGN(auto response, transport_.call(create));
  return std::move(response.object);
}

Status Client::bind(std::string_view namespace_, std::string_view pod, std::string_view uid, std::string_view node) const {
  api::corev1::Binding binding;
  binding.metadata.namespace_ = namespace_;
  binding.metadata.name = pod;
  binding.metadata.uid = uid;
  binding.target.kind = "Node";
  binding.target.name = node;
  TRY(create_sub(api::kind_of<api::corev1::Pod>(), namespace_, pod, "binding", api::Object::of(std::move(binding))));
  return {};
}

}  // namespace reigen::client
