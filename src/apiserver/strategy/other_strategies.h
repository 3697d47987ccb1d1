// Strategies of the groups beside core, apps and batch, and of core's kinds that only hold settings.
#pragma once

#include "apiserver/strategy.h"

namespace reigen::apiserver {

const Strategy& resource_quota_strategy();
const Strategy& limit_range_strategy();
const Strategy& priority_class_strategy();
const Strategy& runtime_class_strategy();
const Strategy& lease_strategy();
const Strategy& pod_disruption_budget_strategy();
const Strategy& network_policy_strategy();
const Strategy& ingress_strategy();
const Strategy& ingress_class_strategy();
const Strategy& storage_class_strategy();
const Strategy& volume_attachment_strategy();
const Strategy& claim_strategy();
const Strategy& autoscaler_strategy();
const Strategy& volume_strategy();

}  // namespace reigen::apiserver
