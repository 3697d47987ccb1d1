#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/clock.h"
#include "base/files.h"
#include "base/process.h"
#include "build/builder.h"
#include "build/image_cli.h"
#include "image/image_store.h"

namespace reigen::build {
namespace {

class BuildTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "SKIP needs root: builds mount overlays";
    root_ = *make_temporary_directory(::testing::TempDir(), "build-test-");
    context_ = root_ + "/context";
    ASSERT_TRUE(make_directories(context_));
    store_ = std::move(*image::ImageStore::open(root_ + "/data/images"));
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
  }
  // A shell and what it needs, taken from this machine.
  void put_shell() {
    for (const char* program : {"/bin/sh", "/bin/cat", "/bin/rm", "/usr/bin/id", "/usr/bin/readlink"}) add_program(program);
  }
  void add_program(const std::string& program) {
    copy(program);
    auto libraries = run_checked({{"ldd", program}});
    ASSERT_TRUE(libraries);
    for (size_t at = 0; (at = libraries->find('/', at)) != std::string::npos;) {
      size_t end = libraries->find_first_of(" \n", at);
      copy(libraries->substr(at, end - at));
      at = end;
    }
  }
  void copy(const std::string& file) {
    std::string to = context_ + "/rootfs" + file;
    ASSERT_TRUE(make_directories(to.substr(0, to.rfind('/'))));
    ASSERT_TRUE(run_checked({{"cp", "-L", file, to}}));
  }
  Result<image::ImageRecord> build(const std::string& dockerfile, BuildOptions options = {}) {
    put("Dockerfile", dockerfile);
    options.context = context_;
    output_.clear();
    cached_ = 0;
    options.progress = [this](const BuildEvent& event) {
      if (event.kind == BuildEvent::Kind::kOutput || event.kind == BuildEvent::Kind::kErrorOutput) output_ += event.text;
      cached_ += event.kind == BuildEvent::Kind::kCached;
    };
    return build_image(*store_, options);
  }
  // The path of a file in an image, looked up from the topmost layer down.
  std::string in_image(const image::ImageRecord& record, const std::string& file) {
    auto dirs = *store_->layer_dirs(record.id);
    for (auto it = dirs.rbegin(); it != dirs.rend(); ++it)
      if (path_exists(*it + "/" + file)) return *it + "/" + file;
    return "";
  }

  std::string root_, context_, output_;
  std::unique_ptr<image::ImageStore> store_;
  int cached_ = 0;
};

TEST_F(BuildTest, CopiesWithOwnersModesWildcardsAndIgnores) {
  put("a.txt", "a");
  put("b.txt", "b");
  put("secret.txt", "s");
  put("dir/sub/c", "c", 0700);
  put(".dockerignore", "secret*\n");
  auto out = build("FROM scratch\nWORKDIR /w\nCOPY *.txt ./\nCOPY --chown=5 --chmod=600 a.txt /x/owned\nCOPY dir /d\nCOPY <<EOF /h\nhello\nEOF\nCMD [\"/x\"]\n",
                   {.tags = {"one:1", "two"}});
  ASSERT_TRUE(out) << out.error().message();
  EXPECT_EQ(out->names, (std::vector<std::string>{"docker.io/library/one:1", "docker.io/library/two:latest"}));
  EXPECT_EQ(*read_file(in_image(*out, "w/b.txt")), "b");
  EXPECT_EQ(in_image(*out, "w/secret.txt"), "");
  EXPECT_EQ(*read_file(in_image(*out, "h")), "hello\n");
  struct stat info{};
  ASSERT_EQ(::stat(in_image(*out, "x/owned").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 5u);
  EXPECT_EQ(info.st_gid, 5u);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  ASSERT_EQ(::stat(in_image(*out, "d/sub/c").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700u);
  EXPECT_EQ(store_->config(out->id)->working_dir, "/w");
}

TEST_F(BuildTest, CacheIsKeyedByContents) {
  std::string dockerfile = "FROM scratch\n";
  for (int i = 0; i < 9; ++i) {
    put("f" + std::to_string(i), "x");
    dockerfile += "COPY f" + std::to_string(i) + " /\n";
  }
  auto first = build(dockerfile);
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(cached_, 0);
  auto second = build(dockerfile);
  ASSERT_TRUE(second);
  EXPECT_EQ(cached_, 9);
  EXPECT_EQ(first->id, second->id);
  put("f7", "changed");
  ASSERT_TRUE(build(dockerfile));
  EXPECT_EQ(cached_, 7);
  ASSERT_TRUE(build(dockerfile, {.no_cache = true}));
  EXPECT_EQ(cached_, 0);
}

TEST_F(BuildTest, RunsProgramsInTheImage) {
  if (!find_program("crun")) GTEST_SKIP() << "SKIP crun is missing";
  put_shell();
  auto out = build(
      "ARG base=scratch\nFROM ${base} AS tools\nCOPY rootfs /\nENV WHO=world\nARG GREET=hello\nWORKDIR /work\n"
      "RUN echo \"$GREET $WHO $(id -u)\" > greeting; echo shown; echo to-err >&2\nRUN rm /usr/bin/id || rm /bin/id\nUSER 7:8\nRUN [\"/bin/sh\", \"-c\", \"id "
      "-g && cat /work/greeting\"]\n",
      {.args = {{"GREET", "hi"}}});
  ASSERT_FALSE(out);  // id was removed
  EXPECT_THAT(out.error().message(),
              ::testing::HasSubstr("Dockerfile:10: RUN: The command '/bin/sh -c id -g && cat /work/greeting' returned a non-zero code: "));
  EXPECT_THAT(output_, ::testing::HasSubstr("shown\n"));
  EXPECT_THAT(output_, ::testing::HasSubstr("to-err\n"));
  out = build(
      "FROM scratch AS tools\nCOPY rootfs /\nENV WHO=world\nARG GREET=hello\nWORKDIR /work\nRUN echo \"$GREET $WHO $(id -u)\" > greeting\nFROM scratch AS "
      "unused\nRUN false\n"
      "FROM scratch\nCOPY --from=tools /work/greeting /g\n");
  ASSERT_TRUE(out) << out.error().message();
  EXPECT_EQ(*read_file(in_image(*out, "g")), "hello world 0\n");
  auto dirs = *store_->layer_dirs(out->id);
  EXPECT_EQ(*list_directory(dirs.back()), std::vector<std::string>{"g"});
}

TEST_F(BuildTest, RunHasTheNetworkItsFlagSays) {
  if (!find_program("crun")) GTEST_SKIP() << "SKIP crun is missing";
  put_shell();
  auto has_own = [&](const std::string& flag) {
    auto out = build("FROM scratch\nCOPY rootfs /\nRUN " + flag + " readlink /proc/self/ns/net\n", {.no_cache = true});
    EXPECT_TRUE(out) << out.error().message();
    return output_.find(std::filesystem::read_symlink("/proc/self/ns/net").string()) == std::string::npos;
  };
  EXPECT_TRUE(has_own("--network=none"));
  EXPECT_FALSE(has_own("--network=default"));
  EXPECT_FALSE(has_own("--network=host --security=sandbox"));
  auto message = [&](const std::string& flag) { return build("FROM scratch\nRUN " + flag + " x\n").error().message(); };
  EXPECT_THAT(message("--network=mine"), ::testing::HasSubstr("Dockerfile:2: RUN: --network must be default, host or none, not \"mine\""));
  EXPECT_THAT(message("--security=insecure"), ::testing::HasSubstr("Dockerfile:2: RUN: --security=insecure is not supported"));
  EXPECT_THAT(message("--mount=type=ssh"), ::testing::HasSubstr("Dockerfile:2: RUN: --mount=type=ssh is not supported"));
}

TEST_F(BuildTest, AddUnpacksArchives) {
  put("in/x", "1");
  ASSERT_TRUE(run_checked({{"tar", "-C", context_ + "/in", "-czf", context_ + "/a.tgz", "x"}}));
  put("plain.gz", "no archive");
  auto out = build("FROM scratch\nADD a.tgz plain.gz /d/\n");
  ASSERT_TRUE(out) << out.error().message();
  EXPECT_EQ(*read_file(in_image(*out, "d/x")), "1");
  EXPECT_EQ(*read_file(in_image(*out, "d/plain.gz")), "no archive");
}

TEST_F(BuildTest, ErrorsNameTheLineAndLeaveNothing) {
  auto message = [&](const std::string& dockerfile) {
    auto out = build(dockerfile);
    EXPECT_FALSE(out);
    return out ? "" : out.error().message();
  };
  EXPECT_THAT(message("FROM nosuch\n"), ::testing::HasSubstr("Dockerfile:1: FROM: No such image: nosuch"));
  EXPECT_THAT(message("FROM scratch\nCOPY missing /\n"), ::testing::HasSubstr("Dockerfile:2: COPY: stat missing: file does not exist"));
  EXPECT_THAT(message("FROM scratch\nCOPY ../x /\n"), ::testing::HasSubstr("forbidden path outside the build context: ../x ()"));
  EXPECT_THAT(message("FROM scratch\nCOPY Dockerfile\n"), ::testing::HasSubstr("requires at least two arguments, but only one was provided"));
  EXPECT_THAT(message("FROM scratch\nEXPOSE 99999\n"), ::testing::HasSubstr("Invalid containerPort: 99999"));
  EXPECT_THAT(message("RUN x\nFROM scratch\n"), ::testing::HasSubstr("no build stage in current context"));
  EXPECT_THAT(message("FROM scratch\nCOPY --bad=1 a b\n"), ::testing::HasSubstr("Unknown flag: bad"));
}

TEST_F(BuildTest, TheCommandListsSavesImportsAndRemoves) {
  put("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
  std::string data = "--data-dir=" + root_ + "/data", other = "--data-dir=" + root_ + "/other";
  std::string file = root_ + "/saved.tar";
  EXPECT_EQ(image_command({"build", "-q", "-t", "cli:1", context_, data}), 0);
  EXPECT_EQ(image_command({data, "save", "-o", file, "cli:1"}), 0);
  EXPECT_EQ(image_command({"import", file, other}), 0);
  EXPECT_EQ(image_command({"ls", other}), 0);
  EXPECT_EQ(image_command({"inspect", "cli:1", other}), 0);
  EXPECT_EQ(image_command({"rm", "cli:1", other}), 0);
  EXPECT_EQ(image_command({"rm", "cli:1", other}), 1);
  EXPECT_EQ(image_command({"prune", "-a", data}), 0);
  EXPECT_EQ(image_command({"nosuch"}), 2);
  EXPECT_EQ(image_command({"ls", "--nosuch"}), 2);
  EXPECT_EQ(list_directory(root_ + "/data/images/layers")->size(), 1u);
}

}  // namespace
}  // namespace reigen::build
