#include "api/kind_info.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace reigen::api {
namespace {

// Kinds of meta/v1 that Kubernetes registers in every group and version.
constexpr std::string_view kEverywhere[] = {"ApplyOptions", "CreateOptions", "DeleteOptions", "GetOptions",
                                            "ListOptions",  "PatchOptions",  "UpdateOptions", "WatchEvent"};

const KindInfo* find_exact(std::string_view group, std::string_view version, std::string_view kind) {
  auto kinds = all_kinds();
  auto key = std::tie(group, version, kind);
  auto it =
      std::lower_bound(kinds.begin(), kinds.end(), key, [](const KindInfo* k, const auto& wanted) { return std::tie(k->group, k->version, k->kind) < wanted; });
  if (it == kinds.end() || std::tie((*it)->group, (*it)->version, (*it)->kind) != key) return nullptr;
  return *it;
}

}  // namespace

const KindInfo* find_kind(std::string_view group, std::string_view version, std::string_view kind) {
  if (const KindInfo* found = find_exact(group, version, kind)) return found;
  if (std::ranges::find(kEverywhere, kind) != std::end(kEverywhere)) return find_exact("", "v1", kind);
  return nullptr;
}

const KindInfo* find_kind(std::string_view api_version, std::string_view kind) {
  size_t slash = api_version.find('/');
  if (slash == std::string_view::npos) return find_kind("", api_version, kind);
  if (slash == 0) return nullptr;
  return find_kind(api_version.substr(0, slash), api_version.substr(slash + 1), kind);
}

const ResourceInfo* find_resource(std::string_view group, std::string_view version, std::string_view plural, std::string_view subresource) {
  auto resources = all_resources();
  auto key = std::tie(group, version, plural, subresource);
  auto fields = [](const ResourceInfo* r) { return std::tie(r->group, r->version, r->plural, r->subresource); };
  auto it = std::lower_bound(resources.begin(), resources.end(), key, [&](const ResourceInfo* r, const auto& wanted) { return fields(r) < wanted; });
  return it == resources.end() || fields(*it) != key ? nullptr : *it;
}

}  // namespace reigen::api
