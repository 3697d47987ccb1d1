// The agent with real containers over a small API in memory: root, crun, conmon and busybox are needed.
#include "node/agent.h"

#include "node/test_agent.h"

namespace reigen::node {
namespace {

using namespace api::corev1;

TEST_F(AgentTest, RunsAPodAndDeletesItGracefully) {
  auto begun = system_clock().now();
  api_.put(api::Object::of(make_pod("p1", {"sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"})));
  ASSERT_TRUE(wait(is_ready, "p1"));
  printf("pod to ready: %ld ms\n", static_cast<long>((system_clock().now() - begun) / std::chrono::milliseconds(1)));
  auto pod = api_.get<Pod>("default", "p1");
  EXPECT_EQ("Running", pod->status.phase);
  EXPECT_EQ("192.0.2.1", pod->status.host_ip);
  EXPECT_EQ("10.9.0.1", pod->status.pod_ip);
  auto node = api_.get<Node>("", "n1");
  ASSERT_TRUE(node);
  EXPECT_EQ("True", node->status.conditions.back().status);
  Pod deleting = *pod;
  deleting.metadata.deletion_timestamp = api::Time(system_clock().wall());
  deleting.metadata.deletion_grace_period_seconds = 5;
  api_.put(api::Object::of(deleting));
  for (int i = 0; i < 12000 && api_.get<Pod>("default", "p1"); ++i) ::usleep(10'000);
  EXPECT_FALSE(api_.get<Pod>("default", "p1"));
  EXPECT_TRUE(runtime_->list_containers().empty());
  EXPECT_TRUE(runtime_->list_sandboxes().empty());
  EXPECT_NE(std::string::npos, api_.events().find("Killing: Stopping container main"));
}

TEST_F(AgentTest, RestartsWithBackOffAndTellsWhy) {
  api_.put(api::Object::of(make_pod("p1", {"sh", "-c", "echo because > /dev/termination-log; exit 3"})));
  ASSERT_TRUE(wait(
      [](const Pod& pod) {
        return !pod.status.container_statuses.empty() && pod.status.container_statuses[0].state.waiting &&
               pod.status.container_statuses[0].state.waiting->reason == "CrashLoopBackOff";
      },
      "p1"));
  auto status = api_.get<Pod>("default", "p1")->status.container_statuses[0];
  EXPECT_EQ(1, status.restart_count);
  EXPECT_EQ("because\n", status.last_state.terminated->message);
  EXPECT_EQ(3, status.last_state.terminated->exit_code);
}

TEST_F(AgentTest, InitContainersRunFirstAndAJobSucceeds) {
  Pod pod = make_pod("p1", {"sh", "-c", "test -f /data/made && test $GREETING = hello-p1"});
  pod.spec.restart_policy = "Never";
  Volume volume;
  volume.name = "data";
  volume.empty_dir.emplace();
  pod.spec.volumes.push_back(volume);
  VolumeMount mount;
  mount.name = "data";
  mount.mount_path = "/data";
  pod.spec.containers[0].volume_mounts.push_back(mount);
  auto& name = pod.spec.containers[0].env.emplace_back();
  name.name = "NAME";
  name.value_from.emplace().field_ref.emplace().field_path = "metadata.name";
  auto& greeting = pod.spec.containers[0].env.emplace_back();
  greeting.name = "GREETING";
  greeting.value = "hello-$(NAME)";
  auto init = pod.spec.containers[0];
  init.name = "init";
  init.command = {"touch", "/data/made"};
  pod.spec.init_containers.push_back(init);
  api_.put(api::Object::of(pod));
  ASSERT_TRUE(wait([](const Pod& p) { return p.status.phase == "Succeeded" || p.status.phase == "Failed"; }, "p1"));
  EXPECT_EQ("Succeeded", api_.get<Pod>("default", "p1")->status.phase);
}

TEST_F(AgentTest, AFailingLivenessProbeRestarts) {
  Pod pod = make_pod("p1", {"sh", "-c", "touch /tmp/ok; sleep 1; rm /tmp/ok; sleep 1000"});
  auto& probe = pod.spec.containers[0].liveness_probe.emplace();
  probe.exec.emplace().command = {"cat", "/tmp/ok"};
  probe.period_seconds = probe.timeout_seconds = probe.failure_threshold = probe.success_threshold = 1;
  api_.put(api::Object::of(pod));
  ASSERT_TRUE(wait([](const Pod& p) { return !p.status.container_statuses.empty() && p.status.container_statuses[0].restart_count == 1; }, "p1"));
  EXPECT_NE(std::string::npos, api_.events().find("Unhealthy: Liveness probe failed: "));
}

TEST_F(AgentTest, AProbeThatIsFasterThanTheProgramDoesNotCostAPeriod) {
  Pod pod = make_pod("p1", {"sh", "-c", "sleep 0.2; touch /tmp/ok; sleep 1000"});
  for (auto* probe : {&pod.spec.containers[0].readiness_probe.emplace(), &pod.spec.containers[0].liveness_probe.emplace()}) {
    probe->exec.emplace().command = {"cat", "/tmp/ok"};
    probe->period_seconds = 100;
    probe->timeout_seconds = 60;
    probe->failure_threshold = probe->success_threshold = 1;
  }
  api_.put(api::Object::of(pod));
  ASSERT_TRUE(wait(is_ready, "p1", 80000));
  EXPECT_EQ(0, api_.get<Pod>("default", "p1")->status.container_statuses[0].restart_count);
  EXPECT_EQ(std::string::npos, api_.events().find("Unhealthy")) << api_.events();
}

TEST_F(AgentTest, ARestartedAgentAdoptsAndLaterSeesTheEnd) {
  api_.put(api::Object::of(make_pod("p1", {"sleep", "1000"})));
  ASSERT_TRUE(wait(is_ready, "p1"));
  auto before = api_.get<Pod>("default", "p1")->status.container_statuses[0].container_id;
  agent_.reset();
  runtime_.reset();
  start();
  for (int i = 0; i < 12000 && !agent_->find_pod("default", "p1", ""); ++i) ::usleep(10'000);
  ::usleep(300'000);
  auto pod = api_.get<Pod>("default", "p1");
  EXPECT_EQ(before, pod->status.container_statuses[0].container_id);
  EXPECT_TRUE(is_ready(*pod));
  ASSERT_TRUE(runtime_->kill_container(before.substr(7), SIGKILL));
  ASSERT_TRUE(wait([&](const Pod& p) { return p.status.container_statuses[0].restart_count == 1 && is_ready(p); }, "p1"));
}

TEST_F(AgentTest, AfterARebootThePodComesBackWithItsVolume) {
  Pod pod = make_pod("p1", {"sh", "-c", "echo x >> /data/starts; sleep 1000"});
  Volume volume;
  volume.name = "data";
  volume.empty_dir.emplace();
  pod.spec.volumes.push_back(volume);
  VolumeMount mount;
  mount.name = "data";
  mount.mount_path = "/data";
  pod.spec.containers[0].volume_mounts.push_back(mount);
  api_.put(api::Object::of(pod));
  ASSERT_TRUE(wait(is_ready, "p1"));
  auto starts = [&](const std::string& wanted) {
    auto path = dir_ + "/data/pods/uid-p1/volumes/data/starts";
    for (int n = 0; n < 12000 && read_file(path).value_or("") != wanted; ++n) ::usleep(10'000);
    return read_file(path).value_or("");
  };
  ASSERT_EQ("x\n", starts("x\n"));
  auto before = api_.get<Pod>("default", "p1")->status.container_statuses[0].container_id.substr(7);
  agent_.reset();
  int container = runtime_->container_status(before)->pid;
  int conmon = std::atoi(read_file(dir_ + "/run/c/" + before + "/conmon.pid").value().c_str());
  runtime_.reset();
  ::kill(conmon, SIGKILL);
  ::kill(container, SIGKILL);
  auto lives = [](int pid) {
    std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat").value_or(") X");
    return stat[stat.rfind(')') + 2] != 'X' && stat[stat.rfind(')') + 2] != 'Z';
  };
  for (int n = 0; n < 12000 && (lives(conmon) || lives(container)); ++n) ::usleep(10'000);
  ::usleep(100'000);
  auto mounts = linux::mounts_below(dir_);
  for (const auto& point : *mounts) ASSERT_TRUE(linux::unmount(point));
  start();
  ASSERT_TRUE(wait([&](const Pod& p) { return is_ready(p) && p.status.container_statuses[0].restart_count == 1; }, "p1"));
  EXPECT_EQ("x\nx\n", starts("x\nx\n"));
  EXPECT_NE(std::string::npos, api_.events().find("SandboxChanged: "));
}

TEST_F(AgentTest, ConditionsOfOthersWrittenMeanwhileStay) {
  ASSERT_TRUE(wait_for_node());
  api_.pod_meanwhile = [](api::Object& object) {
    auto& foreign = object.mut<Pod>().status.conditions.emplace_back();
    foreign.type = "DisruptionTarget";
    foreign.status = "True";
  };
  api_.put(api::Object::of(make_pod("p1", {"sleep", "1000"})));
  ASSERT_TRUE(wait(is_ready, "p1"));
  EXPECT_FALSE(api_.pod_meanwhile);
  auto pod = api_.get<Pod>("default", "p1");
  EXPECT_TRUE(std::ranges::any_of(pod->status.conditions, [](const auto& c) { return c.type == "DisruptionTarget" && c.status == "True"; }))
      << api::encode_json(*pod);
}

TEST_F(AgentTest, AMissingImageBacksOff) {
  Pod pod = make_pod("p1", {});
  pod.spec.containers[0].image = "nosuch";
  api_.put(api::Object::of(pod));
  ASSERT_TRUE(wait(
      [](const Pod& p) {
        return !p.status.container_statuses.empty() && p.status.container_statuses[0].state.waiting &&
               p.status.container_statuses[0].state.waiting->reason == "ImagePullBackOff";
      },
      "p1"));
  EXPECT_NE(std::string::npos, api_.events().find("Failed: Failed to pull image \"nosuch\""));
}

}  // namespace
}  // namespace reigen::node
