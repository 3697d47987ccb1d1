// Who owns which field of an object (metadata.managedFields), and server-side apply.
//
// Follows k8s.io/apimachinery/pkg/util/managedfields and structured-merge-diff: every create, update and patch calls track_update();
// an apply patch calls apply_configuration(). Thread-safe: no state.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/managed_fields/field_set.h"
#include "api/object.h"
#include "api/scalars.h"
#include "api/value.h"
#include "base/result.h"

namespace reigen::api {

namespace metav1 {
struct ManagedFieldsEntry;
}

// A document and its table (nullptr: none, rules are deduced).
struct TypedDocument {
  Value document;
  const TypeDesc* type = nullptr;
};

struct FieldTracking {
  const KindInfo* kind = nullptr;   // of the objects, in the version of the request
  std::string_view subresource;     // "status", ...; empty for the resource itself
  const FieldSet* reset = nullptr;  // what the strategy resets (see reset_fields); nullptr: nothing
  Time now;
  // The document (with apiVersion and kind) in another version. An error means that the version is gone: its owners are dropped.
  // Empty where a kind has one version.
  std::function<Result<TypedDocument>(const Value& document, std::string_view api_version)> convert;
};

// The manager's name where the request names none: the user agent up to its first '/', "unknown" where that is empty, cut to 128
// bytes of what is printable.
std::string manager_of(std::string_view requested, std::string_view user_agent);

// Sets `object`'s managed fields for a write that is no apply. `live` is nullptr on creation. Managed fields that the object brings
// along replace the live ones ([{}] resets them), but for subresources. What cannot be understood is dropped, never an error.
void track_update(const FieldTracking& tracking, const Object* live, Object& object, std::string_view manager);

struct Applied {
  Object object;        // not defaulted yet; with its managed fields
  bool changed = true;  // false: only managed fields may differ from the live object
};
// Lays the configuration over the live object (nullptr: creates it). Errors are statuses: 400 for a wrong kind or managed fields in the
// configuration, 409 with the conflicts, 500 where it does not fit the schema.
Result<Applied> apply_configuration(const FieldTracking& tracking, const Object* live, const Value& configuration, std::string_view manager, bool force);

// What the strategy of a resource resets on writes through it or one of its subresources; nullptr where nothing. Lives for ever.
const FieldSet* reset_fields(std::string_view group, std::string_view version, std::string_view plural, std::string_view subresource);

// Scale: the owners of `spec.replicas` of a workload (or what `replicas` names) as the Scale object shows them, and back.
std::vector<metav1::ManagedFieldsEntry> managed_fields_of_scale(const std::vector<metav1::ManagedFieldsEntry>& parent, std::string_view parent_api_version,
                                                                const Path& replicas);
std::vector<metav1::ManagedFieldsEntry> managed_fields_from_scale(const std::vector<metav1::ManagedFieldsEntry>& parent,
                                                                  const std::vector<metav1::ManagedFieldsEntry>& scale, std::string_view parent_api_version,
                                                                  const Path& replicas);

// True where the two differ in nothing but time stamps.
bool same_but_times(const std::vector<metav1::ManagedFieldsEntry>& a, const std::vector<metav1::ManagedFieldsEntry>& b);

}  // namespace reigen::api
