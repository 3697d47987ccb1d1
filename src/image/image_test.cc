#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/files.h"
#include "image/exporter.h"
#include "image/image_store.h"
#include "image/importer.h"
#include "image/test_archive.h"

namespace reigen::image {
namespace {

using test::docker_archive;
using test::Tar;

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "SKIP needs root: layers have owners and devices";
    root_ = *make_temporary_directory(::testing::TempDir(), "image-test-");
    store_ = open();
  }
  void TearDown() override {
    store_.reset();
    if (root_.empty()) return;
    EXPECT_TRUE(remove_tree(root_));
  }
  std::unique_ptr<ImageStore> open(Limits limits = {}) {
    auto store = ImageStore::open(root_ + "/images", limits);
    EXPECT_TRUE(store) << store.error().message();
    return std::move(*store);
  }
  Result<std::vector<ImageRecord>> import(const std::string& archive, ImportOptions options = {}) {
    std::string path = root_ + "/archive.tar";
    EXPECT_TRUE(write_file(path, archive));
    return import_images(*store_, path, options);
  }
  // Imports one layer that must be refused, and checks that nothing stays.
  std::string refused(const Tar& layer) {
    auto out = import(docker_archive({layer.bytes()}, "bad:1"));
    EXPECT_FALSE(out);
    EXPECT_TRUE(list_directory(root_ + "/images/tmp")->empty());
    EXPECT_TRUE(list_directory(root_ + "/images/blobs/sha256")->empty());
    EXPECT_EQ(list_directory(root_ + "/images/layers")->size(), 1u);  // "empty"
    EXPECT_TRUE(store_->list()->empty());
    return out ? "" : out.error().message();
  }
  std::string layer_file(const std::string& name, const std::string& file) {
    auto record = store_->find(name);
    EXPECT_TRUE(record);
    auto dirs = store_->layer_dirs(record->id);
    EXPECT_TRUE(dirs);
    return dirs->back() + "/" + file;
  }

  std::string root_;
  std::unique_ptr<ImageStore> store_;
};

TEST_F(StoreTest, ImportsADockerArchiveWhateverItsPacking) {
  for (const char* filter : {"", "gzip", "zstd", "bzip2", "xz"}) {
    auto out = import(docker_archive({Tar().file("hello", "hi", 0755).bytes()}, "hello:1", filter));
    ASSERT_TRUE(out) << out.error().message();
    ASSERT_EQ(out->size(), 1u);
    EXPECT_EQ(out->front().names, std::vector<std::string>{"docker.io/library/hello:1"});
  }
  auto record = store_->find("hello:1");
  ASSERT_TRUE(record);
  EXPECT_EQ(store_->config(record->id)->cmd, std::vector<std::string>{"/hello"});
  EXPECT_EQ(*read_file(layer_file("hello:1", "hello")), "hi");
  EXPECT_TRUE(store_->find(record->id.substr(7, 12)));
  EXPECT_EQ(store_->find("nothing").error().message(), "No such image: nothing");
}

TEST_F(StoreTest, LayersAreSharedAndKeptWhileAnImageNeedsThem) {
  std::string base = Tar().file("base", "b").bytes();
  ASSERT_TRUE(import(docker_archive({base, Tar().file("x", "1").bytes()}, "one")));
  ASSERT_TRUE(import(docker_archive({base, Tar().file("x", "2").bytes()}, "two")));
  EXPECT_EQ(list_directory(root_ + "/images/layers")->size(), 4u);  // empty, base, two tops
  auto gone = store_->remove("one");
  ASSERT_TRUE(gone) << gone.error().message();
  EXPECT_EQ(gone->reclaimed, 1u);
  EXPECT_EQ(list_directory(root_ + "/images/layers")->size(), 3u);
  ASSERT_TRUE(store_->remove("two"));
  EXPECT_EQ(list_directory(root_ + "/images/layers")->size(), 1u);
  EXPECT_TRUE(list_directory(root_ + "/images/blobs/sha256")->empty());
}

TEST_F(StoreTest, APinnedImageIsNotRemoved) {
  auto out = import(docker_archive({Tar().file("x", "1").bytes()}, "one"));
  ASSERT_TRUE(out);
  std::string id = out->front().id;
  ASSERT_TRUE(store_->pin("container-1", id));
  EXPECT_EQ(store_->remove("one").error().code(), Code::kConflict);
  auto other = open();  // as another process would
  EXPECT_EQ(other->remove("one").error().code(), Code::kConflict);
  ASSERT_TRUE(other->remove("one", true));  // the name goes, the layers stay
  EXPECT_TRUE(store_->layer_dirs(id));
  ASSERT_TRUE(store_->prune());
  EXPECT_TRUE(store_->layer_dirs(id));
  ASSERT_TRUE(store_->unpin("container-1"));
  EXPECT_EQ(store_->prune()->deleted.size(), 1u);
  EXPECT_EQ(list_directory(root_ + "/images/layers")->size(), 1u);
}

TEST_F(StoreTest, WhiteoutsBecomeWhatOverlayfsReads) {
  std::string low = Tar().folder("d").file("d/a", "1").file("gone", "1").folder("again").file("again/old", "1").bytes();
  std::string top = Tar().file(".wh.gone", "").folder("d").file("d/.wh..wh..opq", "").file(".wh.again", "").folder("again").bytes();
  auto out = import(docker_archive({low, top}, "w"));
  ASSERT_TRUE(out) << out.error().message();
  struct stat info{};
  ASSERT_EQ(::lstat(layer_file("w", "gone").c_str(), &info), 0);
  EXPECT_TRUE(S_ISCHR(info.st_mode) && info.st_rdev == 0);
  for (const char* name : {"d", "again"}) {
    char value[4];
    EXPECT_EQ(::getxattr(layer_file("w", name).c_str(), "trusted.overlay.opaque", value, sizeof value), 1) << name;
  }
}

TEST_F(StoreTest, KeepsOwnersModesLinksAndAttributes) {
  std::string cap("\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20);
  Tar layer;
  layer.folder("bin").entry("bin/ping", S_IFREG | 04755, "x", "", false, 0, 0, {{"security.capability", cap}, {"trusted.overlay.redirect", "/etc"}});
  layer.symlink("sh", "/bin/ping")
      .hardlink("bin/pong", "bin/ping")
      .file("implied/parent/f", "y")
      .file(
          "gr\xc3\xbc\xc3\x9f"
          "e",
          "z");
  layer.entry("dev/null", S_IFCHR | 0666, "", "", false, 1, 3);
  ASSERT_TRUE(import(docker_archive({layer.bytes()}, "a")));
  struct stat info{};
  ASSERT_EQ(::lstat(layer_file("a", "bin/ping").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 04755u);
  EXPECT_EQ(info.st_nlink, 2u);
  EXPECT_EQ(info.st_mtime, 1000);
  char value[64];
  EXPECT_EQ(::getxattr(layer_file("a", "bin/ping").c_str(), "security.capability", value, sizeof value), 20);
  EXPECT_LT(::getxattr(layer_file("a", "bin/ping").c_str(), "trusted.overlay.redirect", value, sizeof value), 0);
  EXPECT_TRUE(path_exists(layer_file("a", "implied/parent/f")));
  EXPECT_TRUE(path_exists(layer_file("a",
                                     "gr\xc3\xbc\xc3\x9f"
                                     "e")));
}

TEST_F(StoreTest, RefusesHostileLayersByName) {
  EXPECT_THAT(refused(Tar().file("/etc/passwd", "x")), ::testing::HasSubstr("refused entry \"/etc/passwd\": its name is absolute"));
  EXPECT_THAT(refused(Tar().file("../../evil", "x")), ::testing::HasSubstr("\"../../evil\": its name holds \"..\""));
  EXPECT_THAT(refused(Tar().symlink("a/up", "../../../etc")), ::testing::HasSubstr("a symbolic link out of the root"));
  EXPECT_THAT(refused(Tar().hardlink("h", "../../etc/shadow")), ::testing::HasSubstr("the hard link's target holds \"..\""));
  EXPECT_THAT(refused(Tar().hardlink("h", "/etc/shadow")), ::testing::HasSubstr("the hard link's target is absolute"));
  EXPECT_THAT(refused(Tar().hardlink("h", "missing")), ::testing::HasSubstr("which does not exist"));
  EXPECT_THAT(refused(Tar().entry("sda", S_IFBLK | 0666, "", "", false, 8, 0)), ::testing::HasSubstr("\"sda\": a block device (8:0)"));
  EXPECT_THAT(refused(Tar().entry("mem", S_IFCHR | 0666, "", "", false, 1, 1)), ::testing::HasSubstr("a character device (1:1)"));
  EXPECT_THAT(refused(Tar().file("f", "x").file("f/below", "y")), ::testing::HasSubstr("Not a directory"));
}

TEST_F(StoreTest, AnAbsoluteLinkStaysInsideTheLayer) {
  std::string marker = root_ + "/outside";
  ASSERT_TRUE(make_directories(marker));
  ASSERT_TRUE(import(docker_archive({Tar().folder("x").symlink("out", marker).folder(marker.substr(1)).file("out/evil", "x").bytes()}, "a")));
  EXPECT_TRUE(list_directory(marker)->empty());
  EXPECT_TRUE(path_exists(layer_file("a", marker.substr(1) + "/evil")));
}

TEST_F(StoreTest, RefusesBombs) {
  Limits limits;
  limits.layer_entries = 10;
  limits.layer_bytes = 1 << 20;
  limits.ratio_from = 1 << 16;
  store_ = open(limits);
  Tar many;
  for (int i = 0; i < 11; ++i) many.file("f" + std::to_string(i), "");
  EXPECT_THAT(refused(many), ::testing::HasSubstr("more than 10 entries"));
  EXPECT_THAT(refused(Tar().file("big", std::string((1 << 20) + 1, 'x'))), ::testing::HasSubstr("holds more than 1048576 bytes"));
  limits.layer_bytes = 1 << 22;
  limits.ratio_from = 1 << 16;
  store_ = open(limits);
  auto out = import(docker_archive({Tar().file("zeros", std::string(1 << 19, '\0')).bytes()}, "bomb", "zstd"));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code(), Code::kResourceExhausted);
  EXPECT_THAT(out.error().message(), ::testing::HasSubstr("times its size"));
}

TEST_F(StoreTest, ATruncatedArchiveLeavesNothing) {
  std::string noise;
  for (int i = 0; i < 60000; ++i) noise += static_cast<char>(i * 2654435761u >> 13);
  std::string whole = docker_archive({Tar().file("x", noise).bytes()}, "t:1");
  for (size_t size : {size_t{0}, size_t{100}, size_t{700}, whole.size() / 2, whole.size() - 1600}) {
    auto out = import(whole.substr(0, size));
    ASSERT_FALSE(out) << size;
    EXPECT_TRUE(list_directory(root_ + "/images/tmp")->empty());
    EXPECT_TRUE(list_directory(root_ + "/images/blobs/sha256")->empty());
  }
  std::string packed = docker_archive({Tar().file("x", noise).bytes()}, "t:1", "gzip");
  EXPECT_FALSE(import(packed.substr(0, packed.size() / 2)));
}

TEST_F(StoreTest, AChangedLayerIsNotBelieved) {
  std::string layer = Tar().file("x", "good").bytes();
  std::string archive = docker_archive({layer}, "t:1");
  auto at = archive.find("good");
  archive.replace(at, 4, "evil");
  auto out = import(archive);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code(), Code::kDataLoss);
  EXPECT_THAT(out.error().message(), ::testing::HasSubstr("/layer.tar: unpacks to digest"));
}

TEST_F(StoreTest, WhatIsSavedCanBeImportedElsewhere) {
  std::string base = Tar().file("base", "b").bytes();
  ASSERT_TRUE(import(docker_archive({base, Tar().file("x", "1").bytes()}, "one:1")));
  ASSERT_TRUE(import(docker_archive({base}, "localhost:5000/two")));
  std::string path = root_ + "/saved.tar";
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  auto saved = export_images(*store_, {"one:1", "localhost:5000/two"}, fd.get(), path);
  ASSERT_TRUE(saved) << saved.error().message();
  auto before = *store_->list();
  auto other = ImageStore::open(root_ + "/other");
  auto out = import_images(**other, path);
  ASSERT_TRUE(out) << out.error().message();
  auto after = *(*other)->list();
  ASSERT_EQ(after.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(before[i].id, after[i].id);
    EXPECT_EQ(before[i].names, after[i].names);
  }
}

}  // namespace
}  // namespace reigen::image
