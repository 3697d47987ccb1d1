// Parents, Docker's ways to remove, and what goes in and out beside archives of one image.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/files.h"
#include "image/digest.h"
#include "image/docker_image.h"
#include "image/exporter.h"
#include "image/image_store.h"
#include "image/image_writer.h"
#include "image/importer.h"
#include "image/store_index.h"
#include "image/test_archive.h"

namespace reigen::image {
namespace {

using test::docker_archive;
using test::Tar;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = RemoveStep::Kind;

class RemoveTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "SKIP needs root: layers have owners and devices";
    root_ = *make_temporary_directory(::testing::TempDir(), "remove-test-");
    store_ = std::move(*ImageStore::open(root_ + "/images"));
  }
  void TearDown() override {
    store_.reset();
    if (!root_.empty()) {
      EXPECT_TRUE(remove_tree(root_));
    }
  }
  std::string load(const std::string& file, const std::string& name) {
    std::string archive = docker_archive({Tar().file(file, file).bytes()}, name);
    StringSource source(archive);
    auto out = load_images(*store_, source, {}, {});
    EXPECT_TRUE(out) << out.error().message();
    return out ? out->front().image.id : "";
  }
  // An image on another one, with a layer of one file.
  std::string child(const std::string& parent, const std::string& file, std::vector<std::string> names = {}) {
    auto writer = std::move(*ImageWriter::begin(*store_));
    std::vector<std::string> below;
    if (!parent.empty()) below = store_->config(parent)->diff_ids;
    writer->declare_chain(below);
    std::string chain;
    for (const auto& diff : below) chain = chain_id(chain, diff);
    ChildImage image;
    image.parent = parent;
    image.created_by = "made " + file;
    image.comment = "why";
    image.container_config = "{\"Cmd\":[\"x\"]}";
    std::string tar = Tar().file(file, file).bytes();
    StringSource source(tar);
    image.layer = *writer->add_tar(chain, source);
    image.names = std::move(names);
    auto out = commit_child(*writer, std::move(image));
    EXPECT_TRUE(out) << out.error().message();
    return out ? out->id : "";
  }
  RemoveOptions options(bool force = false) {
    RemoveOptions out;
    out.force = force;
    out.user = [this](const std::string& id) -> std::optional<ImageUser> {
      auto it = users_.find(id);
      return it == users_.end() ? std::nullopt : std::optional(it->second);
    };
    return out;
  }
  std::string refused(const std::string& name, bool force = false) {
    auto out = store_->remove(name, options(force));
    EXPECT_FALSE(out);
    if (out) return "";
    EXPECT_EQ(out.error().code(), Code::kConflict);
    return out.error().message();
  }
  static std::vector<std::pair<Kind, std::string>> steps(const Result<RemoveReport>& report) {
    std::vector<std::pair<Kind, std::string>> out;
    EXPECT_TRUE(report) << report.error().message();
    if (report)
      for (const auto& step : report->steps) out.emplace_back(step.kind, step.what);
    return out;
  }

  std::string root_;
  std::unique_ptr<ImageStore> store_;
  std::map<std::string, ImageUser> users_;
};

TEST_F(RemoveTest, NamesGoOneByOneAndTheLastTakesTheImage) {
  std::string id = load("x", "a:1"), hex = id.substr(7, 12);
  ASSERT_TRUE(store_->tag(id, *parse_reference("b:1")));
  EXPECT_GT(store_->find("b:1")->tagged_s, 0);
  EXPECT_EQ(refused(id), "conflict: unable to delete " + hex + " (must be forced) - image is referenced in multiple repositories");
  EXPECT_THAT(steps(store_->remove("a:1", options())), ElementsAre(std::pair(Kind::kUntagged, "docker.io/library/a:1")));
  std::string chain = store_->layers(id)->front().chain_id;
  EXPECT_THAT(steps(store_->remove(hex, options())),
              ElementsAre(std::pair(Kind::kUntagged, "docker.io/library/b:1"), std::pair(Kind::kDeleted, id), std::pair(Kind::kDeletedLayer, chain)));
  EXPECT_EQ(list_directory(root_ + "/images/layers")->size(), 1u);
}

TEST_F(RemoveTest, WhoUsesAnImageKeepsIt) {
  std::string id = load("x", "a:1"), hex = id.substr(7, 12);
  users_[id] = {"0123456789ab", false};
  EXPECT_EQ(refused("a:1"),
            "conflict: unable to remove repository reference \"a:1\" (must force) - container 0123456789ab is using its referenced image " + hex);
  EXPECT_EQ(refused(id), "conflict: unable to delete " + hex + " (must be forced) - image is being used by stopped container 0123456789ab");
  users_[id].running = true;
  EXPECT_EQ(refused(id, true), "conflict: unable to delete " + hex + " (cannot be forced) - image is being used by running container 0123456789ab");
  users_[id].running = false;
  ASSERT_TRUE(store_->pin("docker-1", id));
  EXPECT_THAT(steps(store_->remove("a:1", options(true))), ElementsAre(std::pair(Kind::kUntagged, "docker.io/library/a:1"), std::pair(Kind::kDeleted, id)));
  // Forgotten, but what its container needs is there until the pin goes.
  EXPECT_TRUE(store_->list()->empty());
  EXPECT_FALSE(store_->find(id));
  ASSERT_TRUE(store_->config(id));
  EXPECT_TRUE(path_exists(store_->layer_dirs(id)->front() + "/x"));
  ASSERT_TRUE(store_->pin("docker-2", id));
  ASSERT_TRUE(store_->unpin("docker-1"));
  ASSERT_TRUE(store_->collect());
  EXPECT_TRUE(store_->config(id));
  ASSERT_TRUE(store_->unpin("docker-2"));
  ASSERT_TRUE(store_->collect());
  EXPECT_FALSE(store_->config(id));
  EXPECT_TRUE(list_directory(root_ + "/images/blobs/sha256")->empty());
}

TEST_F(RemoveTest, ParentsStayAsLongAsTheirChildrenAndGoWithThem) {
  std::string base = load("x", "base:1");
  std::string middle = child(base, "m"), top = child(middle, "t", {"docker.io/library/top:1"}), other = child(middle, "o", {"docker.io/library/other:1"});
  EXPECT_EQ(store_->find(top)->parent, middle);
  EXPECT_EQ(store_->children(middle)->size(), 2u);
  EXPECT_EQ(refused(middle), "conflict: unable to delete " + middle.substr(7, 12) + " (cannot be forced) - image has dependent child images");
  EXPECT_TRUE(store_->prune(false)->deleted.empty());  // it has no name, but who has stays
  auto gone = store_->remove("top:1", options());
  ASSERT_TRUE(gone);
  EXPECT_THAT(gone->deleted, ElementsAre(top));
  EXPECT_THAT(steps(store_->remove("base:1", options())), ElementsAre(std::pair(Kind::kUntagged, "docker.io/library/base:1")));
  gone = store_->remove("other:1", options());
  ASSERT_TRUE(gone);
  EXPECT_THAT(gone->deleted, ElementsAre(other, middle, base));
  EXPECT_GT(gone->reclaimed, 0u);
  EXPECT_TRUE(store_->list()->empty());
}

TEST_F(RemoveTest, ParentsCanBeKept) {
  std::string base = child("", "b"), top = child(base, "t", {"docker.io/library/top:1"});
  auto keep = options();
  keep.keep_parents = true;
  EXPECT_THAT(store_->remove("top:1", keep)->deleted, ElementsAre(top));
  EXPECT_TRUE(store_->find(base));
}

TEST_F(RemoveTest, PruneTakesWhatHasNoNameOrWhatIsWanted) {
  std::string named = load("x", "a:1"), used = load("u", "u:1"), dangling = child(named, "d");
  users_[used] = {"0123456789ab", false};
  PruneOptions prune;
  prune.user = options().user;
  auto gone = store_->prune(prune);
  ASSERT_TRUE(gone);
  EXPECT_THAT(gone->deleted, ElementsAre(dangling));
  prune.dangling_only = false;
  prune.want = [](const ImageRecord&, const ImageConfig& config) { return config.labels.contains("no"); };
  EXPECT_TRUE(store_->prune(prune)->deleted.empty());
  prune.want = {};
  EXPECT_THAT(store_->prune(prune)->deleted, ElementsAre(named));
  EXPECT_TRUE(store_->find("u:1"));
}

TEST_F(RemoveTest, TheGenerationFollowsEveryWriter) {
  auto other = std::move(*ImageStore::open(root_ + "/images"));
  auto before = store_->generation();
  EXPECT_EQ(store_->generation(), before);
  std::string id = load("x", "a:1");
  ASSERT_TRUE(other->tag(id, *parse_reference("b:1")));
  EXPECT_GT(store_->generation(), before);
}

TEST_F(RemoveTest, ASavedImageTellsItsParentWhenThatIsSavedToo) {
  std::string base = load("x", "base:1"), top = child(base, "t", {"docker.io/library/top:1"});
  auto save = [&](const std::vector<std::string>& names) {
    std::string out;
    EXPECT_TRUE(export_images(*store_, names, [&](std::string_view data) -> Status {
      out += data;
      return {};
    }));
    return out;
  };
  std::string one = save({"top:1"}), both = save({"top", "base:1"});
  EXPECT_THAT(one, ::testing::Not(HasSubstr("\"Parent\"")));
  EXPECT_THAT(both, HasSubstr("\"Parent\":\"" + base + "\""));
  EXPECT_THAT(both, HasSubstr("{\"base\":{\"1\":\""));
  store_ = std::move(*ImageStore::open(root_ + "/other"));
  StringSource source(both);
  std::vector<std::string> said;
  auto loaded = load_images(*store_, source, {}, [&](const LoadProgress& progress) { said.push_back(progress.status); });
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_EQ(store_->find("top:1")->parent, base);
  EXPECT_FALSE(said.empty());
  EXPECT_EQ(store_->config(top)->comment(), "why");
  EXPECT_EQ(store_->config(top)->container_config, "{\"Cmd\":[\"x\"]}");
}

TEST_F(RemoveTest, AFolderIsTakenAndLeft) {
  std::string folder = root_ + "/upper";
  ASSERT_TRUE(make_directories(folder + "/d"));
  ASSERT_TRUE(write_file(folder + "/d/f", "x"));
  auto writer = std::move(*ImageWriter::begin(*store_));
  auto layer = writer->add_copy("", folder);
  ASSERT_TRUE(layer) << layer.error().message();
  ASSERT_TRUE(writer->commit_layers());
  EXPECT_EQ(*read_file(store_->layer_path(layer->chain_id) + "/d/f"), "x");
  EXPECT_TRUE(path_exists(folder + "/d/f"));
}

TEST(StoreIndex, ReadsTheFirstVersionAndItsOwn) {
  std::string id = "sha256:" + std::string(64, 'a'), other = "sha256:" + std::string(64, 'b');
  auto old = StoreIndex::parse("reigen-images 1\nimage " + id + " " + id + " 5 7\nname docker.io/library/x:1 " + id + "\n");
  ASSERT_TRUE(old);
  old->images[other] = {id, 1, 2, id, 3};
  EXPECT_TRUE(old->has_child(id));
  auto again = StoreIndex::parse(old->encode());
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(again->encode(), old->encode());
  EXPECT_EQ(again->images.at(other).parent, id);
  EXPECT_EQ(again->images.at(other).tagged_s, 3);
  again->forget(id);
  EXPECT_EQ(again->images.at(other).parent, "");
}

TEST(DockerImage, WritesWhatGoWouldAndReadsItBack) {
  ImageConfig config;
  config.cmd = {"a", "<b>"};
  config.cmd_set = true;
  config.labels["k"] = "v";
  config.tty = true;
  config.stop_timeout_s = 3;
  std::string text = encode_run_config(config);
  EXPECT_EQ(text,
            "{\"Hostname\":\"\",\"Domainname\":\"\",\"User\":\"\",\"AttachStdin\":false,\"AttachStdout\":false,\"AttachStderr\":false,\"Tty\":true,"
            "\"OpenStdin\":false,\"StdinOnce\":false,\"Env\":null,\"Cmd\":[\"a\",\"<b>\"],\"Image\":\"\",\"Volumes\":null,\"WorkingDir\":\"\","
            "\"Entrypoint\":null,\"OnBuild\":null,\"Labels\":{\"k\":\"v\"},\"StopTimeout\":3}");
  auto again = parse_run_config(text);
  ASSERT_TRUE(again);
  EXPECT_EQ(encode_run_config(*again), text);
  EXPECT_EQ(format_nanos(WallTime(std::chrono::nanoseconds(1'700'000'000'120'000'000))), "2023-11-14T22:13:20.12Z");
}

}  // namespace
}  // namespace reigen::image
