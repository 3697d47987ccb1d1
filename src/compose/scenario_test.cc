// Whole commands against an engine that only remembers.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/files.h"
#include "compose/commands/commands.h"
#include "compose/fake_engine.h"

namespace reigen::compose {
namespace {

class Scenario : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = make_temporary_directory("/tmp", "compose-run-").value();
    engine_ = std::make_unique<test::FakeEngine>(root_ + "/s");
    write("services:\n  web: {image: busybox, depends_on: [db]}\n  db: {image: busybox, volumes: ['data:/d']}\nvolumes: {data: {}}\n");
  }
  void TearDown() override {
    engine_.reset();
    (void)remove_tree(root_);
  }
  void write(std::string_view text) { ASSERT_TRUE(write_file(root_ + "/compose.yaml", text)); }

  // What changed at the engine, sorted where things happen at once: "POST /networks/create | ...".
  std::string run(Result<int> (*command)(Session&, const Arguments&), const Arguments& arguments, bool sorted = true) {
    GlobalOptions options;
    options.project.files = {root_ + "/compose.yaml"};
    options.project.name = "p";
    options.host = "unix://" + root_ + "/s";
    options.progress = "quiet";
    Session session(options, {});
    auto code = command(session, arguments);
    if (!code) return code.error().message();
    auto changes = engine_->take_changes();
    if (sorted) std::ranges::sort(changes);
    std::string out;
    for (const auto& change : changes) out += (out.empty() ? "" : " | ") + change;
    return out;
  }

  std::string root_;
  std::unique_ptr<test::FakeEngine> engine_;
};

TEST_F(Scenario, UpMakesEverythingOnceAndDownTakesItAway) {
  EXPECT_EQ(run(run_up, {"-d"}),
            "POST /containers/create p-db-1 | POST /containers/create p-web-1 | POST /containers/id1/start | POST /containers/id2/start | POST "
            "/networks/create | POST "
            "/volumes/create");
  EXPECT_EQ(run(run_up, {"-d"}), "");
  EXPECT_EQ(run(run_stop, {"web"}).substr(0, 19), "POST /containers/id");
  EXPECT_EQ(run(run_up, {"-d"}).substr(0, 19), "POST /containers/id");
  std::string down = run(run_down, {"-v"});
  for (const char* gone : {"DELETE /containers/id1", "DELETE /containers/id2", "DELETE /networks/p_default", "DELETE /volumes/p_data"})
    EXPECT_NE(down.find(gone), std::string::npos) << down;
  EXPECT_EQ(run(run_down, {}), "");
}

TEST_F(Scenario, OnlyWhatHasChangedIsMadeAnewAndTakesTheName) {
  write("services:\n  web: {image: busybox}\n  db: {image: busybox}\n");
  (void)run(run_up, {"-d", "db"});
  (void)run(run_up, {"-d", "web"});
  write("services:\n  web: {image: busybox, environment: {A: 1}}\n  db: {image: busybox}\n");
  EXPECT_EQ(run(run_up, {"-d"}, false),
            "POST /containers/create id2_p-web-1 | POST /containers/id2/stop | DELETE /containers/id2 | POST /containers/id3/rename p-web-1 | POST "
            "/containers/id3/start");
  write("services:\n  db: {image: busybox}\n");
  EXPECT_EQ(run(run_up, {"-d", "--remove-orphans"}, false), "POST /containers/id3/stop | DELETE /containers/id3");
}

TEST_F(Scenario, ScalesAndPullsWhatIsMissing) {
  write("services:\n  web: {image: nginx}\n");
  EXPECT_EQ(run(run_up, {"-d", "--pull", "never", "--no-start"}), "POST /containers/create p-web-1 | POST /networks/create");
  engine_->images.erase("nginx");
  EXPECT_EQ(run(run_scale, {"web=2"}), "POST /containers/create p-web-2 | POST /containers/id1/start | POST /containers/id2/start | POST /images/create");
  EXPECT_EQ(run(run_scale, {"web=1"}, false), "POST /containers/id2/stop | DELETE /containers/id2");
  EXPECT_EQ(run(run_scale, {"web"}), "invalid scale specifier: web");
  EXPECT_EQ(run(run_scale, {"nope=1"}), "no such service: nope");
}

TEST_F(Scenario, AFailedStartIsToldAndTriedAgain) {
  write("services:\n  web: {image: busybox}\n");
  engine_->start_failures = 1;
  EXPECT_EQ(run(run_up, {"-d"}), "Error response from daemon: no luck");
  (void)engine_->take_changes();
  EXPECT_EQ(run(run_up, {"-d"}), "POST /containers/id1/start");
}

TEST_F(Scenario, WhatIsNotSupportedEndsUpButNotConfig) {
  write("services:\n  web: {image: busybox, credential_spec: {file: x}}\n");
  EXPECT_NE(run(run_up, {"-d"}).find("services.web.credential_spec is not supported: it is for Windows"), std::string::npos);
  EXPECT_EQ(run(run_config, {"-q"}), "");
  EXPECT_EQ(run(run_down, {}), "");
}

}  // namespace
}  // namespace reigen::compose
