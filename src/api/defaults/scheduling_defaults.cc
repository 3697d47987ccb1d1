#include "api/defaults/hooks.h"
#include "api/schedulingv1.h"

namespace reigen::api {
namespace {

void default_priority_class(schedulingv1::PriorityClass& priority) { default_to(priority.preemption_policy, "PreemptLowerPriority"); }

}  // namespace

void add_scheduling_defaults(DefaultHooks& hooks) { hooks.add<default_priority_class>(); }

}  // namespace reigen::api
