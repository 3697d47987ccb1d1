// What changes of a Container mean: events, the list's words.
#include <gtest/gtest.h>

#include "api/metav1.h"
#include "docker/container_events.h"
#include "docker/container_stats.h"
#include "api/json.h"
#include "docker/container_lookup.h"
#include "docker/container_summary.h"
#include "docker/pod_containers.h"

namespace reigen::docker {
namespace {

using api::dockerv1::Container;

Container created() {
  Container out;
  out.metadata.name = std::string(64, 'c');
  out.spec.docker_name = "web";
  out.spec.image_name = "busybox:1";
  out.spec.config = api::RawExtension(R"({"Labels":{"run":"x","name":"shadowed"}})");
  out.status.state = "created";
  return out;
}

Container running(const Container& from) {
  Container out = from;
  out.status.state = "running";
  out.status.run_number = from.status.run_number + 1;
  out.status.attempts = from.status.attempts + 1;
  auto& endpoint = out.status.networks.emplace_back();
  endpoint.network = "bridge";
  endpoint.network_id = "n1";
  endpoint.endpoint_id = "e1";
  return out;
}

Container exited(const Container& from, int code) {
  Container out = from;
  out.status.state = "exited";
  out.status.exits = from.status.exits + 1;
  out.status.exit_code = code;
  out.status.networks.clear();
  return out;
}

std::string told(const Container* previous, const Container* current) {
  std::string out;
  for (const auto& event : events_of_change(previous, current)) out += (out.empty() ? "" : ", ") + event.action;
  return out;
}

TEST(ContainerEvents, FollowARun) {
  Container a = created();
  api::dockerv1::MountPoint mount;
  mount.type = "volume";
  mount.name = "v";
  mount.driver = "local";
  a.spec.mounts.push_back(mount);
  Container b = running(a);
  Container c = exited(b, 3);
  EXPECT_EQ(told(nullptr, &a), "create");
  EXPECT_EQ(told(&a, &b), "connect, mount, start");
  EXPECT_EQ(told(&b, &c), "die, disconnect, unmount");
  EXPECT_EQ(told(&c, nullptr), "destroy");
  Container own = c;  // with --rm a volume of its own goes before it
  own.spec.mounts[0].anonymous = true;
  EXPECT_EQ(told(&own, nullptr), "destroy");
  own.spec.host_config = api::RawExtension(R"({"AutoRemove":true})");
  EXPECT_EQ(told(&own, nullptr), "destroy, destroy");
  EXPECT_EQ(told(&a, &a), "");
  // Start and end seen as one change.
  Container quick = exited(b, 0);
  EXPECT_EQ(told(&a, &quick), "mount, start, die, unmount");
  // A start that failed when its networks and volumes were there.
  Container failed = quick;
  failed.status.error_code = 400;
  EXPECT_EQ(told(&a, &failed), "mount, unmount");
  failed.spec.networks.emplace_back().network = "bridge";
  EXPECT_EQ(told(&a, &failed), "connect, mount, disconnect, unmount");
  // A restart by its policy: an end and a start.
  Container again = running(exited(b, 1));
  EXPECT_EQ(told(&b, &again), "die, disconnect, unmount, connect, mount, start");
}

TEST(ContainerEvents, TellPauseHealthNetworksAndOom) {
  Container a = running(created());
  Container paused = a;
  paused.status.state = "paused";
  EXPECT_EQ(told(&a, &paused), "pause");
  EXPECT_EQ(told(&paused, &a), "unpause");
  Container healthy = a;
  healthy.status.health = "healthy";
  EXPECT_EQ(told(&a, &healthy), "health_status: healthy");
  Container more = a;
  auto& endpoint = more.status.networks.emplace_back();
  endpoint.network = "net";
  endpoint.network_id = "n2";
  endpoint.endpoint_id = "e2";
  EXPECT_EQ(told(&a, &more), "connect");
  EXPECT_EQ(told(&more, &a), "disconnect");
  Container oom = exited(a, 137);
  oom.status.oom_killed = true;
  EXPECT_EQ(told(&a, &oom), "oom, die, disconnect");
}

TEST(ContainerEvents, CarryLabelsButNotTheirLies) {
  Event event = container_event(created(), "kill", {{"signal", "9"}});
  auto json = event_json(event);
  EXPECT_EQ(json.text_at({"Actor", "Attributes", "name"}), "web");
  EXPECT_EQ(json.text_at({"Actor", "Attributes", "run"}), "x");
  EXPECT_EQ(json.text_at({"Actor", "Attributes", "signal"}), "9");
  EXPECT_EQ(json.text_at({"from"}), "busybox:1");
}

TEST(ContainerEvents, WaitWhileAHandlerHoldsThem) {
  EventLog log(system_clock());
  ContainerEvents events(log);
  events.begin();
  auto a = std::make_shared<Container>(running(created()));
  auto b = std::make_shared<Container>(exited(*a, 137));
  {
    auto hold = events.hold(a->metadata.name);
    events.changed(a, b);
    log.add(container_event(*a, "kill", {}));
  }
  auto all = log.past({}, WallTime::max());
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0]->action, "kill");
  EXPECT_EQ(all[1]->action, "die");
}

TEST(ContainerSummary, QuotesAsDockerDoes) {
  EXPECT_EQ(command_line("sh", {"-c", "echo hi", "x"}), "sh -c 'echo hi' x");
  EXPECT_EQ(command_line("true", {}), "true");
}

TEST(ContainerStats, PutTheLastSampleBesideTheNew) {
  Container container = created();
  auto first = *api::parse_json(R"({"read":"t1","cpu_stats":{"x":1},"memory_stats":{"usage":5},"name":"lie"})");
  auto second = *api::parse_json(R"({"read":"t2","cpu_stats":{"x":2},"networks":{}})");
  auto alone = stats_message(container, first, {});
  EXPECT_EQ(alone.text_at({"preread"}), "0001-01-01T00:00:00Z");
  EXPECT_EQ(alone.text_at({"name"}), "/web");
  auto both = stats_message(container, second, first);
  EXPECT_EQ(both.text_at({"preread"}), "t1");
  EXPECT_EQ(api::to_json(*both.find("precpu_stats")), R"({"x":1})");
  EXPECT_EQ(api::to_json(*both.find("cpu_stats")), R"({"x":2})");
}

api::corev1::Pod pod_of_text(const char* text) { return *api::decode_json_as<api::corev1::Pod>(text); }

constexpr const char* kPod = R"({"metadata":{"name":"p","namespace":"default","uid":"u-1"},
  "spec":{"nodeName":"n","hostname":"host","containers":[{"name":"c","image":"busybox:1","args":["-x","a b"],"env":[{"name":"A","value":"1"},
    {"name":"S","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}],"volumeMounts":[{"name":"v","mountPath":"/d","readOnly":true}],
    "resources":{"limits":{"cpu":"500m","memory":"64Mi"}}}],"initContainers":[{"name":"i","image":"busybox:1"}],"volumes":[{"name":"v","emptyDir":{}}]},
  "status":{"podIP":"10.0.0.5","containerStatuses":[{"name":"c","restartCount":3,"containerID":"crun://aa","imageID":"sha256:1",
    "state":{"running":{"startedAt":"2026-01-01T00:00:00Z"}},"lastState":{"terminated":{"exitCode":7,"containerID":"crun://bb","reason":"OOMKilled"}}}],
    "initContainerStatuses":[{"name":"i","containerID":"crun://cc","imageID":"sha256:1","state":{"terminated":{"exitCode":0,"containerID":"crun://cc"}}}]}})";

TEST(PodContainers, AreShownWithTheRunBeforeAndInitContainers) {
  image::ImageConfig image;
  image.entrypoint = {"run"};
  image.cmd = {"dropped"};
  image.env = {"PATH=/bin", "A=2"};
  PodContainerFacts facts{.node_name = "n", .pods_dir = "/pods", .image = [&](const std::string&) { return std::make_shared<image::ImageConfig>(image); }};
  auto all = containers_of_pod(pod_of_text(kPod), facts);
  ASSERT_EQ(all.size(), 3u);
  const Container& now = *all[0];
  EXPECT_EQ(now.spec.docker_name, "k8s_c_p_default_u-1_3");
  EXPECT_EQ(command_line(now.spec.path, now.spec.args), "run -x 'a b'");
  EXPECT_EQ(now.status.state, "running");
  auto config = config_of(now);
  EXPECT_EQ(config.env, (std::vector<std::string>{"A=1", "PATH=/bin"}));
  EXPECT_EQ(config.hostname, "host");
  EXPECT_EQ(*config.labels.get("io.kubernetes.pod.uid"), "u-1");
  auto host = host_config_of(now);
  EXPECT_EQ(host.memory, 64 << 20);
  EXPECT_EQ(host.cpu_quota, 50000);
  EXPECT_EQ(host.binds, std::vector<std::string>{"/pods/u-1/volumes/v:/d:ro"});
  EXPECT_EQ(all[1]->spec.docker_name, "k8s_c_p_default_u-1_2");
  EXPECT_EQ(all[1]->status.exit_code, 7);
  EXPECT_TRUE(all[1]->status.oom_killed);
  EXPECT_EQ(all[2]->spec.docker_name, "k8s_i_p_default_u-1_0");
  EXPECT_EQ(all[2]->status.state, "exited");
}

TEST(PodContainers, OfOtherNodesAndOfDockerAreNotShown) {
  EXPECT_TRUE(containers_of_pod(pod_of_text(kPod), {.node_name = "other", .pods_dir = {}, .image = {}}).empty());
  auto pod = pod_of_text(kPod);
  pod.metadata.annotations["docker.reigen.dev/container"] = "x";
  auto& owner = pod.metadata.owner_references.emplace_back();
  owner.kind = "Container";
  owner.api_version = "docker.reigen.dev/v1";
  owner.name = "x";
  owner.controller = true;
  EXPECT_TRUE(containers_of_pod(pod, {.node_name = "n", .pods_dir = {}, .image = {}}).empty());
}

TEST(PodContainers, AreNamedAsByKubelet) { EXPECT_EQ(pod_container_name("c", "p", "default", "u-1", 2), "k8s_c_p_default_u-1_2"); }

}  // namespace
}  // namespace reigen::docker
