#include "api/defaults.h"

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/defaults/hooks.h"
#include "api/scalars.h"
#include "base/check.h"

namespace reigen::api {
namespace {

// What is to be done for a type: its hook, then its fields that have something to do.
struct Plan {
  struct Step {
    const FieldDesc* field;
    const Plan* inner = nullptr;  // of the struct in, behind or among the field
    bool round_quantities = false;
  };
  DefaultHooks::Hook hook = nullptr;
  std::vector<Step> steps;
  bool empty() const { return !hook && steps.empty(); }
};

const TypeDesc* innermost(const ValueType& type) {
  const ValueType* at = &type;
  while (at->element) at = at->element;
  return at->kind == Kind::kStruct ? at->type : nullptr;
}

// All plans, made at the first use. No recursive type has defaults, so a type that is being planned counts as having none.
class Plans {
 public:
  Plans() {
    DefaultHooks hooks;
    for (auto add : {add_core_defaults, add_pod_defaults, add_apps_defaults, add_batch_defaults, add_autoscaling_defaults, add_networking_defaults,
                     add_rbac_defaults, add_storage_defaults, add_scheduling_defaults, add_flowcontrol_defaults, add_extension_defaults})
      add(hooks);
    for (const TypeDesc* type : all_types()) make(*type, hooks);
  }
  const Plan* find(const TypeDesc& type) const {
    auto it = plans_.find(&type);
    return it == plans_.end() || it->second->empty() ? nullptr : it->second.get();
  }

 private:
  const Plan* make(const TypeDesc& type, const DefaultHooks& hooks) {
    auto [it, fresh] = plans_.try_emplace(&type);
    if (!fresh) return it->second.get();
    it->second = std::make_unique<Plan>();
    Plan& plan = *it->second;
    plan.hook = hooks.find(type);
    bool core = type.group.empty() && type.version == "v1";
    for (const FieldDesc& field : type.own_fields) {
      Plan::Step step{.field = &field};
      if (const TypeDesc* inner = innermost(*field.value))
        if (const Plan* found = make(*inner, hooks); found && !found->empty()) step.inner = found;
      step.round_quantities = core && field.value->kind == Kind::kMap && field.value->element->kind == Kind::kQuantity;
      if (step.inner || step.round_quantities || !field.default_json.empty()) plan.steps.push_back(step);
    }
    return &plan;
  }
  std::unordered_map<const TypeDesc*, std::unique_ptr<Plan>> plans_;
};

const Plans& plans() {
  static const Plans all;
  return all;
}

// Defaults of the schema are texts and booleans.
void set_default(const ValueType& type, void* value, std::string_view json) {
  if (type.kind == Kind::kPointer) {
    if (!type.pointer->get(value)) set_default(*type.element, type.pointer->ensure(value), json);
  } else if (type.kind == Kind::kString) {
    auto& text = *static_cast<std::string*>(value);
    if (text.empty() && json.size() >= 2) text = json.substr(1, json.size() - 2);
  } else if (type.kind == Kind::kBool) {
    *static_cast<bool*>(value) |= json == "true";
  } else {
    CHECK(!"a default of this kind");
  }
}

// Kubernetes keeps no finer fractions than thousandths.
void round_quantities(const ValueType& type, void* map) {
  constexpr __int128 kMilli = 1'000'000;
  for (size_t i = 0, n = type.map->size(map); i < n; i++) {
    auto& quantity = *static_cast<Quantity*>(type.map->value(map, i));
    __int128 rest = quantity.nano_value() % kMilli;
    if (rest != 0) quantity = Quantity::from_nano(quantity.nano_value() - rest + (rest > 0 ? kMilli : -kMilli), quantity.format());
  }
}

void run(const Plan& plan, void* object);

void run_inside(const ValueType& type, void* value, const Plan& plan) {
  switch (type.kind) {
    case Kind::kStruct: run(plan, value); break;
    case Kind::kPointer:
      if (type.pointer->get(value)) run_inside(*type.element, type.pointer->ensure(value), plan);
      break;
    case Kind::kList: {
      char* element = static_cast<char*>(type.list->data(value));
      for (size_t n = type.list->size(value); n > 0; n--, element += type.element->size) run_inside(*type.element, element, plan);
      break;
    }
    case Kind::kMap:
      for (size_t i = 0, n = type.map->size(value); i < n; i++) run_inside(*type.element, type.map->value(value, i), plan);
      break;
    default: break;
  }
}

void run(const Plan& plan, void* object) {
  if (plan.hook) plan.hook(object);
  for (const Plan::Step& step : plan.steps) {
    void* value = static_cast<char*>(object) + step.field->offset;
    if (!step.field->default_json.empty()) set_default(*step.field->value, value, step.field->default_json);
    if (step.round_quantities) round_quantities(*step.field->value, value);
    if (step.inner) run_inside(*step.field->value, value, *step.inner);
  }
}

}  // namespace

void apply_defaults(const KindInfo& kind, void* data) {
  if (const Plan* plan = plans().find(*kind.type)) run(*plan, data);
}

void apply_defaults(Object& object) {
  if (!object || object.is_tree()) return;
  if (plans().find(object.type())) apply_defaults(object.kind(), object.mut_data());
}

}  // namespace reigen::api
