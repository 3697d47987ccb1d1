// What fills in the defaults of one type of struct, wherever it stands inside an object. Outer structs come before inner ones.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "api/type_desc.h"

namespace reigen::api {

class DefaultHooks {
 public:
  using Hook = void (*)(void*);
  // F is `void f(T&)`.
  template <auto F>
  void add() {
    add_function<F>(F);
  }
  Hook find(const TypeDesc& type) const {
    auto it = hooks_.find(&type);
    return it == hooks_.end() ? nullptr : it->second;
  }

 private:
  template <auto F, class T>
  void add_function(void (*)(T&)) {
    hooks_[&type_of<T>()] = [](void* object) { F(*static_cast<T*>(object)); };
  }
  std::map<const TypeDesc*, Hook> hooks_;
};

// One a group; sources: pkg/apis/<group>/<version>/defaults.go and conversion.go of Kubernetes 1.32, with the gates that are on there.
void add_core_defaults(DefaultHooks& hooks);
void add_pod_defaults(DefaultHooks& hooks);
void add_apps_defaults(DefaultHooks& hooks);
void add_batch_defaults(DefaultHooks& hooks);
void add_autoscaling_defaults(DefaultHooks& hooks);
void add_networking_defaults(DefaultHooks& hooks);  // discovery too
void add_rbac_defaults(DefaultHooks& hooks);        // authentication too
void add_storage_defaults(DefaultHooks& hooks);
void add_scheduling_defaults(DefaultHooks& hooks);
void add_flowcontrol_defaults(DefaultHooks& hooks);
void add_extension_defaults(DefaultHooks& hooks);  // admissionregistration, apiextensions, apiregistration

// Sets what is absent.
template <class T, class V>
void default_to(T& field, V value) {
  if (!field) field = T(std::move(value));
}
template <class V>
void default_text(std::string& field, V value) {
  if (field.empty()) field = value;
}
template <class V>
void default_number(int32_t& field, V value) {
  if (field == 0) field = value;
}

}  // namespace reigen::api
