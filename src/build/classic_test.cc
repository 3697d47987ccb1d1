// The classic builder: an image after every instruction, and what is found again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/process.h"
#include "build/builder.h"
#include "build/classic_image.h"
#include "build/dockerfile_check.h"
#include "build/run_mounts.h"
#include "image/exporter.h"
#include "image/image_store.h"
#include "image/importer.h"

namespace reigen::build {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = BuildEvent::Kind;

class ClassicTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "SKIP needs root: builds mount overlays";
    if (!find_program("crun") || !find_program("busybox")) GTEST_SKIP() << "SKIP crun or busybox is missing";
    root_ = *make_temporary_directory(::testing::TempDir(), "classic-test-");
    context_ = root_ + "/context";
    ASSERT_TRUE(make_directories(context_ + "/root/bin"));
    store_ = std::move(*image::ImageStore::open(root_ + "/data/images"));
    ASSERT_TRUE(run_checked({{"cp", "-L", *find_program("busybox"), context_ + "/root/bin/busybox"}}));
    for (const char* name : {"sh", "cat", "echo"}) ASSERT_EQ(::symlink("busybox", (context_ + "/root/bin/" + name).c_str()), 0);
    BuildOptions base;
    base.tags = {"base:1"};
    auto made = build("FROM scratch\nCOPY root /\n", base);
    ASSERT_TRUE(made) << made.error().message();
  }
  void TearDown() override {
    store_.reset();
    if (root_.empty()) return;
    EXPECT_TRUE(list_directory(root_ + "/data/images/tmp")->empty());
    EXPECT_TRUE(remove_tree(root_));
  }
  void put(const std::string& path, const std::string& data, mode_t mode = 0644) {
    std::string whole = context_ + "/" + path;
    ASSERT_TRUE(make_directories(whole.substr(0, whole.rfind('/'))));
    ASSERT_TRUE(write_file(whole, data, mode));
    ASSERT_EQ(::chmod(whole.c_str(), mode), 0);
  }
  Result<image::ImageRecord> build(const std::string& dockerfile, BuildOptions options = {}) {
    put("Dockerfile", dockerfile);
    options.context = context_;
    options.classic = true;
    output_.clear();
    said_.clear();
    warnings_.clear();
    options.progress = [this](const BuildEvent& event) {
      if (event.kind == Kind::kOutput || event.kind == Kind::kErrorOutput) output_ += event.text;
      else if (event.kind == Kind::kWarning) warnings_ += event.text;
      else if (event.kind != Kind::kDone) said_.push_back(event.kind);
    };
    return build_image(*store_, options);
  }
  long cached() const { return std::ranges::count(said_, Kind::kCached); }
  std::vector<std::string> history(const std::string& id) {
    std::vector<std::string> out;
    auto config = store_->config(id);
    if (config)
      for (const auto& entry : config->history) out.push_back(entry.created_by);
    return out;
  }

  std::string root_, context_, output_, warnings_;
  std::unique_ptr<image::ImageStore> store_;
  std::vector<Kind> said_;
};

TEST_F(ClassicTest, EveryInstructionIsAnImageWithItsTrace) {
  put("x", "x");
  auto out = build(
      "ARG TAG=1\nFROM base:${TAG}\nARG WHO=world\nENV A=1 B=\"two words\"\nWORKDIR /w\nRUN echo \"$WHO $A\" > /made\nCOPY x /x\nEXPOSE 80 53/udp\n"
      "VOLUME [\"/v1\", \"/v2\"]\nMAINTAINER me\nCMD echo $A\n",
      {.tags = {"t:1"}, .args = {{"WHO", "you"}, {"NOSUCH", "x"}}, .labels = {{"l", "v"}}});
  ASSERT_TRUE(out) << out.error().message();
  auto lines = history(out->id);
  ASSERT_EQ(lines.size(), 11u);
  lines.erase(lines.begin());
  EXPECT_THAT(lines[4], ::testing::MatchesRegex("/bin/sh -c #\\(nop\\) COPY file:[0-9a-f]+ in /x "));
  lines.erase(lines.begin() + 4);
  EXPECT_THAT(lines,
              ElementsAre("/bin/sh -c #(nop)  ARG WHO=world", "/bin/sh -c #(nop)  ENV A=1 B=two words", "/bin/sh -c #(nop) WORKDIR /w",
                          "|1 WHO=you /bin/sh -c echo \"$WHO $A\" > /made", "/bin/sh -c #(nop)  EXPOSE 53/udp 80", "/bin/sh -c #(nop)  VOLUME [/v1 /v2]",
                          "/bin/sh -c #(nop)  MAINTAINER me", "/bin/sh -c #(nop)  CMD [\"/bin/sh\" \"-c\" \"echo $A\"]", "/bin/sh -c #(nop)  LABEL l=v"));
  auto config = *store_->config(out->id);
  EXPECT_EQ(config.author, "me");
  EXPECT_EQ(config.labels.at("l"), "v");
  EXPECT_EQ(config.env.front(), "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  EXPECT_EQ(config.diff_ids.size(), 4u);  // base, /w, /made, /x: what changes no file is no layer
  EXPECT_EQ(warnings_, "One or more build-args [NOSUCH] were not consumed");
  // The chain back to the base.
  size_t length = 0;
  for (std::string at = out->id; !at.empty(); at = store_->find(at)->parent) ++length;
  EXPECT_EQ(length, 11u);
  EXPECT_EQ(*read_file(store_->layer_dirs(out->id)->at(2) + "/made"), "you 1\n");
  EXPECT_EQ(*list_directory(store_->layer_dirs(out->id)->at(2)), std::vector<std::string>{"made"});
}

TEST_F(ClassicTest, TheCacheIsTheChildrenOfTheParent) {
  put("a", "a");
  put("b", "b");
  std::string file = "FROM base:1\nLABEL own=1\nCOPY a /a\nRUN echo one > /one\nCOPY b /b\nRUN echo two\nCMD [\"x\"]\n";
  auto first = build(file);
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(cached(), 0);
  EXPECT_EQ(output_, "two\n");
  auto second = build(file);
  EXPECT_EQ(second->id, first->id);
  EXPECT_EQ(cached(), 6);
  EXPECT_EQ(output_, "");
  // Neither times nor a name elsewhere matter; contents and modes do.
  ASSERT_TRUE(run_checked({{"touch", "-d", "2001-01-01", context_ + "/a", context_ + "/b"}}));
  EXPECT_EQ(build(file)->id, first->id);
  put("b", "B");
  auto changed = build(file);
  EXPECT_EQ(cached(), 3);
  put("b", "b", 0755);
  ASSERT_TRUE(build(file));
  EXPECT_EQ(cached(), 3);
  put("b", "b");
  // The newest of equal ones is taken.
  auto anew = build(file, {.no_cache = true});
  EXPECT_EQ(cached(), 0);
  EXPECT_NE(anew->id, first->id);
  EXPECT_EQ(build(file)->id, anew->id);
  BuildOptions only;
  only.cache_from = std::vector<std::string>{};
  ASSERT_TRUE(build(file, only));
  EXPECT_EQ(cached(), 0);
  only.cache_from = {changed->id};
  ASSERT_TRUE(build(file, only));
  EXPECT_EQ(cached(), 3);
}

TEST_F(ClassicTest, AnImageFromElsewhereIsACacheWhenAsked) {
  std::string file = "FROM base:1\nRUN echo one > /one\nENV A=1\nRUN echo two > /two\n";
  auto made = build(file, {.tags = {"made:1"}});
  ASSERT_TRUE(made) << made.error().message();
  // As if it had been pulled: only the image itself is there, without the steps on its way.
  std::string archive;
  ASSERT_TRUE(image::export_images(*store_, {"base:1", "made:1"}, [&](std::string_view data) -> Status {
    archive += data;
    return {};
  }));
  store_ = std::move(*image::ImageStore::open(root_ + "/other/images"));
  image::StringSource source(archive);
  ASSERT_TRUE(image::load_images(*store_, source, {}, {}));
  BuildOptions from;
  from.cache_from = {made->id};
  auto again = build(file, from);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(cached(), 3);
  EXPECT_EQ(again->id, made->id);
}

TEST_F(ClassicTest, StagesTargetsAndTriggers) {
  auto trigger = build("FROM base:1\nONBUILD RUN echo triggered\nONBUILD ENV T=1\n", {.tags = {"trigger:1"}});
  ASSERT_TRUE(trigger) << trigger.error().message();
  auto out = build("FROM base:1 AS Build\nRUN echo made > /made\nFROM trigger:1\nCOPY --from=build /made /copied\nFROM scratch\nCOPY --from=1 /copied /last\n");
  ASSERT_TRUE(out) << out.error().message();
  EXPECT_EQ(output_, "triggered\n");
  EXPECT_EQ(std::ranges::count(said_, Kind::kStageDone), 3);
  EXPECT_EQ(std::ranges::count(said_, Kind::kTriggers), 1);
  EXPECT_EQ(store_->config(out->id)->diff_ids.size(), 1u);
  auto part = build("FROM base:1 AS Build\nRUN echo made > /made\nFROM scratch\nCOPY nosuch /\n", {.target = "BUILD"});
  ASSERT_TRUE(part) << part.error().message();
  EXPECT_EQ(cached(), 1);
}

TEST_F(ClassicTest, WhatFailsSaysWhyAndLeavesItsContainer) {
  auto failing = [&](const std::string& rest) { return build("FROM base:1\n" + rest).error().message(); };
  EXPECT_EQ(failing("COPY missing /m\n"), "COPY failed: file not found in build context or excluded by .dockerignore: stat missing: file does not exist");
  EXPECT_EQ(failing("COPY ../x /m\n"), "COPY failed: forbidden path outside the build context: ../x ()");
  EXPECT_EQ(failing("COPY *.none /m/\n"), "COPY failed: no source files were specified");
  EXPECT_EQ(failing("COPY --from=base:1 /a/none /b\n"), "COPY failed: stat a/none: file does not exist");
  EXPECT_EQ(failing("COPY Dockerfile root /both\n"), "When using COPY with more than one source file, the destination must be a directory and end with a /");
  EXPECT_EQ(failing("USER nobody-here\nRUN echo x\n"), "unable to find user nobody-here: no matching entries in passwd file");
  EXPECT_THAT(failing("RUN [\"/nosuch\"]\n"), HasSubstr("OCI runtime create failed"));
  EXPECT_EQ(output_, "");  // crun's words are in the error
  EXPECT_EQ(failing("EXPOSE 99999\n"), "Invalid containerPort: 99999");
  BuildOptions keep;
  keep.keep_failed = true;
  StepContainer left;
  keep.run = [&](const StepContainer& container) -> Result<StepEnd> {
    left = container;
    container.output("before\n", false);
    return StepEnd{7, ""};
  };
  auto out = build("FROM base:1\nENTRYPOINT [\"/x\"]\nRUN exit 7\n", keep);
  EXPECT_EQ(out.error().message(), "The command '/bin/sh -c exit 7' returned a non-zero code: 7");
  EXPECT_EQ(output_, "before\n");
  EXPECT_EQ(store_->config(left.image)->entrypoint, std::vector<std::string>{"/x"});
  EXPECT_TRUE(left.config.entrypoint.empty());
  EXPECT_EQ(left.config.cmd.back(), "exit 7");
  EXPECT_EQ(said_.back(), Kind::kFailed);
  EXPECT_EQ(std::ranges::count(said_, Kind::kRemoved), 1);  // of ENTRYPOINT
}

TEST_F(ClassicTest, StepsRunInContainersOfWhoHasThem) {
  BuildOptions options;
  options.keep_all = true;
  std::vector<std::string> made;
  options.create = [&](const StepContainer& container) -> Status {
    made.push_back(container.config.cmd.back());
    return {};
  };
  options.run = [&](const StepContainer& container) -> Result<StepEnd> {
    EXPECT_EQ(container.mounts.size(), 1u);
    EXPECT_EQ(container.mounts[0].destination, "/cache/deep");
    EXPECT_FALSE(container.network);
    std::string folder = root_ + "/given";
    // As crun leaves it: with the mount's point.
    EXPECT_TRUE(make_directories(folder + "/cache/deep"));
    EXPECT_TRUE(write_file(folder + "/new", "1"));
    return StepEnd{0, folder};
  };
  auto out = build("FROM base:1\nENV A=1\nRUN --network=none --mount=type=cache,target=/cache/deep x\n", options);
  ASSERT_TRUE(out) << out.error().message();
  EXPECT_THAT(made, ElementsAre("ENV A=1"));
  EXPECT_EQ(*list_directory(store_->layer_dirs(out->id)->back()), std::vector<std::string>{"new"});
  EXPECT_EQ(std::ranges::count(said_, Kind::kRemoved), 0);
}

TEST_F(ClassicTest, MountsAreSeenWhileAStepRunsAndLeaveNothing) {
  put("bound/f", "bound\n");
  put("secret", "geheim\n");
  std::string file =
      "FROM base:1 AS one\nRUN echo from-stage > /f\nFROM base:1\n"
      "RUN --mount=target=/ctx,source=bound cat /ctx/f\n"
      "RUN --mount=type=bind,from=one,target=/stage,rw echo more >> /stage/f; cat /stage/f\n"
      "RUN --mount=type=cache,target=/cache/deep echo x >> /cache/deep/kept; cat /cache/deep/kept\n"
      "RUN --mount=type=cache,target=/cache/deep,sharing=locked cat /cache/deep/kept # again\n"
      "RUN --mount=type=tmpfs,target=/t echo y > /t/y; cat /t/y\n"
      "RUN --mount=type=secret,id=pass cat /run/secrets/pass\n"
      "RUN <<EOF\n#!/bin/sh\necho script $0\nEOF\n";
  BuildOptions options;
  options.secrets = {{"pass", context_ + "/secret"}};
  auto out = build(file, options);
  ASSERT_TRUE(out) << out.error().message();
  EXPECT_EQ(output_, "bound\nfrom-stage\nmore\nx\nx\ny\ngeheim\nscript /dev/pipes/EOF\n");
  EXPECT_EQ(store_->config(out->id)->diff_ids.size(), store_->config(store_->find("base:1")->id)->diff_ids.size());
  ASSERT_TRUE(build(file, options));
  EXPECT_EQ(cached(), 8);
  put("bound/f", "changed\n");
  ASSERT_TRUE(build(file, options));
  EXPECT_EQ(output_.substr(0, 8), "changed\n");
  EXPECT_GT(*prune_cache_mounts(*store_), 0u);
  auto message = [&](const std::string& mount) { return build("FROM base:1\nRUN --mount=" + mount + " echo\n").error().message(); };
  EXPECT_EQ(message("type=ssh"), "--mount=type=ssh is not supported");
  EXPECT_EQ(message("type=secret,id=no,required"), "secret no: not found");
  EXPECT_EQ(message("type=x,target=/y"), "unsupported mount type \"x\"");
  EXPECT_EQ(message("type=cache"), "invalid mount: target path is required");
  EXPECT_EQ(message("target=/x,source=../../etc,from=base:1"), "failed to mount: \"/etc\": not found");
}

TEST(CheckDockerfile, RefusesWhatDockerRefusesBeforeItAnswers) {
  auto message = [](const std::string& text, const std::string& target = "") {
    auto out = check_dockerfile(text, target);
    return out ? "" : out.error().message();
  };
  EXPECT_EQ(message("FROM a\n\n\nNOSUCH x\n"), "dockerfile parse error line 4: unknown instruction: NOSUCH");
  EXPECT_EQ(message("# only\n"), "failed to parse Dockerfile: file with no instructions");
  EXPECT_EQ(message("RUN echo\nFROM a\n"), "no build stage in current context");
  EXPECT_EQ(message("FROM a\nCOPY x\n"),
            "dockerfile parse error line 2: COPY requires at least two arguments, but only one was provided. Destination could not be determined");
  for (const auto& [line, text] : std::vector<std::pair<std::string, std::string>>{
           {"ENV A", "failed to parse Dockerfile: ENV must have two arguments"},
           {"LABEL a=b c", "failed to parse Dockerfile: Syntax error - can't find = in \"c\". Must be of the form: name=value"},
           {"LABEL =x", "dockerfile parse error line 2: LABEL names can not be blank"},
           {"ARG =x", "dockerfile parse error line 2: ARG names can not be blank"},
           {"ONBUILD FROM x", "dockerfile parse error line 2: FROM isn't allowed as an ONBUILD trigger"},
           {"HEALTHCHECK NONE x", "dockerfile parse error line 2: HEALTHCHECK NONE takes no arguments"},
           {"HEALTHCHECK --interval=5 CMD x", "dockerfile parse error line 2: time: missing unit in duration \"5\""},
           {"HEALTHCHECK --timeout=1us CMD x", "dockerfile parse error line 2: Interval \"timeout\" cannot be less than 1ms"},
           {"HEALTHCHECK --retries=0 CMD x", "dockerfile parse error line 2: --retries must be at least 1 (not 0)"},
           {"COPY --from x /y", "dockerfile parse error line 2: Missing a value on flag: from"},
           {"COPY --chown=a --chown=b x /y", "dockerfile parse error line 2: Duplicate flag specified: chown"},
           {"VOLUME []", "dockerfile parse error line 2: VOLUME requires at least one argument"},
           {"CMD [\"a\", 1]", "failed to parse Dockerfile: when using JSON array syntax, arrays must be comprised of strings only"},
           {"SHELL", "dockerfile parse error line 2: SHELL requires at least one argument"},
           {"FROM a b", "dockerfile parse error line 2: FROM requires either one or three arguments"},
           {"FROM a AS 1x", "dockerfile parse error line 2: invalid name for build stage: \"1x\", name can't start with a number or contain symbols"}})
    EXPECT_EQ(message("FROM a\n" + line + "\n", ""), text);
  EXPECT_EQ(message("FROM a\nCMD --bad x\n"), "dockerfile parse error line 2: Unknown flag: bad");
  EXPECT_EQ(message("FROM a\nCOPY --bad=1 x y\n"), "dockerfile parse error line 2: Unknown flag: bad");
  EXPECT_EQ(message("FROM a\n", "nosuch"), "failed to reach build target nosuch in Dockerfile");
  EXPECT_EQ(message("FROM a AS B\nFROM c\n", "b"), "");
  EXPECT_EQ(message("FROM a AS B\nFROM c\n", "1"), "");
  EXPECT_EQ(message("FROM a\nCOPY <<EOF /x\n--y\nEOF\n"), "");
}

TEST(ApplyChanges, ChangeAConfiguration) {
  image::ImageConfig config;
  config.working_dir = "/a";
  auto out = apply_changes(config, {"ENV A=1", "CMD [\"/bin/x\"]", "LABEL own=me", "WORKDIR b", "USER 5", "EXPOSE 80"});
  ASSERT_TRUE(out) << out.error().message();
  EXPECT_EQ(out->env, std::vector<std::string>{"A=1"});
  EXPECT_EQ(out->cmd, std::vector<std::string>{"/bin/x"});
  EXPECT_EQ(out->working_dir, "/a/b");
  EXPECT_EQ(apply_changes(config, {"FROM x"}).error().message(), "from is not a valid change command");
}

TEST(ClassicImage, QuotesAsGoDoes) {
  EXPECT_EQ(go_quoted_list({"a", "b \"c\""}), "[\"a\" \"b \\\"c\\\"\"]");
  Stage before, after;
  after.config.health_check = image::HealthCheck{{"CMD-SHELL", "echo ok"}, 5'000'000'000, 90'000'000'000, 0, 0, 2};
  Instruction check;
  check.keyword = "HEALTHCHECK";
  EXPECT_EQ(*comment_of(before, after, check), "HEALTHCHECK &{[\"CMD-SHELL\" \"echo ok\"] \"5s\" \"1m30s\" \"0s\" '\\x02'}");
}

}  // namespace
}  // namespace reigen::build
