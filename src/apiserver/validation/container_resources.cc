// Resource requests and limits.

#include "api/validation.h"
#include "apiserver/validation/go_value.h"
#include "apiserver/validation/pod_parts.h"
#include "apiserver/validation/resources.h"

namespace reigen::apiserver {
namespace {

using namespace api::corev1;

// Is the amount a multiple of the page size the name says?
bool is_divisible(std::string_view name, const api::Quantity& amount) {
  auto page = api::Quantity::parse(name.substr(std::string_view("hugepages-").size()));
  if (!page || page->is_zero() || page->is_negative() || page->milli_value() % 1000 != 0) return false;
  return amount.value() % page->value() == 0;
}

struct Seen {
  bool compute = false;
  bool huge_pages = false;
};

void check_amount(const std::string& name, const api::Quantity& amount, const FieldPath& path, FieldErrors& errors) {
  check_container_resource_name(errors, path, name);
  check_resource_quantity(errors, path, name, amount);
}

void check_huge_pages(const std::string& name, const api::Quantity& amount, const FieldPath& path, const PodOptions& options, Seen& seen, FieldErrors& errors) {
  if (is_hugepage_resource(name)) {
    seen.huge_pages = true;
    if (!options.allow_indivisible_huge_pages && !is_divisible(name, amount))
      reject(errors, path, amount.to_string(), amount.to_string() + " is not positive integer multiple of " + name);
  }
  if (name == "cpu" || name == "memory") seen.compute = true;
}

// A request against its limit.
void check_against_limit(const std::string& name, const api::Quantity& request, const api::Quantity* limit, const FieldPath& path, FieldErrors& errors) {
  bool overcommit = is_native_resource(name) && !is_hugepage_resource(name);
  if (!limit) {
    if (!overcommit) require(errors, path.child("limits"), "Limit must be set for non overcommitable resources");
  } else if (request != *limit && !overcommit) {
    reject(errors, path.child("requests"), request.to_string(), "must be equal to " + name + " limit of " + limit->to_string());
  } else if (request > *limit) {
    reject(errors, path.child("requests"), request.to_string(), "must be less than or equal to " + name + " limit of " + limit->to_string());
  }
}

void check_claims(const std::vector<ResourceClaim>& claims, const NameSet& known, const FieldPath& path, FieldErrors& errors) {
  NameSet names;
  for (size_t i = 0; i < claims.size(); ++i) {
    FieldPath at = path.index(i);
    const std::string& name = claims[i].name;
    if (name.empty()) {
      require(errors, at);
      continue;
    }
    std::string key = claims[i].request.empty() ? name : name + "/" + claims[i].request;
    if (names.contains(name) || names.contains(key)) report_duplicate(errors, at, names.contains(name) ? name : key);
    names.insert(key);
    if (known.contains(name)) continue;
    api::FieldError error = api::FieldError::not_found(at, name);
    error.detail = "must be one of the names in pod.spec.resourceClaims";
    std::string list;
    for (const auto& one : known) list += (list.empty() ? "" : ", ") + one;
    error.detail += list.empty() ? " which is empty" : ": " + list;
    errors.push_back(std::move(error));
  }
}

}  // namespace

bool has_indivisible_huge_pages(const api::Map<api::Quantity>& list) {
  for (const auto& [name, amount] : list)
    if (is_hugepage_resource(name) && !is_divisible(name, amount)) return true;
  return false;
}

void validate_resources(const ResourceRequirements& resources, const NameSet& claims, const FieldPath& path, const PodOptions& options, FieldErrors& errors) {
  FieldPath limits = path.child("limits");
  FieldPath requests = path.child("requests");
  Seen seen;
  for (const auto& [name, amount] : resources.limits) {
    FieldPath at = limits.key(name);
    check_amount(name, amount, at, errors);
    check_huge_pages(name, amount, at, options, seen, errors);
  }
  for (const auto& [name, amount] : resources.requests) {
    FieldPath at = requests.key(name);
    check_amount(name, amount, at, errors);
    check_against_limit(name, amount, resources.limits.get(name), path, errors);
    check_huge_pages(name, amount, at, options, seen, errors);
  }
  if (seen.huge_pages && !seen.compute) forbid(errors, path, "HugePages require cpu or memory");
  check_claims(resources.claims, claims, path.child("claims"), errors);
}

}  // namespace reigen::apiserver
