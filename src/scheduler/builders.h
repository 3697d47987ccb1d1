// Builders of pods and nodes for tests: make_pod("a").cpu("1").build().
#pragma once

#include <string>

#include "api/metav1.h"
#include "scheduler/placed_pods.h"

namespace reigen::scheduler::testing {

struct make_pod {
  api::corev1::Pod pod;
  explicit make_pod(const std::string& name) {
    pod.metadata.name = name;
    pod.metadata.namespace_ = "default";
    pod.metadata.uid = "uid-" + name;
    pod.spec.scheduler_name = "default-scheduler";
    pod.spec.containers.emplace_back().name = "c";
  }
  make_pod& request(const std::string& resource, const std::string& amount) {
    pod.spec.containers[0].resources.requests[resource] = api::Quantity::of(amount);
    return *this;
  }
  make_pod& cpu(const std::string& amount) { return request("cpu", amount); }
  make_pod& memory(const std::string& amount) { return request("memory", amount); }
  make_pod& label(const std::string& key, const std::string& value) {
    pod.metadata.labels[key] = value;
    return *this;
  }
  make_pod& on(const std::string& node) {
    pod.spec.node_name = node;
    return *this;
  }
  make_pod& priority(int value) {
    pod.spec.priority = value;
    return *this;
  }
  make_pod& host_port(int port) {
    auto& added = pod.spec.containers[0].ports.emplace_back();
    added.host_port = added.container_port = port;
    return *this;
  }
  make_pod& selector(const std::string& key, const std::string& value) {
    pod.spec.node_selector[key] = value;
    return *this;
  }
  make_pod& tolerate(const std::string& key) {
    auto& toleration = pod.spec.tolerations.emplace_back();
    toleration.key = key;
    toleration.operator_ = "Exists";
    return *this;
  }
  make_pod& away_from(const std::string& key, const std::string& value, const std::string& topology) {
    auto& term = pod.spec.affinity.ensure().pod_anti_affinity.ensure().required_during_scheduling_ignored_during_execution.emplace_back();
    term.topology_key = topology;
    term.label_selector.ensure().match_labels[key] = value;
    return *this;
  }
  make_pod& near(const std::string& key, const std::string& value, const std::string& topology) {
    auto& term = pod.spec.affinity.ensure().pod_affinity.ensure().required_during_scheduling_ignored_during_execution.emplace_back();
    term.topology_key = topology;
    term.label_selector.ensure().match_labels[key] = value;
    return *this;
  }
  make_pod& spread(const std::string& key, const std::string& value, const std::string& topology, int max_skew) {
    auto& constraint = pod.spec.topology_spread_constraints.emplace_back();
    constraint.max_skew = max_skew;
    constraint.topology_key = topology;
    constraint.when_unsatisfiable = "DoNotSchedule";
    constraint.label_selector.ensure().match_labels[key] = value;
    return *this;
  }
  make_pod& gate(const std::string& name) {
    pod.spec.scheduling_gates.emplace_back().name = name;
    return *this;
  }
  make_pod& owned_by(const std::string& uid) {
    auto& owner = pod.metadata.owner_references.emplace_back();
    owner.uid = uid;
    owner.controller = true;
    return *this;
  }
  PodPtr build() const { return std::make_shared<const api::corev1::Pod>(pod); }
};

struct make_node {
  api::corev1::Node node;
  explicit make_node(const std::string& name, const std::string& cpu = "4", const std::string& memory = "16Gi", int pods = 110) {
    node.metadata.name = name;
    node.metadata.labels["kubernetes.io/hostname"] = name;
    node.status.allocatable["cpu"] = api::Quantity::of(cpu);
    node.status.allocatable["memory"] = api::Quantity::of(memory);
    node.status.allocatable["pods"] = api::Quantity::from_int(pods);
  }
  make_node& label(const std::string& key, const std::string& value) {
    node.metadata.labels[key] = value;
    return *this;
  }
  make_node& zone(const std::string& value) { return label("topology.kubernetes.io/zone", value); }
  make_node& taint(const std::string& key, const std::string& value, const std::string& effect) {
    auto& taint = node.spec.taints.emplace_back();
    taint.key = key;
    taint.value = value;
    taint.effect = effect;
    return *this;
  }
  make_node& cordoned() {
    node.spec.unschedulable = true;
    return *this;
  }
  NodePtr build() const { return std::make_shared<const api::corev1::Node>(node); }
};

}  // namespace reigen::scheduler::testing
