// The admission plug-ins that are always on, in the order in which they run. Each is made by a function, so that nobody depends on
// its class.
#pragma once

#include <memory>
#include <vector>

#include "apiserver/admission.h"

namespace reigen::apiserver {

// Refuses objects in namespaces that are missing or terminating, and the deletion of default, kube-system and kube-public.
std::unique_ptr<AdmissionPlugin> make_namespace_lifecycle();
// A node's own objects only: its Node, its pods' status, its lease, tokens for its pods (NodeRestriction).
std::unique_ptr<AdmissionPlugin> make_node_restriction();
// Pods of Containers (docker.reigen.dev) are the container-controller's alone.
std::unique_ptr<AdmissionPlugin> make_container_link();
// A pod gets its service account, its pull secrets and the volume with its token.
std::unique_ptr<AdmissionPlugin> make_service_account();
// metadata.name of a priority class into a number; the built-in system classes are protected.
std::unique_ptr<AdmissionPlugin> make_priority();
// A pod gets the overhead and the scheduling of its runtime class.
std::unique_ptr<AdmissionPlugin> make_runtime_class();
// Five minutes of tolerance for not-ready and unreachable nodes.
std::unique_ptr<AdmissionPlugin> make_default_toleration_seconds();
// A new node starts with the not-ready taint.
std::unique_ptr<AdmissionPlugin> make_taint_nodes_by_condition();
// Claims and volumes get the finalizers that keep them while they are used.
std::unique_ptr<AdmissionPlugin> make_storage_object_in_use_protection();

// All of them.
std::vector<std::unique_ptr<AdmissionPlugin>> default_admission_plugins();

}  // namespace reigen::apiserver
