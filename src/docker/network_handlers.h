// The handlers of /networks.
#pragma once

#include "api/dockerv1.h"
#include "docker/call.h"
#include "docker/engine.h"

namespace reigen::docker {

// Annotation of a Network: options of its IPAM were given, if none in them. Docker shows {} then, and null else.
inline constexpr std::string_view kIpamOptionsGiven = "docker.reigen.dev/ipam-options-given";

void network_list(Call call);
void network_inspect(Call call);
void network_create(Call call);
void network_connect(Call call);
void network_disconnect(Call call);
void network_remove(Call call);
void network_prune(Call call);

// As inspect shows it; `detailed`: with the containers that are on it now.
api::Value network_json(const Engine& engine, const api::dockerv1::Network& network, bool detailed);
// Running containers with an endpoint there.
std::vector<ContainerPtr> containers_on(const Engine& engine, const std::string& network_id);
Event network_event(const api::dockerv1::Network& network, std::string action);

}  // namespace reigen::docker
