#include "api/defaults/hooks.h"
#include "api/flowcontrolv1.h"

namespace reigen::api {
namespace {

using namespace flowcontrolv1;

void default_flow_schema(FlowSchemaSpec& spec) { default_number(spec.matching_precedence, 1000); }

void default_exempt(ExemptPriorityLevelConfiguration& level) {
  default_to(level.nominal_concurrency_shares, 0);
  default_to(level.lendable_percent, 0);
}

void default_limited(LimitedPriorityLevelConfiguration& level) {
  default_to(level.nominal_concurrency_shares, 30);
  default_to(level.lendable_percent, 0);
}

void default_queuing(QueuingConfiguration& queuing) {
  default_number(queuing.hand_size, 8);
  default_number(queuing.queues, 64);
  default_number(queuing.queue_length_limit, 50);
}

}  // namespace

void add_flowcontrol_defaults(DefaultHooks& hooks) {
  hooks.add<default_flow_schema>();
  hooks.add<default_exempt>();
  hooks.add<default_limited>();
  hooks.add<default_queuing>();
}

}  // namespace reigen::api
