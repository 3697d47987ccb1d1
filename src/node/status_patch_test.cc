// What the API makes of the patches a node sends.
#include <gtest/gtest.h>

#include "api/json.h"
#include "api/strategic_patch.h"
#include "node/node_status.h"
#include "node/pod_status.h"

namespace reigen::node {
namespace {

using namespace api::corev1;

template <class T>
T patched(const T& object, const std::string& text) {
  auto document = api::to_value(api::Object::of(object));
  auto patch = api::parse_strategic_patch(text);
  EXPECT_TRUE(patch) << text;
  auto done = api::apply_strategic_patch(document, std::move(*patch), api::type_of<T>());
  EXPECT_TRUE(done) << text;
  auto back = api::from_value(document, api::kind_of<T>());
  EXPECT_TRUE(back) << api::to_json(document);
  return back ? back->template as<T>() : T();
}

PodCondition condition(const char* type, const char* status, const char* reason = "", const char* message = "") {
  PodCondition out;
  out.type = type;
  out.status = status;
  out.reason = reason;
  out.message = message;
  return out;
}

std::string text_of(const std::vector<PodCondition>& conditions) {
  std::string out;
  for (const auto& c : conditions)
    out += (out.empty() ? "" : " ") + c.type + "=" + c.status + (c.reason.empty() ? "" : "(" + c.reason + ": " + c.message + ")");
  return out;
}

Pod known() {
  Pod pod;
  pod.metadata.name = "p";
  pod.metadata.uid = "u";
  pod.status.phase = "Pending";
  pod.status.conditions = {condition("PodScheduled", "True"), condition("Ready", "False", "ContainersNotReady", "not yet")};
  return pod;
}

TEST(StatusPatch, ConditionsOfOthersStay) {
  Pod pod = known();
  PodStatus to = pod.status;
  to.phase = "Running";
  to.conditions = {condition("Ready", "True"), condition("PodScheduled", "True")};
  std::string patch = status_patch(pod, pod.status, to);
  // Meanwhile somebody else wrote.
  pod.status.conditions.push_back(condition("DisruptionTarget", "True", "EvictionByEvictionAPI", "moved"));
  pod.status.nominated_node_name = "n2";
  auto now = patched(pod, patch);
  EXPECT_EQ("Ready=True PodScheduled=True DisruptionTarget=True(EvictionByEvictionAPI: moved)", text_of(now.status.conditions));
  EXPECT_EQ("n2", now.status.nominated_node_name);
  EXPECT_EQ("Running", now.status.phase);
}

TEST(StatusPatch, AConditionOfOthersThatChangedMeanwhileIsNotTurnedBack) {
  Pod pod = known();
  pod.status.conditions.push_back(condition("example.com/gate", "False"));
  PodStatus to = pod.status;
  to.phase = "Running";
  std::string patch = status_patch(pod, pod.status, to);
  pod.status.conditions.back().status = "True";
  EXPECT_EQ("PodScheduled=True Ready=False(ContainersNotReady: not yet) example.com/gate=True", text_of(patched(pod, patch).status.conditions));
}

TEST(StatusPatch, AnotherAddressReplacesTheFirst) {
  Pod pod = known();
  pod.status.pod_ip = "10.0.0.1";
  pod.status.pod_ips.emplace_back().ip = "10.0.0.1";
  pod.status.reason = "Because";
  PodStatus to = pod.status;
  to.pod_ip = to.pod_ips[0].ip = "10.0.0.2";
  to.reason.clear();
  auto now = patched(pod, status_patch(pod, pod.status, to));
  ASSERT_EQ(1u, now.status.pod_ips.size());
  EXPECT_EQ("10.0.0.2", now.status.pod_ips[0].ip);
  EXPECT_EQ("", now.status.reason);
  EXPECT_EQ("u", now.metadata.uid);
}

TEST(StatusPatch, FirstStatusOfAPodAndNothingNew) {
  Pod pod;
  pod.metadata.uid = "u";
  PodStatus to;
  to.conditions = {condition("Ready", "True")};
  to.pod_ips.emplace_back().ip = "10.0.0.2";
  auto now = patched(pod, status_patch(pod, pod.status, to));
  EXPECT_TRUE(now.status == to) << api::encode_json(now);
  EXPECT_EQ("", status_patch(pod, to, to));
}

TEST(StatusPatch, ARejectedPodOfWhichNothingWasSaid) {
  Pod pod;
  pod.metadata.uid = "u";
  PodStatus to;
  to.phase = "Failed";
  to.reason = "PodOSNotSupported";
  auto now = patched(pod, status_patch(pod, pod.status, to));
  EXPECT_TRUE(now.status == to) << api::encode_json(now);
}

TEST(NodeStatusPatch, WhatOthersSayOfTheNodeStays) {
  Node node;
  node.status.capacity["cpu"] = api::Quantity::from_int(2);
  node.status.capacity["example.com/dongle"] = api::Quantity::from_int(4);
  auto& ready = node.status.conditions.emplace_back();
  ready.type = "Ready";
  ready.status = "True";
  auto& address = node.status.addresses.emplace_back();
  address.type = "InternalIP";
  address.address = "192.0.2.1";
  auto& problem = node.status.conditions.emplace_back();
  problem.type = "KernelDeadlock";
  problem.status = "False";
  std::string patch = node_status_patch(node.status);
  node.status.capacity["example.com/dongle"] = api::Quantity::from_int(5);
  node.status.conditions[0].status = "Unknown";
  node.status.conditions[1].status = "True";
  node.status.addresses[0].address = "192.0.2.9";
  auto now = patched(node, patch);
  EXPECT_EQ("5", now.status.capacity.find("example.com/dongle")->second.to_string());
  EXPECT_EQ("True", now.status.conditions[0].status);
  EXPECT_EQ("True", now.status.conditions[1].status);
  ASSERT_EQ(1u, now.status.addresses.size());
  EXPECT_EQ("192.0.2.1", now.status.addresses[0].address);
}

}  // namespace
}  // namespace reigen::node
