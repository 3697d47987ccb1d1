// What all kinds' metadata has in common: system fields, its validation, generation. Rules of apiserver's registry/rest and of
// apimachinery's ValidateObjectMeta.
#pragma once

#include <string>
#include <string_view>

#include "api/field_error.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"

namespace reigen::api {
class Object;
namespace metav1 {
struct ObjectMeta;
}
}  // namespace reigen::api

namespace reigen::apiserver {

class Strategy;

// Before admission of a create: what only the server may set is cleared.
void wipe_system_fields(api::metav1::ObjectMeta& meta);
void fill_system_fields(api::metav1::ObjectMeta& meta, Random& random, WallTime now);
// Sets the request's namespace where the object names none. 400 when it names another.
Status match_namespace(api::metav1::ObjectMeta& meta, std::string_view request_namespace);
// Name, generated from generateName: cut so that prefix and suffix fit into 63 characters.
std::string generate_name(std::string_view prefix, Random& random);

void validate_meta(const api::metav1::ObjectMeta& meta, bool namespaced, const Strategy& strategy, api::FieldErrors& errors);
// For the ValidateUpdate of kinds that checks the metadata, with the kind's own rule for names, once more.
void repeat_meta(const Strategy& strategy, const api::Object& object, bool namespaced, api::FieldErrors& errors);
void validate_meta_update(const api::metav1::ObjectMeta& meta, const api::metav1::ObjectMeta& old, api::FieldErrors& errors);
// Update: fields that an update cannot change are taken from old.
void keep_system_fields(api::metav1::ObjectMeta& meta, const api::metav1::ObjectMeta& old);

// Removes owner references with the same uid; true when there were any.
bool dedup_owner_references(api::metav1::ObjectMeta& meta, std::string& warning);

}  // namespace reigen::apiserver
