// Validation of Services: rules and texts of pkg/apis/core/validation of Kubernetes.
#pragma once

#include <string_view>
#include <vector>

#include "api/field_error.h"

namespace reigen::api::corev1 {
struct LoadBalancerStatus;
struct Service;
struct ServiceSpec;
}  // namespace reigen::api::corev1

namespace reigen::apiserver {

void validate_service(const api::corev1::Service& service, api::FieldErrors& errors);
void validate_service_update(const api::corev1::Service& service, const api::corev1::Service& old, api::FieldErrors& errors);
void validate_service_status(const api::corev1::Service& service, api::FieldErrors& errors);
// clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy alone; also asked before addresses are taken.
void validate_service_addresses(const api::corev1::Service& service, api::FieldErrors& errors);
void service_warnings(const api::corev1::Service& service, std::vector<std::string>& texts);
void validate_load_balancer_status(const api::corev1::LoadBalancerStatus& status, const api::corev1::ServiceSpec* spec, const api::FieldPath& path,
                                   api::FieldErrors& errors);

bool is_headless(const api::corev1::Service& service);
bool needs_cluster_ip(const api::corev1::Service& service);
bool needs_node_port(const api::corev1::Service& service);
bool needs_health_port(const api::corev1::Service& service);
bool externally_accessible(const api::corev1::Service& service);
}  // namespace reigen::apiserver
