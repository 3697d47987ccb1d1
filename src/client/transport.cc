#include "client/transport.h"

namespace reigen::client {

std::string_view to_string(Verb verb) {
  switch (verb) {
    case Verb::kGet: return "get";
    case Verb::kList: return "list";
    case Verb::kWatch: return "watch";
    case Verb::kCreate: return "create";
    case Verb::kUpdate: return "update";
    case Verb::kPatch:
    case Verb::kApply: return "patch";
    case Verb::kDelete: return "delete";
    case Verb::kDeleteCollection: return "deletecollection";
  }
  return "";
}

std::string_view media_type(PatchType type) {
  switch (type) {
    case PatchType::kJson: return "application/json-patch+json";
    case PatchType::kMerge: return "application/merge-patch+json";
    case PatchType::kStrategic: return "application/strategic-merge-patch+json";
    case PatchType::kApply: return "application/apply-patch+yaml";
  }
  return "";
}

std::string path_of(const Request& request) {
  std::string_view group = request.group, version = request.version, plural = request.plural;
  if (request.kind && request.kind->resource) {
    group = request.kind->resource->group;
    version = request.kind->resource->version;
    plural = request.kind->resource->plural;
  }
  std::string path = group.empty() ? "/api/" : "/apis/" + std::string(group) + "/";
  path += version;
  if (!request.namespace_.empty()) path += "/namespaces/" + request.namespace_;
  path += "/" + std::string(plural);
  if (!request.name.empty() && request.verb != Verb::kList && request.verb != Verb::kWatch && request.verb != Verb::kDeleteCollection)
    path += "/" + request.name;
  if (!request.subresource.empty()) path += "/" + request.subresource;
  return path;
}

}  // namespace reigen::client
