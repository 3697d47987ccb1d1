// With real containers: root, crun, conmon and a static busybox are needed.
#include "runtime/crun_runtime.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <fmt/core.h>

#include <algorithm>
#include <condition_variable>
#include <future>
#include <mutex>

#include "base/files.h"
#include "base/process.h"
#include "linux/mount.h"
#include "linux/pidfd.h"

namespace reigen::runtime {
namespace {

class CrunRuntimeTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    if (!find_program("crun") || !find_program("conmon")) GTEST_SKIP() << "needs crun and conmon";
    auto busybox = find_program("busybox");
    if (!busybox) GTEST_SKIP() << "needs busybox";
    dir_ = make_temporary_directory("/tmp", "rt-").value();
    layer_ = dir_ + "/layer";
    ASSERT_TRUE(make_directories(layer_ + "/bin"));
    ASSERT_TRUE(make_directories(layer_ + "/etc"));
    ASSERT_TRUE(make_directories(layer_ + "/tmp", 01777));
    ASSERT_TRUE(write_file(layer_ + "/etc/passwd", "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/srv:/bin/sh\n", 0644));
    ASSERT_TRUE(write_file(layer_ + "/etc/group", "root:x:0:\nweb:x:34:\nextra:x:50:web\n", 0644));
    ASSERT_TRUE(run_checked({.argv = {"cp", *busybox, layer_ + "/bin/busybox"}}));
    for (const char* name : {"sh", "sleep", "cat", "echo", "id", "ls", "head", "true", "stty", "hostname", "mount"}) {
      ASSERT_EQ(0, ::symlink("busybox", (layer_ + "/bin/" + name).c_str()));
    }
    open();
  }
  void TearDown() override {
    if (!runtime_) return;
    for (const auto& container : runtime_->list_containers()) EXPECT_TRUE(runtime_->remove_container(container.id));
    for (const auto& sandbox : runtime_->list_sandboxes()) EXPECT_TRUE(runtime_->remove_sandbox(sandbox.id));
    runtime_.reset();
    EXPECT_TRUE(linux::mounts_below(dir_)->empty());
    auto groups = linux::Cgroups::open();
    EXPECT_TRUE(groups->remove("/reigen-rttest"));
    EXPECT_TRUE(remove_tree(dir_));
  }
  void open() {
    auto opened = CrunRuntime::open({.data_dir = dir_ + "/data", .run_dir = dir_ + "/run", .instance = "rttest"}, executor_, poller_);
    ASSERT_TRUE(opened) << opened.error().message();
    runtime_ = std::move(*opened);
    runtime_->on_exit([this](const std::string& id) {
      std::lock_guard lock(mutex_);
      exited_.push_back(id);
      changed_.notify_all();
    });
  }
  void make_sandbox(SandboxSpec spec = {}) {
    if (spec.id.empty()) spec.id = "sb";
    spec.hostname = "box";
    spec.cgroup_parent = "kubepods/pod-" + spec.id;
    auto made = runtime_->create_sandbox(spec);
    ASSERT_TRUE(made) << made.error().message();
  }
  ContainerSpec container(std::string id, std::vector<std::string> argv) {
    ContainerSpec spec;
    spec.id = std::move(id);
    spec.sandbox_id = "sb";
    spec.root.layers = {layer_};
    spec.argv = std::move(argv);
    spec.log_path = dir_ + "/" + spec.id + ".log";
    return spec;
  }
  void run(const ContainerSpec& spec) {
    auto created = runtime_->create_container(spec);
    ASSERT_TRUE(created) << created.error().message();
    auto started = runtime_->start_container(spec.id);
    ASSERT_TRUE(started) << started.error().message();
  }
  ContainerStatus wait_exit(const std::string& id) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(10), [&] { return std::find(exited_.begin(), exited_.end(), id) != exited_.end(); })) << id;
    lock.unlock();
    return runtime_->container_status(id).value();
  }
  std::string log_of(const std::string& id) { return read_file(dir_ + "/" + id + ".log").value_or(""); }

  ThreadExecutor executor_{3};
  Poller poller_;
  std::string dir_, layer_;
  std::unique_ptr<CrunRuntime> runtime_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> exited_;
};

std::string read_all(ByteStream& stream) {
  std::string out;
  for (;;) {
    std::promise<Result<std::string>> promise;
    stream.read(65536, [&](Result<std::string> data) { promise.set_value(std::move(data)); });
    auto data = promise.get_future().get();
    if (!data || data->empty()) return out;
    out += *data;
  }
}

int wait_code(Session& session) {
  std::promise<int> promise;
  session.wait([&](Result<int> code) { promise.set_value(code.value_or(-1)); });
  return promise.get_future().get();
}

TEST_F(CrunRuntimeTest, RunsToItsEndWithLogAndExitCode) {
  make_sandbox();
  auto spec = container("c1", {"sh", "-c", "echo hello; hostname; id; echo oops >&2; exit 3"});
  spec.user.name = "web";
  run(spec);
  auto status = wait_exit("c1");
  EXPECT_EQ(ContainerState::kExited, status.state);
  EXPECT_EQ(3, status.exit_code);
  EXPECT_NE(std::string::npos, log_of("c1").find("stdout F hello\n")) << log_of("c1");
  EXPECT_NE(std::string::npos, log_of("c1").find("stdout F box\n"));
  EXPECT_NE(std::string::npos, log_of("c1").find("uid=33(web) gid=34(web) groups=34(web),50(extra)")) << log_of("c1");
  EXPECT_NE(std::string::npos, log_of("c1").find("stderr F oops\n"));
}

TEST_F(CrunRuntimeTest, AProgramThatIsMissingSaysSo) {
  make_sandbox();
  ASSERT_TRUE(runtime_->create_container(container("c1", {"nosuch"})));
  auto started = runtime_->start_container("c1");
  ASSERT_FALSE(started);
  EXPECT_NE(std::string::npos, started.error().message().find("nosuch")) << started.error().message();
  auto status = runtime_->container_status("c1");
  EXPECT_EQ(128, status->exit_code);
  EXPECT_EQ(ContainerState::kExited, status->state);
}

TEST_F(CrunRuntimeTest, ExecGivesOutputsAndCode) {
  make_sandbox();
  run(container("c1", {"sleep", "1000"}));
  auto result = runtime_->exec_sync("c1", {.argv = {"sh", "-c", "echo out; echo err >&2; exit 7"}}, std::chrono::seconds(5), 1000);
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(7, result->exit_code);
  EXPECT_EQ("out\n", result->out);
  EXPECT_EQ("err\n", result->err);
  auto late = runtime_->exec_sync("c1", {.argv = {"sleep", "100"}}, std::chrono::milliseconds(200), 1000);
  ASSERT_FALSE(late);
  EXPECT_EQ(Code::kDeadlineExceeded, late.error().code());
  auto session = runtime_->exec("c1", {.argv = {"cat"}, .in = true});
  ASSERT_TRUE(session);
  (*session)->input()->write("ping", [](Status) {});
  (*session)->input()->close_write();
  EXPECT_EQ("ping", read_all(*(*session)->output()));
  EXPECT_EQ(0, wait_code(**session));
}

TEST_F(CrunRuntimeTest, ExecWithATerminalHasASize) {
  make_sandbox();
  run(container("c1", {"sleep", "1000"}));
  auto session = runtime_->exec("c1", {.argv = {"sh", "-c", "head -n 1 >/dev/null; stty size; exit 4"}, .tty = true, .in = true});
  ASSERT_TRUE(session) << session.error().message();
  (*session)->resize(123, 45);
  (*session)->input()->write("go\n", [](Status) {});
  std::string out = read_all(*(*session)->output());
  EXPECT_NE(std::string::npos, out.find("45 123")) << out;
  EXPECT_EQ(4, wait_code(**session));
}

TEST_F(CrunRuntimeTest, AttachCarriesInputAndOutput) {
  make_sandbox();
  auto spec = container("c1", {"cat"});
  spec.stdin_open = true;
  spec.stdin_once = true;
  run(spec);
  auto session = runtime_->attach("c1", true);
  ASSERT_TRUE(session) << session.error().message();
  (*session)->input()->write("hello\n", [](Status) {});
  (*session)->input()->close_write();
  EXPECT_EQ("hello\n", read_all(*(*session)->output()));
  EXPECT_EQ(0, wait_exit("c1").exit_code);
}

TEST_F(CrunRuntimeTest, AClientThatEndsItsInputLeavesAnOpenOneToTheNext) {
  make_sandbox();
  auto spec = container("c1", {"cat"});
  spec.stdin_open = true;
  run(spec);
  for (std::string text : {"one\n", "two\n"}) {
    auto session = runtime_->attach("c1", true);
    ASSERT_TRUE(session) << session.error().message();
    (*session)->input()->write(text, [](Status) {});
    (*session)->input()->close_write();
    EXPECT_EQ(0, wait_code(**session));
  }
  EXPECT_EQ(ContainerState::kRunning, runtime_->container_status("c1")->state);
}

TEST_F(CrunRuntimeTest, StopsBySignalThenByForce) {
  make_sandbox();
  run(container("c1", {"sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.05; done"}));
  run(container("c2", {"sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"}));
  ASSERT_TRUE(runtime_->stop_container("c1", "", std::chrono::seconds(5)));
  EXPECT_EQ(5, runtime_->container_status("c1")->exit_code);
  ASSERT_TRUE(runtime_->stop_container("c2", "", std::chrono::milliseconds(200)));
  EXPECT_EQ(137, runtime_->container_status("c2")->exit_code);
}

TEST_F(CrunRuntimeTest, AMemoryHogIsOomKilled) {
  make_sandbox();
  auto spec = container("c1", {"sh", "-c", "x=a; while :; do x=$x$x; done"});
  spec.resources.memory_limit = 16 << 20;
  run(spec);
  auto status = wait_exit("c1");
  EXPECT_TRUE(status.oom_killed);
  EXPECT_EQ(137, status.exit_code);
}

TEST_F(CrunRuntimeTest, OutlivesTheRuntimeAndIsAdopted) {
  make_sandbox();
  run(container("c1", {"sleep", "1000"}));
  run(container("c2", {"sh", "-c", "sleep 0.3; exit 9"}));
  runtime_.reset();
  ::usleep(600'000);
  open();
  auto status = runtime_->container_status("c1");
  ASSERT_TRUE(status);
  EXPECT_EQ(ContainerState::kRunning, status->state);
  EXPECT_EQ(9, runtime_->container_status("c2")->exit_code);
  EXPECT_TRUE(runtime_->sandbox_status("sb")->ready);
  ASSERT_TRUE(runtime_->kill_container("c1", SIGKILL));
  EXPECT_EQ(137, wait_exit("c1").exit_code);
}

TEST_F(CrunRuntimeTest, AnEndIsSeenAlsoWhenConmonIsKilled) {
  make_sandbox();
  run(container("c1", {"sleep", "1000"}));
  int conmon = std::atoi(read_file(dir_ + "/run/c/c1/conmon.pid").value().c_str());
  ::kill(conmon, SIGKILL);
  ASSERT_TRUE(runtime_->kill_container("c1", SIGTERM).has_value() || true);
  ASSERT_TRUE(runtime_->kill_container("c1", SIGKILL));
  auto status = wait_exit("c1");
  EXPECT_TRUE(status.exit_code == 137 || status.exit_code == 255) << status.exit_code;
}

TEST_F(CrunRuntimeTest, ASharedPidNamespaceHasAnInit) {
  make_sandbox({.shared_pid = true});
  run(container("c1", {"sleep", "1000"}));
  auto result = runtime_->exec_sync("c1", {.argv = {"cat", "/proc/1/comm"}}, std::chrono::seconds(5), 1000);
  ASSERT_TRUE(result);
  EXPECT_EQ("reigen-init\n", result->out);
}

TEST_F(CrunRuntimeTest, ARetainedLayerComesBack) {
  make_sandbox();
  auto spec = container("c1", {"sh", "-c", "echo kept > /file"});
  spec.root.retained = "layer1";
  run(spec);
  wait_exit("c1");
  ASSERT_TRUE(runtime_->remove_container("c1"));
  spec = container("c2", {"cat", "/file"});
  spec.root.retained = "layer1";
  run(spec);
  wait_exit("c2");
  EXPECT_NE(std::string::npos, log_of("c2").find("kept"));
  ASSERT_TRUE(runtime_->remove_container("c2"));
  ASSERT_TRUE(runtime_->remove_layer("layer1"));
}

TEST_F(CrunRuntimeTest, TheDefaultSeccompProfileRuns) {
  make_sandbox();
  auto spec = container("c1", {"sh", "-c", "mount -t tmpfs none /tmp; echo rc $?"});
  spec.security.seccomp = SeccompKind::kRuntimeDefault;
  run(spec);
  EXPECT_EQ(0, wait_exit("c1").exit_code);
  EXPECT_NE(std::string::npos, log_of("c1").find("rc 1")) << log_of("c1");
}

TEST_F(CrunRuntimeTest, StatsAndTimes) {
  make_sandbox();
  auto begin = system_clock().now();
  run(container("c1", {"sleep", "1000"}));
  auto took = system_clock().now() - begin;
  RecordProperty("start_ms", static_cast<int>(took / std::chrono::milliseconds(1)));
  fmt::print("create and start: {} ms\n", took / std::chrono::milliseconds(1));
  auto stats = runtime_->container_stats("c1", false);
  ASSERT_TRUE(stats) << stats.error().message();
  EXPECT_EQ(1u, stats->pids);
  EXPECT_GT(stats->memory_usage, 0u);
}

}  // namespace
}  // namespace reigen::runtime
