// managedFields decoded: one entry an owner.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/managed_fields/field_set.h"
#include "api/scalars.h"
#include "base/result.h"

namespace reigen::api {

namespace metav1 {
struct ManagedFieldsEntry;
}

struct Owner {
  std::string manager;
  bool applied = false;
  std::string api_version;
  std::string subresource;
  std::optional<Time> time;
  FieldSet fields;

  // Appliers are told apart whatever their version.
  bool same_identity(const Owner& other) const {
    return manager == other.manager && applied == other.applied && subresource == other.subresource && (applied || api_version == other.api_version);
  }
  // "\"kubectl\" with subresource \"scale\" using apps/v1"
  std::string describe() const;
};

using Owners = std::vector<Owner>;

Result<Owners> decode_owners(const std::vector<metav1::ManagedFieldsEntry>& entries);
// Sorted as the API shows them; empty sets are left out.
std::vector<metav1::ManagedFieldsEntry> encode_owners(Owners owners);
Owner* find_owner(Owners& owners, const Owner& identity);
// At most ten owners by update: the oldest of a version become "ancient-changes".
void cap_update_owners(Owners& owners);

}  // namespace reigen::api
