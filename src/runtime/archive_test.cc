// Files in and out of a root, and a root that is changed at the worst moments.
#include "runtime/archive.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <fmt/core.h>

#include <atomic>
#include <map>

#include "base/clock.h"
#include "base/executor.h"
#include "base/fd.h"
#include "base/files.h"
#include "image/tar_reader.h"
#include "image/test_archive.h"
#include "runtime/archive_path.h"
#include "runtime/layer_changes.h"
#include "runtime/layer_copy.h"

namespace reigen::runtime {
namespace {

using image::test::Tar;

class FolderView final : public RootView {
 public:
  explicit FolderView(const std::string& path) : root_(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {}
  int fd() const override { return root_.get(); }

 private:
  Fd root_;
};

class ArchiveTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    dir_ = make_temporary_directory("/tmp", "archive-").value();
    root_ = dir_ + "/root";
    for (const char* name : {"/etc", "/tmp", "/srv/a"}) ASSERT_TRUE(make_directories(root_ + name));
    view_ = std::make_unique<FolderView>(root_);
  }
  void TearDown() override {
    if (dir_.empty()) return;
    EXPECT_TRUE(remove_tree(dir_));
  }
  Status extract(const std::string& path, const std::string& tar, ExtractOptions options = {}) {
    image::StringSource source(tar);
    return extract_archive(*view_, path, source, options);
  }
  std::string message(const std::string& path, const std::string& tar, ExtractOptions options = {}) {
    auto done = extract(path, tar, options);
    return done ? "" : done.error().message();
  }
  // Name → "mode uid:gid" and contents or target.
  std::map<std::string, std::string> list(const std::string& path) {
    std::string bytes;
    auto done = read_archive(*view_, path, [&](std::string_view data) -> Status {
      bytes += data;
      return {};
    });
    EXPECT_TRUE(done) << done.error().message();
    return contents_of(bytes);
  }
  static std::map<std::string, std::string> contents_of(const std::string& bytes) {
    std::map<std::string, std::string> out;
    image::StringSource source(bytes);
    image::TarReader reader(source);
    while (auto next = reader.next()) {
      auto& entry = *next;
      if (!entry) break;
      std::string text = fmt::format("{:o} {}:{}", entry->mode, entry->uid, entry->gid);
      if (!entry->link.empty()) text += (entry->hardlink ? " = " : " -> ") + entry->link;
      for (auto block = reader.block(); block && *block; block = reader.block()) text += " " + std::string((*block)->data);
      out[entry->path] = text;
    }
    return out;
  }
  std::string text(const std::string& path) { return read_file(root_ + path).value_or("?"); }

  std::string dir_, root_;
  std::unique_ptr<RootView> view_;
};

TEST(ArchivePath, NamesAreAsTheClientSaysThem) {
  struct Case {
    const char *path, *clean, *name;
    bool follow;
  };
  for (const Case& c : {Case{"/tmp/d", "/tmp/d", "d", false}, Case{"tmp/d/", "/tmp/d", "d", true}, Case{"/tmp/d/.", "/tmp/d", ".", true},
                        Case{"/", "/", "/", true}, Case{".", "/", ".", true}, Case{"", "/", ".", true}, Case{"/../../x", "/x", "x", false},
                        Case{"/a/b/../c//./d", "/a/c/d", "d", false}, Case{"/a/..", "/", "/", true}}) {
    auto parsed = parse_archive_path(c.path);
    EXPECT_EQ(c.clean, parsed.clean) << c.path;
    EXPECT_EQ(c.name, parsed.name) << c.path;
    EXPECT_EQ(c.follow, parsed.follow) << c.path;
  }
}

TEST_F(ArchiveTest, InAndOutAsDockerDoes) {
  Tar tar;
  tar.folder("d", 0750).file("d/f.txt", "hello\n", 0640).symlink("link", "d/f.txt").hardlink("d/same", "d/f.txt").file("new/sub/x", "1");
  ASSERT_EQ("", message("/tmp", tar.bytes()));
  ASSERT_EQ(0, ::chown((root_ + "/tmp/d/f.txt").c_str(), 3, 4));
  auto stat = stat_path(*view_, "/tmp/d/f.txt");
  ASSERT_TRUE(stat);
  EXPECT_EQ("f.txt", stat->name);
  EXPECT_EQ(6, stat->size);
  EXPECT_EQ(416u, stat->mode);
  EXPECT_EQ(WallTime(std::chrono::seconds(1000)), stat->modified);
  auto link = stat_path(*view_, "/tmp/link");
  EXPECT_EQ(134218239u, link->mode);
  EXPECT_EQ(7, link->size);
  EXPECT_EQ("/tmp/d/f.txt", link->link_target);
  EXPECT_EQ(2147484136u, stat_path(*view_, "/tmp/d/")->mode);
  EXPECT_EQ(Code::kNotFound, stat_path(*view_, "/nosuch").error().code());
  using Map = std::map<std::string, std::string>;
  EXPECT_EQ((Map{{"d/", "40750 0:0"}, {"d/f.txt", "100640 3:4 hello\n"}, {"d/same", "640 3:4 = d/f.txt"}}), list("/tmp/d"));
  EXPECT_EQ((Map{{"./", "40750 0:0"}, {"./f.txt", "100640 3:4 hello\n"}, {"./same", "640 3:4 = ./f.txt"}}), list("/tmp/d/."));
  EXPECT_EQ((Map{{"f.txt", "100640 3:4 hello\n"}}), list("/tmp/../tmp/./d/f.txt"));
  EXPECT_EQ((Map{{"link", "120777 0:0 -> d/f.txt"}}), list("/tmp/link"));
  EXPECT_EQ("100644 0:0 1", list("/tmp/new")["new/sub/x"]);
  EXPECT_TRUE(list("/").contains("/tmp/new/sub/x"));
}

TEST_F(ArchiveTest, ALinkIsFollowedWhenAskedFor) {
  ASSERT_EQ(0, ::symlink("/srv/a", (root_ + "/etc/to").c_str()));
  ASSERT_EQ("", message("/etc/to", Tar().file("f", "in a").bytes()));
  EXPECT_EQ("in a", text("/srv/a/f"));
  EXPECT_TRUE(list("/etc/to/").contains("to/f"));
  EXPECT_EQ("/srv/a", stat_path(*view_, "/etc/to")->link_target);
  ASSERT_EQ(0, ::symlink("../../../../nosuch/x", (root_ + "/etc/dangling").c_str()));
  EXPECT_EQ("/nosuch/x", stat_path(*view_, "/etc/dangling")->link_target);
  ASSERT_EQ(0, ::symlink("loop", (root_ + "/etc/loop").c_str()));
  EXPECT_EQ(Code::kInvalidArgument, stat_path(*view_, "/etc/loop").error().code());
}

TEST_F(ArchiveTest, WhatIsThereIsReplaced) {
  ASSERT_EQ("", message("/tmp", Tar().folder("d").file("d/x", "1").file("f", "2").bytes()));
  EXPECT_EQ("cannot overwrite directory \"/tmp/d\" with non-directory \"/tmp\"", message("/tmp", Tar().file("d", "now").bytes(), {.keep_dir_kind = true}));
  EXPECT_EQ("cannot overwrite non-directory \"/tmp/f\" with directory \"/tmp\"", message("/tmp", Tar().folder("f").bytes(), {.keep_dir_kind = true}));
  ASSERT_EQ("", message("/tmp", Tar().folder("d", 0700).file("d/y", "3").bytes()));  // merged
  EXPECT_EQ("1", text("/tmp/d/x"));
  EXPECT_EQ(0700u, stat_path(*view_, "/tmp/d")->mode & 0777);
  ASSERT_EQ("", message("/tmp", Tar().file("d", "now a file").folder("f").bytes()));
  EXPECT_EQ("now a file", text("/tmp/d"));
  ASSERT_EQ("", message("/tmp", Tar().file("own", "x").bytes(), {.copy_owner = true, .uid = 7, .gid = 8}));
  EXPECT_EQ("100644 7:8 x", list("/tmp/own")["own"]);
  ASSERT_EQ("", message("/tmp", Tar().file("packed", "z").bytes("gzip")));
  EXPECT_EQ("z", text("/tmp/packed"));
}

TEST_F(ArchiveTest, WhatIsRefused) {
  ASSERT_TRUE(write_file(root_ + "/tmp/big", "x"));
  EXPECT_EQ("extraction point is not a directory", message("/tmp/big", Tar().file("x", "1").bytes()));
  EXPECT_EQ(Code::kNotFound, extract("/nosuch", Tar().file("x", "1").bytes()).error().code());
  EXPECT_EQ("\"../x\" is outside of \"/tmp\"", message("/tmp", Tar().file("../x", "1").bytes()));
  EXPECT_EQ("\"../\" is outside of \"/tmp\"", message("/tmp", Tar().folder("..").bytes()));
  EXPECT_EQ("\"a/../../x\" is outside of \"/tmp\"", message("/tmp", Tar().file("a/../../x", "1").bytes()));
  EXPECT_EQ("invalid symlink \"/tmp/l\" -> \"../../etc\"", message("/tmp", Tar().symlink("l", "../../etc").bytes()));
  EXPECT_EQ("", message("/tmp", Tar().symlink("l", "/etc").file("/abs", "inside").bytes()));
  EXPECT_EQ("inside", text("/tmp/abs"));
  EXPECT_NE("", message("/tmp", Tar().hardlink("h", "../etc/passwd").bytes()));
  EXPECT_EQ(Code::kDataLoss, extract("/tmp", "not a tar at all").error().code());
  std::string cut = Tar().file("x", std::string(100000, 'x')).bytes();
  EXPECT_EQ(Code::kDataLoss, extract("/tmp", cut.substr(0, 5000)).error().code());
}

TEST_F(ArchiveTest, LinksOfTheRootNeverLeadOutOfIt) {
  std::string outside = dir_ + "/outside";
  ASSERT_TRUE(make_directories(outside));
  ASSERT_TRUE(write_file(outside + "/secret", "s"));
  ASSERT_EQ(0, ::symlink(outside.c_str(), (root_ + "/tmp/abs").c_str()));
  ASSERT_EQ(0, ::symlink("../../../outside", (root_ + "/tmp/rel").c_str()));
  ASSERT_EQ(0, ::symlink("/proc/self/root", (root_ + "/tmp/magic").c_str()));
  for (const char* name : {"/tmp/abs", "/tmp/rel", "/tmp/magic"}) {
    EXPECT_NE("", message(name, Tar().file("x", "1").bytes())) << name;
    EXPECT_NE("", message("/tmp", Tar().file(std::string(name + 5) + "/x", "1").bytes())) << name;
    EXPECT_FALSE(stat_path(*view_, std::string(name) + "/secret")) << name;
  }
  // A link the archive itself brings is followed inside the root only.
  EXPECT_NE("", message("/tmp", Tar().symlink("in", outside).file("in/x", "1").bytes()));
  EXPECT_EQ("", message("/tmp", Tar().symlink("etc", "/etc").file("etc/x", "1").bytes()));
  EXPECT_EQ("1", text("/etc/x"));
  EXPECT_EQ(std::vector<std::string>{"secret"}, list_directory(outside).value());
}

// A thread puts links out of the root in a folder's place as fast as it can, while files go in and out through it.
TEST_F(ArchiveTest, SwappedLinksLeadNowhere) {
  std::string outside = dir_ + "/outside";
  ASSERT_TRUE(make_directories(outside + "/sub"));
  ASSERT_TRUE(write_file(outside + "/secret", "secret"));
  ASSERT_TRUE(write_file(outside + "/sub/secret", "secret"));
  ASSERT_TRUE(make_directories(root_ + "/tmp/d/sub"));
  ASSERT_EQ(0, ::symlink(outside.c_str(), (root_ + "/tmp/one").c_str()));
  ASSERT_EQ(0, ::symlink("../../outside", (root_ + "/tmp/two").c_str()));
  struct stat before{};
  ASSERT_EQ(0, ::stat(outside.c_str(), &before));
  std::atomic<bool> stop = false;
  ThreadExecutor executor(1);
  TaskGroup tasks;
  executor.post(tasks.wrap([&] {
    std::string place = root_ + "/tmp/d", real = root_ + "/tmp/real";
    while (!stop) {
      for (const std::string& target : {outside, std::string("../../outside"), std::string("/proc/self/root") + outside}) {
        if (::rename(place.c_str(), real.c_str()) != 0) (void)make_directories(place);
        if (::symlink(target.c_str(), place.c_str()) == 0) ::usleep(50);
        ::unlink(place.c_str());
        if (::rename(real.c_str(), place.c_str()) == 0) continue;
        (void)remove_tree(place);  // an extraction made it anew meanwhile
        ::rename(real.c_str(), place.c_str());
      }
    }
  }));
  Tar tar;
  tar.folder("d", 0777).file("d/secret", "mine").folder("d/sub", 0777).entry("d/pipe", S_IFIFO | 0666).symlink("d/link", "x").file("d/sub/f", "1");
  std::string bytes = tar.bytes();
  int done = 0, refused = 0;
  bool leaked = false;
  for (auto end = system_clock().now() + std::chrono::seconds(2); system_clock().now() < end && !leaked;) {
    for (const char* path : {"/tmp", "/tmp/d"}) {
      image::StringSource source(bytes);
      extract_archive(*view_, path, source, {}) ? ++done : ++refused;
    }
    for (const char* path : {"/tmp/d/", "/tmp/d/secret", "/tmp/one/secret", "/tmp/two/secret", "/tmp"}) {
      std::string out;
      (void)read_archive(*view_, path, [&](std::string_view data) -> Status {
        out += data;
        return {};
      });
      for (const auto& [name, text] : contents_of(out)) leaked = leaked || text.ends_with(" secret");
    }
  }
  stop = true;
  tasks.stop();
  EXPECT_FALSE(leaked);
  fmt::print("extracted {} times, refused {}\n", done, refused);
  EXPECT_GT(done, 0);
  EXPECT_GT(refused, 0);
  EXPECT_EQ((std::vector<std::string>{"secret", "sub"}), list_directory(outside).value());
  EXPECT_EQ(std::vector<std::string>{"secret"}, list_directory(outside + "/sub").value());
  EXPECT_EQ("secret", read_file(outside + "/secret").value());
  struct stat after{};
  ASSERT_EQ(0, ::stat(outside.c_str(), &after));
  EXPECT_EQ(before.st_mode, after.st_mode);
}

TEST_F(ArchiveTest, Throughput) {
  constexpr size_t kSize = 256 << 20;
  std::string block(1 << 20, 'x');
  {
    Fd fd(::open((root_ + "/srv/big").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    for (size_t i = 0; i < kSize; i += block.size()) ASSERT_EQ(static_cast<ssize_t>(block.size()), ::write(fd.get(), block.data(), block.size()));
  }
  std::string tar;
  tar.reserve(kSize + 65536);
  auto keep = [&](std::string_view data) -> Status {
    tar += data;
    return {};
  };
  ASSERT_TRUE(read_archive(*view_, "/srv/big", keep));
  size_t bytes = 0;
  auto count = [&](std::string_view data) -> Status {
    bytes += data.size();
    return {};
  };
  // Beside other work only the time this thread had says something.
  auto used = [] {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
  };
  double begin = used();
  ASSERT_TRUE(read_archive(*view_, "/srv/big", count));
  double middle = used();
  ASSERT_EQ("", message("/tmp", tar));
  double end = used();
  fmt::print("out {:.0f} MB/s, in {:.0f} MB/s of CPU time\n", kSize / 1e6 / (middle - begin), kSize / 1e6 / (end - middle));
  EXPECT_GT(bytes, kSize);
  EXPECT_EQ(static_cast<int64_t>(kSize), stat_path(*view_, "/tmp/big")->size);
}

TEST_F(ArchiveTest, ChangesOfALayer) {
  std::string lower = dir_ + "/lower", upper = dir_ + "/upper";
  for (const char* name : {"/etc/sub", "/bin", "/gone/deep", "/opaque", "/same"}) ASSERT_TRUE(make_directories(lower + name));
  for (const char* name : {"/etc/a", "/etc/b", "/opaque/old", "/same/f"}) ASSERT_TRUE(write_file(lower + name, "old"));
  for (const char* name : {"/etc", "/bin", "/opaque", "/same", "/new/deep"}) ASSERT_TRUE(make_directories(upper + name));
  ASSERT_TRUE(write_file(upper + "/etc/a", "changed", 0644));
  ASSERT_EQ(0, ::mknod((upper + "/etc/b").c_str(), S_IFCHR, 0));
  ASSERT_EQ(0, ::mknod((upper + "/gone").c_str(), S_IFCHR, 0));
  ASSERT_EQ(0, ::mknod((upper + "/never").c_str(), S_IFCHR, 0));
  ASSERT_TRUE(write_file(upper + "/bin/tool", "new"));
  ASSERT_TRUE(write_file(upper + "/opaque/fresh", "new"));
  ASSERT_EQ(0, ::lsetxattr((upper + "/opaque").c_str(), "trusted.overlay.opaque", "y", 1, 0));
  ASSERT_TRUE(write_file(upper + "/new/deep/f", "new"));
  auto changes = changes_of_layer(upper, {lower});
  ASSERT_TRUE(changes);
  using Kind = LayerChange::Kind;
  std::vector<LayerChange> want = {{Kind::kModified, "/bin"},    {Kind::kAdded, "/bin/tool"},     {Kind::kModified, "/etc"},
                                   {Kind::kModified, "/etc/a"},  {Kind::kDeleted, "/etc/b"},      {Kind::kDeleted, "/gone"},
                                   {Kind::kAdded, "/new"},       {Kind::kAdded, "/new/deep"},     {Kind::kAdded, "/new/deep/f"},
                                   {Kind::kModified, "/opaque"}, {Kind::kAdded, "/opaque/fresh"}, {Kind::kDeleted, "/opaque/old"}};
  std::string got;
  for (const auto& change : *changes) got += fmt::format("{} {}\n", static_cast<int>(change.kind), change.path);
  EXPECT_EQ(want, *changes) << got;
}

TEST_F(ArchiveTest, ACopyOfALayerIsTheSame) {
  std::string from = dir_ + "/from", to = dir_ + "/to";
  ASSERT_TRUE(make_directories(from + "/d"));
  ASSERT_TRUE(make_directories(to));
  ASSERT_TRUE(write_file(from + "/d/f", std::string(300000, 'x'), 04755));
  ASSERT_EQ(0, ::chown((from + "/d/f").c_str(), 5, 6));
  ASSERT_EQ(0, ::chmod((from + "/d/f").c_str(), 04755));
  ASSERT_EQ(0, ::link((from + "/d/f").c_str(), (from + "/d/g").c_str()));
  ASSERT_EQ(0, ::symlink("/etc/passwd", (from + "/l").c_str()));
  ASSERT_EQ(0, ::mknod((from + "/gone").c_str(), S_IFCHR, 0));
  ASSERT_EQ(0, ::lsetxattr((from + "/d").c_str(), "trusted.overlay.opaque", "y", 1, 0));
  ASSERT_EQ(0, ::lsetxattr((from + "/d").c_str(), "trusted.overlay.origin", "o", 1, 0));
  EXPECT_EQ(300000u + 11u, tree_bytes(from).value());
  auto done = copy_tree(from, to);
  ASSERT_TRUE(done) << done.error().message();
  struct stat f{}, g{}, gone{};
  ASSERT_EQ(0, ::lstat((to + "/d/f").c_str(), &f));
  ASSERT_EQ(0, ::lstat((to + "/d/g").c_str(), &g));
  ASSERT_EQ(0, ::lstat((to + "/gone").c_str(), &gone));
  EXPECT_EQ(f.st_ino, g.st_ino);
  EXPECT_EQ(static_cast<mode_t>(S_IFREG | 04755), f.st_mode);
  EXPECT_EQ(5u, f.st_uid);
  EXPECT_TRUE(S_ISCHR(gone.st_mode) && gone.st_rdev == 0);
  EXPECT_EQ(std::string(300000, 'x'), read_file(to + "/d/f").value());
  char value = 0;
  EXPECT_EQ(1, ::lgetxattr((to + "/d").c_str(), "trusted.overlay.opaque", &value, 1));
  EXPECT_EQ(-1, ::lgetxattr((to + "/d").c_str(), "trusted.overlay.origin", &value, 1));
  EXPECT_EQ(tree_bytes(from).value(), tree_bytes(to).value());
}

}  // namespace
}  // namespace reigen::runtime
