#include "node/container_health.h"

#include <gtest/gtest.h>

#include "api/json.h"
#include "apiserver/docker_error.h"
#include "node/container_status.h"
#include "node/container_times.h"
#include "node/container_top.h"

namespace reigen::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

HealthChecks checks_of(const std::string& config) {
  auto decoded = api::decode_json_as<api::dockerv1::Config>(config);
  EXPECT_TRUE(decoded);
  auto checks = health_checks(*decoded);
  EXPECT_TRUE(checks);
  return checks.value_or(HealthChecks());
}

TEST(ContainerHealth, ChecksAreDockers) {
  auto checks = checks_of(R"({"Healthcheck":{"Test":["CMD-SHELL","cat /h"]}})");
  EXPECT_EQ(checks.command, (std::vector<std::string>{"/bin/sh", "-c", "cat /h"}));
  EXPECT_EQ(checks.interval, seconds(30));
  EXPECT_EQ(checks.retries, 3);
  EXPECT_EQ(checks_of(R"({"Healthcheck":{"Test":["CMD","a","b"],"Interval":1000000,"Retries":1},"Shell":["x"]})").command,
            (std::vector<std::string>{"a", "b"}));
  api::dockerv1::Config none;
  EXPECT_FALSE(health_checks(none));
  none.healthcheck.emplace().test = {"NONE"};
  EXPECT_FALSE(health_checks(none));
}

TEST(ContainerHealth, FailuresCountInARowAndNotWhileItStarts) {
  HealthChecks checks;
  checks.retries = 2;
  checks.start_period = seconds(10);
  WallTime start(seconds(1000));
  HealthState state;
  state.status = "starting";
  auto note = [&](int second, int code) { return note_health(state, checks, start, {start + seconds(second), start + seconds(second), code, ""}); };
  EXPECT_FALSE(note(1, 1));
  EXPECT_EQ(state.streak, 0);
  EXPECT_TRUE(note(2, 0));
  EXPECT_EQ(state.status, "healthy");
  EXPECT_FALSE(note(3, 1));
  EXPECT_TRUE(note(4, 1));
  EXPECT_EQ(state.status, "unhealthy");
  EXPECT_TRUE(note(5, 0));
  EXPECT_EQ(state.streak, 0);
  EXPECT_FALSE(note(6, 0));
  EXPECT_EQ(state.log.size(), 5u);
}

TEST(ContainerHealth, DurationsAsGoPrintsThem) {
  EXPECT_EQ(go_duration_text(milliseconds(400)), "400ms");
  EXPECT_EQ(go_duration_text(seconds(30)), "30s");
  EXPECT_EQ(go_duration_text(milliseconds(1500)), "1.5s");
  EXPECT_EQ(go_duration_text(seconds(3690)), "1h1m30s");
}

TEST(ContainerStatus, APatchTakesAwayWhatIsEmpty) {
  api::dockerv1::ContainerStatus status;
  status.state = "exited";
  status.run_number = 2;
  status.exit_code = 3;
  std::string patch = container_status_patch(status);
  EXPECT_NE(patch.find(R"("state":"exited")"), std::string::npos) << patch;
  EXPECT_NE(patch.find(R"("exitCode":3)"), std::string::npos) << patch;
  EXPECT_NE(patch.find(R"("pid":null)"), std::string::npos) << patch;
  EXPECT_NE(patch.find(R"("networks":null)"), std::string::npos) << patch;
}

struct FailureCase {
  const char *message, *program, *part;
  int status, exit_code;
};
TEST(ContainerStatus, FailedStartsSayWhatClientsLookFor) {
  const FailureCase cases[] = {
      {"executable file `nosuch` not found in $PATH: No such file or directory", "nosuch", "exec: \"nosuch\": executable file not found in $PATH", 400, 127},
      {"executable file `/nosuch` not found: No such file or directory", "/nosuch", "stat /nosuch: no such file or directory", 400, 127},
      {"open executable: Permission denied", "/etc/passwd", "exec: \"/etc/passwd\": permission denied", 400, 126},
      {"something else", "x", "something else", 500, 128},
      {"open executable: Permission denied", "", "exec: \"\": executable file not found in $PATH", 400, 127},
      {"chdir `/etc/passwd`: Not a directory", "x", "Cannot mkdir: /etc/passwd is not a directory", 500, 128},
      {"chdir to `/etc/passwd`: Not a directory", "x", "Cannot mkdir: /etc/passwd is not a directory", 500, 128},
      {"writing file `cpu.cfs_quota_us`: Invalid argument", "x", "`cpu.cfs_quota_us`: invalid argument: unknown", 500, 128},
  };
  for (const auto& entry : cases) {
    auto failure = start_failure(Error(Code::kInternal, entry.message), entry.program, true);
    EXPECT_NE(failure.text.find(entry.part), std::string::npos) << failure.text;
    EXPECT_EQ(failure.status, entry.status) << entry.message;
    EXPECT_EQ(failure.exit_code, entry.exit_code) << entry.message;
  }
  const FailureCase before[] = {
      {"sandbox abc: /run/wrapper exited with 125: reigen-wrapper: open /proc/sys/net/nosuch: No such file or directory", "x",
       "runc create failed: unable to start container process: error during container init: open /proc/sys/net/nosuch: no such file or directory: unknown", 400,
       127},
      {"sandbox abc: sysctl \"net.x\" not allowed in host network namespace", "x",
       "runc create failed: sysctl \"net.x\" not allowed in host network namespace: unknown", 500, 128},
      {"stat /dev/nosuch: No such file or directory", "x", "stat /dev/nosuch: no such file or directory", 500, 128},
      {"Address already in use", "x", "Address already in use", 500, 128},
  };
  for (const auto& entry : before) {
    auto failure = start_failure(Error(Code::kInternal, entry.message), entry.program, false);
    EXPECT_TRUE(failure.text.ends_with(entry.part)) << failure.text;
    EXPECT_EQ(failure.status, entry.status) << entry.message;
    EXPECT_EQ(failure.exit_code, entry.exit_code) << entry.message;
  }
  auto conflict = start_failure(apiserver::docker_error(409, "no"), "x", false);
  EXPECT_EQ(conflict.status, 409);
  EXPECT_EQ(conflict.exit_code, 128);
}

TEST(ContainerTimes, GoThereAndBack) {
  WallTime time(seconds(1'700'000'000) + std::chrono::nanoseconds(120'000'000));
  EXPECT_EQ(docker_time(time), "2023-11-14T22:13:20.12Z");
  EXPECT_EQ(parse_docker_time("2023-11-14T22:13:20.12Z"), time);
  EXPECT_EQ(docker_time(WallTime()), "");
  EXPECT_FALSE(parse_docker_time("yesterday"));
}

TEST(ContainerTop, ShowsTheContainersLines) {
  auto all = parse_ps("UID   PID CMD\nroot    1 init\nroot   77 sleep 1 2\nroot    - -\nroot   78 other\nroot    - -\n", {77});
  ASSERT_TRUE(all);
  EXPECT_EQ(all->titles, (std::vector<std::string>{"UID", "PID", "CMD"}));
  ASSERT_EQ(all->processes.size(), 2u);
  EXPECT_EQ(all->processes[0], (std::vector<std::string>{"root", "77", "sleep 1 2"}));
  EXPECT_EQ(parse_ps("COMMAND\nx\n", {1}).error().message(), "Couldn't find PID field in ps output");
}

TEST(ContainerTop, ArgumentsAreOnlyForColumns) {
  EXPECT_EQ(*ps_words(""), std::vector<std::string>{"-ef"});
  EXPECT_EQ(*ps_words("-o pid,args"), (std::vector<std::string>{"-o", "pid,args"}));
  EXPECT_FALSE(ps_words("-ef; id"));
  EXPECT_FALSE(ps_words("-o `x`"));
  EXPECT_EQ(ps_words("-o uid=PID").error().message(), "specifying \"uid=PID\" is not allowed");
  EXPECT_TRUE(ps_words("-o pid=PID"));
}

}  // namespace
}  // namespace reigen::node
