#include "api/managed_fields/owners.h"

#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/core.h>

#include "api/go_quote.h"
#include "api/managed_fields.h"
#include "api/metav1.h"

namespace reigen::api {
namespace {

int64_t seconds_of(const std::optional<Time>& time) { return time && !time->is_zero() ? time->seconds : 0; }

}  // namespace

std::string Owner::describe() const {
  std::string out = go_quote(manager);
  if (!subresource.empty()) out += fmt::format(" with subresource {}", go_quote(subresource));
  if (!applied) out += fmt::format(" using {}", api_version);
  return out;
}

Result<Owners> decode_owners(const std::vector<metav1::ManagedFieldsEntry>& entries) {
  Owners owners;
  for (const auto& entry : entries) {
    auto bad = [](std::string_view message) { return fail(Code::kInvalidArgument, std::string(message)); };
    if (entry.operation != "Apply" && entry.operation != "Update") return bad("operation must be `Apply` or `Update`");
    if (entry.api_version.empty()) return bad("apiVersion must not be empty");
    if (entry.fields_type.empty()) return bad("missing fieldsType in managed fields entry");
    if (entry.fields_type != "FieldsV1") return bad("invalid fieldsType in managed fields entry");
    Owner owner{entry.manager, entry.operation == "Apply", entry.api_version, entry.subresource, entry.time, {}};
    if (entry.fields_v1 && !entry.fields_v1->empty()) {
      TRY_ASSIGN(owner.fields, FieldSet::parse(entry.fields_v1->raw));
    }
    if (Owner* same = find_owner(owners, owner)) *same = std::move(owner);
    else owners.push_back(std::move(owner));
  }
  return owners;
}

std::vector<metav1::ManagedFieldsEntry> encode_owners(Owners owners) {
  std::erase_if(owners, [](const Owner& owner) { return owner.fields.empty(); });
  std::ranges::sort(owners, {}, [](const Owner& o) {
    return std::make_tuple(!o.applied, seconds_of(o.time), std::string_view(o.manager), std::string_view(o.api_version), std::string_view(o.subresource));
  });
  std::vector<metav1::ManagedFieldsEntry> entries;
  entries.reserve(owners.size());
  for (auto& owner : owners) {
    auto& entry = entries.emplace_back();
    entry.manager = std::move(owner.manager);
    entry.operation = owner.applied ? "Apply" : "Update";
    entry.api_version = std::move(owner.api_version);
    entry.time = owner.time;
    entry.fields_type = "FieldsV1";
    entry.fields_v1.emplace(owner.fields.to_json());
    entry.subresource = std::move(owner.subresource);
  }
  return entries;
}

Owner* find_owner(Owners& owners, const Owner& identity) {
  auto it = std::ranges::find_if(owners, [&](const Owner& owner) { return owner.same_identity(identity); });
  return it == owners.end() ? nullptr : &*it;
}

void cap_update_owners(Owners& owners) {
  constexpr size_t kMaxUpdaters = 10;
  auto is_updater = [](const Owner& owner) { return !owner.applied; };
  auto count = static_cast<size_t>(std::ranges::count_if(owners, is_updater));
  if (count <= kMaxUpdaters) return;
  Owners updaters;
  std::ranges::copy_if(owners, std::back_inserter(updaters), is_updater);
  std::erase_if(owners, is_updater);
  std::ranges::sort(updaters, {}, [](const Owner& o) {
    return std::make_tuple(seconds_of(o.time), std::string_view(o.manager), std::string_view(o.api_version), std::string_view(o.subresource));
  });
  // The oldest of each version wait to become its bucket; from the second on they are merged.
  std::map<std::string, size_t, std::less<>> first_of_version;
  for (size_t i = 0; i < updaters.size() && count > kMaxUpdaters; ++i) {
    Owner& owner = updaters[i];
    auto [first, is_first] = first_of_version.try_emplace(owner.api_version, i);
    if (is_first) continue;
    Owner bucket{"ancient-changes", false, owner.api_version, "", owner.time, {}};
    Owner* found = find_owner(updaters, bucket);
    Owner& into = found && !found->fields.empty() ? *found : updaters[first->second];
    into.manager = bucket.manager;
    into.subresource.clear();
    if (&into != &owner) {
      into.fields = into.fields.united(owner.fields);
      owner.fields = {};
      --count;
    }
    into.time = owner.time;
  }
  for (auto& owner : updaters)
    if (!owner.fields.empty()) owners.push_back(std::move(owner));
}

namespace {

Owners decode_or_none(const std::vector<metav1::ManagedFieldsEntry>& entries) {
  auto owners = decode_owners(entries);
  return owners ? std::move(*owners) : Owners();
}

FieldSet set_of(const Path& path) {
  FieldSet set;
  set.insert(path);
  return set;
}

}  // namespace

std::vector<metav1::ManagedFieldsEntry> managed_fields_of_scale(const std::vector<metav1::ManagedFieldsEntry>& parent, std::string_view parent_api_version,
                                                                const Path& replicas) {
  Owners scale;
  for (auto& owner : decode_or_none(parent)) {
    if (owner.api_version != parent_api_version || !owner.fields.has(replicas)) continue;
    owner.api_version = "autoscaling/v1";
    owner.fields = FieldSet::of({{"spec", "replicas"}});
    scale.push_back(std::move(owner));
  }
  return encode_owners(std::move(scale));
}

std::vector<metav1::ManagedFieldsEntry> managed_fields_from_scale(const std::vector<metav1::ManagedFieldsEntry>& parent,
                                                                  const std::vector<metav1::ManagedFieldsEntry>& scale, std::string_view parent_api_version,
                                                                  const Path& replicas) {
  Owners out, owners = decode_or_none(parent), scalers = decode_or_none(scale);
  auto take_scaler = [&](const Owner& owner) {
    auto it = std::ranges::find_if(
        scalers, [&](const Owner& s) { return s.manager == owner.manager && s.applied == owner.applied && s.subresource == owner.subresource; });
    if (it == scalers.end()) return false;
    scalers.erase(it);
    return true;
  };
  for (auto& owner : owners) {
    if (owner.fields.has(replicas) && !take_scaler(owner)) owner.fields = owner.fields.minus(set_of(replicas));
    if (!owner.fields.empty()) out.push_back(std::move(owner));
  }
  for (auto& owner : scalers) {
    if (!owner.fields.has({PathElement::field("spec"), PathElement::field("replicas")})) continue;
    owner.api_version = parent_api_version;
    owner.fields = set_of(replicas);
    owner.time = {};  // kube-apiserver loses it here
    out.push_back(std::move(owner));
  }
  return encode_owners(std::move(out));
}

bool same_but_times(const std::vector<metav1::ManagedFieldsEntry>& a, const std::vector<metav1::ManagedFieldsEntry>& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
    return x.manager == y.manager && x.operation == y.operation && x.api_version == y.api_version && x.subresource == y.subresource &&
           x.fields_type == y.fields_type && x.fields_v1 == y.fields_v1;
  });
}

}  // namespace reigen::api
