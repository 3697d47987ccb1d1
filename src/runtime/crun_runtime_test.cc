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
#include "image/test_archive.h"
#include "linux/mount.h"
#include "linux/pidfd.h"
#include "runtime/archive.h"

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
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(120), [&] { return std::find(exited_.begin(), exited_.end(), id) != exited_.end(); })) << id;
    lock.unlock();
    return runtime_->container_status(id).value();
  }
  std::string log_of(const std::string& id) { return read_file(dir_ + "/" + id + ".log").value_or(""); }
  static bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 6000; ++i, ::usleep(10'000))
      if (condition()) return true;
    return false;
  }
  bool wait_log(const std::string& id, std::string_view text) {
    return eventually([&] { return log_of(id).find(text) != std::string::npos; });
  }

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
  auto result = runtime_->exec_sync("c1", {.argv = {"sh", "-c", "echo out; echo err >&2; exit 7"}}, std::chrono::seconds(60), 1000);
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
  run(container("c1", {"sh", "-c", "trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done"}));
  run(container("c2", {"sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"}));
  ASSERT_TRUE(wait_log("c1", "up"));  // it hears signals only now
  ASSERT_TRUE(runtime_->stop_container("c1", "", std::chrono::seconds(60)));
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
  pid_t ends = runtime_->container_status("c2")->pid;
  runtime_.reset();
  ASSERT_TRUE(eventually([&] { return ::kill(ends, 0) != 0; }));
  open();
  auto status = runtime_->container_status("c1");
  ASSERT_TRUE(status);
  EXPECT_EQ(ContainerState::kRunning, status->state);
  EXPECT_TRUE(eventually([&] { return runtime_->container_status("c2")->state == ContainerState::kExited; }));
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
  auto result = runtime_->exec_sync("c1", {.argv = {"cat", "/proc/1/comm"}}, std::chrono::seconds(60), 1000);
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

TEST_F(CrunRuntimeTest, BeforeItRunsNothingIsMissed) {
  make_sandbox();
  auto spec = container("c1", {"echo", "first words"});
  ASSERT_TRUE(runtime_->create_container(spec));
  std::unique_ptr<Session> session;
  StartOptions options;
  options.before_run = [&]() -> Status {
    EXPECT_EQ(ContainerState::kRunning, runtime_->container_status("c1")->state);
    TRY_ASSIGN(session, runtime_->attach("c1", false));
    ::usleep(50'000);
    EXPECT_EQ("", log_of("c1"));
    return {};
  };
  auto started = runtime_->start_container("c1", std::move(options));
  ASSERT_TRUE(started) << started.error().message();
  ASSERT_TRUE(session);
  EXPECT_EQ("first words\n", read_all(*session->output()));
  EXPECT_EQ(0, wait_exit("c1").exit_code);

  ASSERT_TRUE(runtime_->create_container(container("c2", {"sh", "-c", "echo ran"})));
  StartOptions failing;
  failing.before_run = [] { return Status(fail(Code::kUnavailable, "no names")); };
  auto failed = runtime_->start_container("c2", std::move(failing));
  ASSERT_FALSE(failed);
  EXPECT_EQ("no names", failed.error().message());
  auto status = runtime_->container_status("c2");
  EXPECT_EQ(ContainerState::kExited, status->state);
  EXPECT_EQ(128, status->exit_code);
  EXPECT_EQ("", log_of("c2"));
}

TEST_F(CrunRuntimeTest, ATerminalHasItsSizeFromTheFirstMoment) {
  make_sandbox();
  auto spec = container("c1", {"stty", "size"});
  spec.tty = true;
  spec.console_width = 123;
  spec.console_height = 45;
  run(spec);
  wait_exit("c1");
  EXPECT_NE(std::string::npos, log_of("c1").find("45 123")) << log_of("c1");
  run(container("c2", {"sleep", "1000"}));
  auto session = runtime_->exec(
      "c2", {.argv = {"sh", "-c", "i=0; while [ $i -lt 600 -a \"$(stty size 2>/dev/null)\" != '33 77' ]; do sleep 0.1; i=$((i+1)); done; stty size"},
             .tty = true,
             .console_width = 77,
             .console_height = 33});
  ASSERT_TRUE(session);
  EXPECT_EQ("33 77\r\n", read_all(*(*session)->output()));
  EXPECT_GT((*session)->pid(), 0);
}

TEST_F(CrunRuntimeTest, SandboxesShareNamespaces) {
  make_sandbox();
  SandboxSpec second{.id = "sb2", .net_namespace_of = "sb", .ipc_namespace_of = "sb"};
  second.sysctls = {{"net.ipv4.ip_local_port_range", "40000 50000"}};
  make_sandbox(second);
  auto spec = container("c1", {"sh", "-c", "echo shared > /dev/shm/f; sleep 1000"});
  run(spec);
  spec = container("c2", {"sh", "-c", "while ! [ -s /dev/shm/f ]; do sleep 0.02; done; cat /dev/shm/f /proc/sys/net/ipv4/ip_local_port_range; sleep 1000"});
  spec.sandbox_id = "sb2";
  run(spec);
  auto ns = [&](const std::string& id, const std::string& name) {
    char text[64] = {};
    std::string path = "/proc/" + std::to_string(runtime_->container_status(id)->pid) + "/ns/" + name;
    EXPECT_GT(::readlink(path.c_str(), text, sizeof text - 1), 0);
    return std::string(text);
  };
  EXPECT_EQ(ns("c1", "net"), ns("c2", "net"));
  EXPECT_EQ(ns("c1", "ipc"), ns("c2", "ipc"));
  EXPECT_NE(ns("c1", "uts"), ns("c2", "uts"));
  EXPECT_NE(ns("c1", "pid"), ns("c2", "pid"));
  for (int i = 0; i < 3000 && log_of("c2").find("50000") == std::string::npos; ++i) ::usleep(20'000);
  EXPECT_NE(std::string::npos, log_of("c2").find("F shared\n")) << log_of("c2");
  EXPECT_NE(std::string::npos, log_of("c2").find("40000\t50000")) << log_of("c2");
  // The first may go: what is shared stays with the second.
  ASSERT_TRUE(runtime_->remove_container("c1"));
  ASSERT_TRUE(runtime_->remove_sandbox("sb"));
  runtime_.reset();
  open();
  EXPECT_TRUE(runtime_->sandbox_status("sb2")->ready);
  auto result = runtime_->exec_sync("c2", {.argv = {"cat", "/dev/shm/f"}}, std::chrono::seconds(60), 1000);
  EXPECT_EQ("shared\n", result->out);
  auto missing = runtime_->create_sandbox({.id = "sb3", .net_namespace_of = "nosuch"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(Code::kNotFound, missing.error().code());
  auto host = runtime_->create_sandbox({.id = "sb4", .host_network = true, .sysctls = {{"net.ipv4.ip_forward", "1"}}});
  ASSERT_FALSE(host);
  EXPECT_EQ("sandbox sb4: sysctl \"net.ipv4.ip_forward\" not allowed in host network namespace", host.error().message());
}

TEST_F(CrunRuntimeTest, ModesOfTheHost) {
  SandboxSpec spec{.id = "sb", .host_network = true, .host_pid = true, .host_uts = false, .no_shm = true};
  make_sandbox(spec);
  run(container("c1", {"sh", "-c", "hostname; ls /dev/shm; exec sleep 1000"}));
  for (int i = 0; i < 3000 && log_of("c1").find("shm") == std::string::npos; ++i) ::usleep(20'000);
  EXPECT_NE(std::string::npos, log_of("c1").find("F box\n")) << log_of("c1");
  EXPECT_NE(std::string::npos, log_of("c1").find("/dev/shm: No such file")) << log_of("c1");
  auto result = runtime_->exec_sync("c1", {.argv = {"sh", "-c", "echo $PPID; cat /proc/1/comm"}}, std::chrono::seconds(60), 1000);
  EXPECT_EQ(0, result->exit_code) << result->err;
  EXPECT_EQ(std::string::npos, result->out.find("sleep"));
}

TEST_F(CrunRuntimeTest, SecurityIsAsAskedFor) {
  make_sandbox();
  auto spec = container("c1", {"sh", "-c", "mount | head -n 200; echo the end; exec sleep 1000"});
  spec.security.masked_paths = {"/proc/keys"};
  spec.security.readonly_paths = std::vector<std::string>();
  spec.security.host_cgroup_namespace = false;
  spec.annotations = {{"a.b/c", "d"}};
  spec.device_rules = {{.allow = true, .type = 'c', .major = 10, .minor = -1, .access = "rw"}};
  spec.rlimits = {{"RLIMIT_NOFILE", 100, 200}};
  run(spec);
  for (int i = 0; i < 3000 && log_of("c1").find("the end") == std::string::npos; ++i) ::usleep(20'000);
  EXPECT_NE(std::string::npos, log_of("c1").find("/proc/keys")) << log_of("c1");
  EXPECT_EQ(std::string::npos, log_of("c1").find("/proc/sys ")) << log_of("c1");
  auto plain = runtime_->exec_sync("c1", {.argv = {"sh", "-c", "ulimit -n; mount -t tmpfs x /tmp"}}, std::chrono::seconds(60), 1000);
  EXPECT_EQ("100\n", plain->out);
  EXPECT_NE(0, plain->exit_code);
  auto groups = linux::Cgroups::open();
  if (groups->mode() != linux::Cgroups::Mode::kV2) {
    std::string id = runtime_->container_status("c1")->id;
    auto devices = read_file(groups->folder("devices", "/reigen-rttest/kubepods/pod-sb/c1") + "/devices.list").value_or("");
    EXPECT_NE(std::string::npos, devices.find("c 10:* rw")) << devices;
  }
  auto privileged = runtime_->exec_sync("c1", {.argv = {"sh", "-c", "mount -t tmpfs x /tmp"}, .privileged = true}, std::chrono::seconds(60), 1000);
  EXPECT_EQ(0, privileged->exit_code) << privileged->err;
}

TEST_F(CrunRuntimeTest, AllLimitsAreSetAndChanged) {
  make_sandbox();
  auto groups = linux::Cgroups::open();
  if (groups->mode() == linux::Cgroups::Mode::kV2) GTEST_SKIP() << "the files' names are those of v1";
  auto has = groups->abilities("/reigen-rttest/kubepods/pod-sb");
  auto spec = container("c1", {"sleep", "1000"});
  auto& limits = spec.resources;
  limits.memory_limit = 64 << 20;
  if (has.swap) limits.memory_swap = 128 << 20;
  limits.memory_reservation = 32 << 20;
  limits.memory_swappiness = 7;
  limits.oom_kill_disable = true;
  limits.cpu_period_us = 50000;
  limits.pids_limit = 20;
  if (has.blkio_weight) limits.blkio_weight = 300;
  run(spec);
  auto value = [&](const char* controller, const char* file) {
    auto text = read_file(groups->folder(controller, "/reigen-rttest/kubepods/pod-sb/c1") + "/" + file).value_or("?\n");
    return text.substr(0, text.find('\n'));
  };
  EXPECT_EQ("67108864", value("memory", "memory.limit_in_bytes"));
  EXPECT_EQ("33554432", value("memory", "memory.soft_limit_in_bytes"));
  EXPECT_EQ("7", value("memory", "memory.swappiness"));
  EXPECT_EQ("oom_kill_disable 1", value("memory", "memory.oom_control"));
  EXPECT_EQ("50000", value("cpu", "cpu.cfs_period_us"));
  EXPECT_EQ(has.swap ? "134217728" : "?", value("memory", "memory.memsw.limit_in_bytes"));
  Resources more{.cpu_shares = 512, .cpu_quota_us = 20000, .cpu_period_us = 50000, .memory_limit = 256 << 20, .pids_limit = 30};
  if (has.swap) more.memory_swap = 300 << 20;
  auto updated = runtime_->update_container("c1", more);
  ASSERT_TRUE(updated) << updated.error().message();
  EXPECT_EQ("268435456", value("memory", "memory.limit_in_bytes"));
  EXPECT_EQ("30", value("pids", "pids.max"));
  EXPECT_EQ("512", value("cpu", "cpu.shares"));
  auto stats = runtime_->container_stats("c1", false);
  EXPECT_EQ(30u, stats->pids_limit);
  EXPECT_EQ(256u << 20, stats->memory_limit);
  EXPECT_FALSE(stats->memory_counters.empty());
  EXPECT_FALSE(stats->per_cpu_ns.empty());
  EXPECT_GT(stats->cpu_ns, 0u);
  EXPECT_EQ(1u, runtime_->processes("c1")->size());
}

TEST_F(CrunRuntimeTest, PausesAndGoesOn) {
  make_sandbox();
  run(container("c1", {"sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done"}));
  ASSERT_TRUE(wait_log("c1", " 3\n"));
  ASSERT_TRUE(runtime_->pause_container("c1", true));
  std::string before;
  // What it had written may be on its way to the log yet.
  EXPECT_TRUE(eventually([&] {
    before = log_of("c1");
    ::usleep(150'000);
    return log_of("c1") == before;
  }));
  ASSERT_TRUE(runtime_->pause_container("c1", false));
  EXPECT_TRUE(eventually([&] { return log_of("c1") != before; }));
  ASSERT_TRUE(runtime_->pause_container("c1", true));
  ASSERT_TRUE(runtime_->kill_container("c1", SIGKILL));
  EXPECT_EQ(137, wait_exit("c1").exit_code);
  EXPECT_EQ(Code::kUnavailable, runtime_->pause_container("c1", true).error().code());
}

TEST_F(CrunRuntimeTest, AnInitIsPid1AndSaysWhatItCannotFind) {
  make_sandbox();
  auto spec = container("c1", {"sh", "-c", "exit 3"});
  spec.init = true;
  run(spec);
  EXPECT_EQ(3, wait_exit("c1").exit_code);
  spec = container("c2", {"/nosuch"});
  spec.init = true;
  run(spec);
  EXPECT_EQ(127, wait_exit("c2").exit_code);
  spec = container("c3", {"/etc/passwd"});
  spec.init = true;
  run(spec);
  EXPECT_EQ(126, wait_exit("c3").exit_code);
}

// Docker's ids: 56 digits and the attempt; all attempts share layer and log.
TEST_F(CrunRuntimeTest, RunsOfOneContainerShareLayerAndLog) {
  std::string id(56, 'a'), layer = id + "bbbbbbbb";
  Root root{.layers = {layer_}, .retained = layer};
  std::string log = dir_ + "/log";
  for (int attempt = 1; attempt <= 2; ++attempt) {
    SandboxSpec sandbox{.id = "run" + std::to_string(attempt), .cgroup_parent = "docker/" + layer};
    ASSERT_TRUE(runtime_->create_sandbox(sandbox));
    auto spec = container(id + "-" + std::to_string(attempt), {"sh", "-c", "cat /file; echo run >> /file; echo end; rm /etc/group; ls /vol"});
    spec.sandbox_id = sandbox.id;
    spec.root = root;
    spec.log_path = log;
    spec.mounts = {{.source = dir_, .destination = "/vol", .options = {"rbind"}}};
    run(spec);
    EXPECT_EQ(0, wait_exit(spec.id).exit_code);
    EXPECT_EQ(dir_ + "/run/l/" + layer, runtime_->root_path(spec.id).value());
    if (attempt == 2) {  // while the second is there, the first one's rest goes
      ASSERT_TRUE(runtime_->remove_container(id + "-1"));
      ASSERT_TRUE(runtime_->remove_sandbox("run1"));
    }
  }
  std::string text = read_file(log).value();
  EXPECT_NE(std::string::npos, text.find("stderr F cat: ")) << text;
  EXPECT_NE(std::string::npos, text.find("stdout F run\n")) << text;
  EXPECT_EQ(Code::kConflict, runtime_->remove_layer(layer).error().code());
  ASSERT_TRUE(runtime_->remove_container(id + "-2"));
  ASSERT_TRUE(runtime_->remove_sandbox("run2"));
  EXPECT_EQ(std::vector<std::string>{layer}, runtime_->list_layers());
  EXPECT_EQ(8u, runtime_->layer_bytes(layer).value());  // "run\n" twice
  EXPECT_TRUE(linux::mounts_below(dir_ + "/run/l")->empty());
  auto changes = runtime_->layer_changes(root);
  ASSERT_TRUE(changes);
  using Kind = LayerChange::Kind;
  EXPECT_EQ((std::vector<LayerChange>{{Kind::kModified, "/etc"}, {Kind::kDeleted, "/etc/group"}, {Kind::kAdded, "/file"}, {Kind::kAdded, "/vol"}}), *changes);
  ASSERT_TRUE(runtime_->copy_layer(layer, dir_ + "/copy"));
  EXPECT_EQ("run\nrun\n", read_file(dir_ + "/copy/file").value());
  ASSERT_TRUE(runtime_->take_layer("other", dir_ + "/copy"));
  EXPECT_EQ(*changes, *runtime_->layer_changes({.layers = {layer_}, .retained = "other"}));
  EXPECT_FALSE(path_exists(dir_ + "/copy"));
  ASSERT_TRUE(runtime_->remove_layer("other"));
  ASSERT_TRUE(runtime_->remove_layer(layer));
}

TEST_F(CrunRuntimeTest, ViewsOfFiles) {
  make_sandbox();
  Root root{.layers = {layer_}, .retained = "layer1"};
  ASSERT_TRUE(make_directories(dir_ + "/volume"));
  std::vector<Mount> mounts = {{.source = dir_ + "/volume", .destination = "/vol/deep", .options = {"rbind"}}};
  auto put = [](const RootView& view, const std::string& path, const image::test::Tar& tar) {
    std::string bytes = tar.bytes();
    image::StringSource source(bytes);
    auto done = extract_archive(view, path, source, {});
    EXPECT_TRUE(done) << done.error().message();
  };
  image::test::Tar file;
  file.file("f", "one\n");
  {
    auto view = runtime_->view_layer(root, mounts);
    ASSERT_TRUE(view) << view.error().message();
    put(**view, "/vol/deep", file);
    put(**view, "/tmp", file);
    auto plain = runtime_->view_layer(root, {});  // beside it, without the mounts
    EXPECT_FALSE(stat_path(**plain, "/vol/deep/f"));
    EXPECT_TRUE(stat_path(**plain, "/tmp/f"));
    EXPECT_TRUE(stat_path(**plain, "/.dockerenv"));
    mounts[0].options = {"rbind", "ro"};
    auto locked = runtime_->view_layer(root, mounts);
    std::string bytes = file.bytes();
    image::StringSource source(bytes);
    EXPECT_EQ("mounted volume is marked read-only", extract_archive(**locked, "/vol/deep", source, {}).error().message());
  }
  EXPECT_TRUE(linux::mounts_below(dir_ + "/run/l")->empty());
  EXPECT_TRUE(linux::mounts_below(dir_ + "/run/v")->empty());
  EXPECT_EQ("one\n", read_file(dir_ + "/volume/f").value());
  mounts[0].options = {"rbind"};
  auto spec = container("c1", {"sh", "-c", "cat /vol/deep/f /tmp/f; exec sleep 1000"});
  spec.root = root;
  spec.mounts = mounts;
  run(spec);
  auto running = runtime_->view_container("c1");
  ASSERT_TRUE(running);
  file.file("g", "two\n");
  put(**running, "/vol/deep", file);
  put(**running, "/tmp", file);
  EXPECT_EQ("two\n", read_file(dir_ + "/volume/g").value());
  auto out = runtime_->exec_sync("c1", {.argv = {"cat", "/tmp/g", "/vol/deep/g"}}, std::chrono::seconds(60), 1000);
  EXPECT_EQ("two\ntwo\n", out->out);
  auto beside = runtime_->view_layer(root, {});
  EXPECT_TRUE(stat_path(**beside, "/tmp/g"));
  EXPECT_FALSE(stat_path(**beside, "/vol/deep/g"));
  EXPECT_FALSE(stat_path(**running, "/proc/self/root/etc/passwd"));
  EXPECT_FALSE(stat_path(**running, "/proc/1/root/etc/passwd"));
  size_t exported = 0;
  ASSERT_TRUE(export_root(**beside, [&](std::string_view data) -> Status {
    exported += data.size();
    return {};
  }));
  EXPECT_GT(exported, 500'000u);
  // A restart of the server: the mount is found again.
  running = fail(Code::kUnavailable, "");
  beside = fail(Code::kUnavailable, "");
  runtime_.reset();
  open();
  EXPECT_TRUE(stat_path(**runtime_->view_layer(root, {}), "/tmp/g"));
  ASSERT_TRUE(runtime_->remove_container("c1"));
  EXPECT_EQ(Code::kNotFound, runtime_->view_container("c1").error().code());
  EXPECT_TRUE(linux::mounts_below(dir_ + "/run/l")->empty());
}

TEST_F(CrunRuntimeTest, TheDefaultSeccompProfileRuns) {
  make_sandbox();
  auto spec = container("c1", {"sh", "-c", "mount -t tmpfs none /tmp; echo rc $?"});
  spec.security.seccomp = SeccompKind::kRuntimeDefault;
  run(spec);
  EXPECT_EQ(0, wait_exit("c1").exit_code);
  EXPECT_NE(std::string::npos, log_of("c1").find("rc 1")) << log_of("c1");
}

// The second container brings what crun made for the first.
TEST_F(CrunRuntimeTest, AFilterIsCompiledOnce) {
  make_sandbox();
  std::vector<std::string> filters, configs;
  for (const char* id : {"c1", "c2", "c3"}) {
    auto spec = container(id, {"sleep", "1000"});
    spec.security.seccomp = SeccompKind::kRuntimeDefault;
    if (id == std::string("c3")) spec.security.add_capabilities = {"SYS_ADMIN"};
    run(spec);
    filters.push_back(read_file(dir_ + "/run/crun/" + id + "/seccomp.bpf").value_or(""));
    configs.push_back(read_file(dir_ + "/run/c/" + id + "/config.json").value_or(""));
    auto mounted = runtime_->exec_sync(id, {.argv = {"sh", "-c", "mount -t tmpfs none /tmp"}}, std::chrono::seconds(5), 1000);
    EXPECT_EQ(id == std::string("c3"), mounted->exit_code == 0) << id;
  }
  EXPECT_NE("", filters[0]);
  EXPECT_EQ(filters[0], filters[1]);
  EXPECT_NE(filters[0], filters[2]);
  for (size_t i = 0; i < configs.size(); ++i) EXPECT_EQ(i == 1, configs[i].find("seccomp_bpf_data") != std::string::npos) << i;
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
