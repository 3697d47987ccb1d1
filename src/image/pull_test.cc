// Pulls from Debian's docker-registry, filled by skopeo.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fcntl.h>

#include <algorithm>

#include "base/clock.h"
#include "base/files.h"
#include "base/process.h"
#include "image/importer.h"
#include "image/puller.h"
#include "image/pusher.h"
#include "image/registry_login.h"
#include "image/test_archive.h"

namespace reigen::image {
namespace {

using test::docker_archive;
using test::Tar;

int free_port() {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) return 0;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

bool answers(int port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

class PullTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "SKIP needs root: layers have owners and devices";
    for (const char* program : {"docker-registry", "skopeo", "htpasswd"})
      if (!find_program(program)) GTEST_SKIP() << "SKIP " << program << " is missing";
    root_ = *make_temporary_directory(::testing::TempDir(), "pull-test-");
    store_ = std::move(*ImageStore::open(root_ + "/images"));
  }
  void TearDown() override {
    store_.reset();
    if (registry_.pid() > 0) {
      registry_.kill(SIGKILL);
      EXPECT_TRUE(registry_.wait());
    }
    if (!root_.empty()) {
      EXPECT_TRUE(remove_tree(root_));
    }
  }
  void start_registry(bool with_password) {
    port_ = free_port();
    std::string config = "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: " + root_ +
                         "/registry\nhttp:\n  addr: 127.0.0.1:" + std::to_string(port_) + "\n";
    if (with_password) {
      auto line = run_checked({{"htpasswd", "-Bbn", "me", "secret"}});
      ASSERT_TRUE(line);
      ASSERT_TRUE(write_file(root_ + "/htpasswd", *line));
      config += "auth:\n  htpasswd:\n    realm: test\n    path: " + root_ + "/htpasswd\n";
    }
    ASSERT_TRUE(write_file(root_ + "/config.yml", config));
    auto null = [] { return Fd(::open("/dev/null", O_RDWR | O_CLOEXEC)); };
    auto child = Child::start({{"docker-registry", "serve", root_ + "/config.yml"}}, null(), null(), null());
    ASSERT_TRUE(child) << child.error().message();
    registry_ = std::move(*child);
    for (int i = 0; i < 1200 && !answers(port_); ++i) ::usleep(50'000);
    ASSERT_TRUE(answers(port_)) << "docker-registry does not answer";
  }
  std::string at(const std::string& name) const { return "127.0.0.1:" + std::to_string(port_) + "/" + name; }
  void push(const std::string& archive, const std::string& name, std::vector<std::string> more = {}) {
    ASSERT_TRUE(write_file(root_ + "/push.tar", archive));
    Command command;
    command.argv = {"skopeo", "copy", "-q", "--insecure-policy", "--dest-tls-verify=false"};
    command.argv.insert(command.argv.end(), more.begin(), more.end());
    command.argv.push_back("docker-archive:" + root_ + "/push.tar");
    command.argv.push_back("docker://" + at(name));
    auto out = run_checked(command);
    ASSERT_TRUE(out) << out.error().message();
  }
  Result<ImageRecord> pull(const std::string& name, PullOptions options = {}) { return Puller(*store_).pull(*parse_reference(at(name)), options); }

  std::string root_;
  std::unique_ptr<ImageStore> store_;
  Child registry_;
  int port_ = 0;
};

TEST_F(PullTest, FetchesAnImageOnceAndSharesLayers) {
  ASSERT_NO_FATAL_FAILURE(start_registry(false));
  std::string base = Tar().file("base", std::string(100'000, 'b')).bytes();
  ASSERT_NO_FATAL_FAILURE(push(docker_archive({base, Tar().file("x", "1").bytes()}, "a:1"), "a:1"));
  ASSERT_NO_FATAL_FAILURE(push(docker_archive({base, Tar().file("x", "2").bytes()}, "b:1"), "b:1", {"--dest-compress-format", "zstd", "--format", "oci"}));
  auto a = pull("a:1");
  ASSERT_TRUE(a) << a.error().message();
  EXPECT_EQ(a->names, std::vector<std::string>{at("a:1")});
  EXPECT_EQ(a->repo_digests, std::vector<std::string>{at("a@" + a->manifest_digest)});
  EXPECT_EQ(*read_file(store_->layer_dirs(a->id)->back() + "/x"), "1");
  std::vector<std::string> said;
  PullOptions options;
  options.progress = [&](const PullProgress& progress) { said.push_back(progress.status); };
  auto b = pull("b:1", options);
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_EQ(said.front(), "Already exists");
  auto by_digest = pull("a@" + a->manifest_digest);
  ASSERT_TRUE(by_digest) << by_digest.error().message();
  EXPECT_EQ(by_digest->id, a->id);
  EXPECT_EQ(store_->find(at("a@" + a->manifest_digest))->id, a->id);
}

TEST_F(PullTest, TellsErrorsApart) {
  ASSERT_NO_FATAL_FAILURE(start_registry(true));
  ASSERT_NO_FATAL_FAILURE(push(docker_archive({Tar().file("x", "1").bytes()}, "a:1"), "p/a:1", {"--dest-creds", "me:secret"}));
  EXPECT_EQ(pull("p/a:1").error().code(), Code::kUnauthenticated);
  PullOptions wrong;
  wrong.credentials = {{"me", "guess", "", ""}};
  auto refused = pull("p/a:1", wrong);
  EXPECT_EQ(refused.error().code(), Code::kUnauthenticated);
  EXPECT_THAT(refused.error().message(), ::testing::HasSubstr("the credentials were refused"));
  PullOptions right;
  std::string config = "{\"auths\":{\"" + at("p") + "\":{\"auth\":\"bWU6c2VjcmV0\"},\"127.0.0.1:1\":{\"auth\":\"eDp5\"}}}";
  right.credentials = *match_credentials(config, *parse_reference(at("p/a:1")));
  ASSERT_EQ(right.credentials.size(), 1u);
  auto pulled = pull("p/a:1", right);
  ASSERT_TRUE(pulled) << pulled.error().message();
  auto missing = pull("p/a:2", right);
  EXPECT_EQ(missing.error().code(), Code::kNotFound);
  EXPECT_THAT(missing.error().message(), ::testing::HasSubstr("manifest for " + at("p/a:2") + " not found"));
  port_ = free_port();
  auto unreachable = pull("a");
  EXPECT_EQ(unreachable.error().code(), Code::kUnavailable);
  EXPECT_THAT(unreachable.error().message(), ::testing::HasSubstr("cannot be reached"));
  EXPECT_TRUE(list_directory(root_ + "/images/tmp")->empty());
}

TEST_F(PullTest, AChangedLayerIsNotBelieved) {
  ASSERT_NO_FATAL_FAILURE(start_registry(false));
  ASSERT_NO_FATAL_FAILURE(push(docker_archive({Tar().file("x", std::string(5000, 'x')).bytes()}, "a:1"), "a:1"));
  // Same size, other bytes: as a registry with a broken disk.
  auto found = run_checked({{"find", root_ + "/registry", "-name", "data", "-size", "-2"}});
  ASSERT_TRUE(found);
  for (size_t start = 0; start < found->size();) {
    size_t end = found->find('\n', start);
    std::string file = found->substr(start, end - start);
    start = end + 1;
    auto data = *read_file(file);
    if (!data.starts_with("\x1f\x8b")) continue;
    data.back() = static_cast<char>(data.back() ^ 1);
    ASSERT_TRUE(write_file(file, data));
  }
  auto out = pull("a:1");
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code(), Code::kDataLoss) << out.error().message();
  EXPECT_TRUE(store_->list()->empty());
}

TEST_F(PullTest, PushesWhatIsMissingAndKeepsDigests) {
  ASSERT_NO_FATAL_FAILURE(start_registry(false));
  std::string base = Tar().file("base", std::string(300'000, 'b')).bytes();
  std::string archive = docker_archive({base, Tar().file("x", "1").bytes()}, at("a:1"));
  StringSource source(archive);
  ASSERT_TRUE(load_images(*store_, source, {}, {}));
  std::vector<std::string> said;
  PushOptions options;
  options.progress = [&](const PullProgress& progress) { said.push_back(progress.status); };
  auto report = Pusher(*store_).push(*parse_reference(at("a:1")), options);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->tag, "1");
  EXPECT_EQ(std::ranges::count(said, "Pushed"), 2);
  EXPECT_EQ(store_->find(at("a:1"))->repo_digests, std::vector<std::string>{at("a@" + report->digest)});
  // Again: everything is there, and what it is packed as is known.
  said.clear();
  auto again = Pusher(*store_).push(*parse_reference(at("a:1")), options);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(again->digest, report->digest);
  EXPECT_EQ(std::ranges::count(said, "Layer already exists"), 2);
  // Under another name the registry takes the layers over.
  said.clear();
  ASSERT_TRUE(store_->tag(store_->find(at("a:1"))->id, *parse_reference(at("other/b:2"))));
  auto other = Pusher(*store_).push(*parse_reference(at("other/b:2")), options);
  ASSERT_TRUE(other) << other.error().message();
  EXPECT_EQ(std::ranges::count(said, "Mounted from a"), 2);
  EXPECT_EQ(Pusher(*store_).push(*parse_reference(at("none:1")), options).error().code(), Code::kNotFound);
  // What was pushed can be pulled elsewhere, and pushed from there keeps its manifest.
  auto elsewhere = std::move(*ImageStore::open(root_ + "/elsewhere"));
  std::vector<std::string> notes;
  PullOptions pull;
  pull.note = [&](const std::string& line) { notes.push_back(line); };
  Puller puller(*elsewhere);
  auto pulled = puller.pull(*parse_reference(at("a:1")), pull);
  ASSERT_TRUE(pulled) << pulled.error().message();
  EXPECT_EQ(notes, (std::vector<std::string>{"Digest: " + report->digest, "Status: Downloaded newer image for " + at("a:1")}));
  notes.clear();
  ASSERT_TRUE(puller.pull(*parse_reference(at("a:1")), pull));
  EXPECT_EQ(notes.back(), "Status: Image is up to date for " + at("a:1"));
  ASSERT_TRUE(elsewhere->tag(pulled->id, *parse_reference(at("third:9"))));
  EXPECT_EQ(Pusher(*elsewhere).push(*parse_reference(at("third:9")), {})->digest, report->digest);
  EXPECT_EQ(*puller.tags(*parse_reference(at("a"))), std::vector<std::string>{"1"});
}

TEST_F(PullTest, PushesAndLogsInWithAPassword) {
  ASSERT_NO_FATAL_FAILURE(start_registry(true));
  std::string archive = docker_archive({Tar().file("x", "1").bytes()}, at("p/a:1"));
  StringSource source(archive);
  ASSERT_TRUE(load_images(*store_, source, {}, {}));
  auto reference = *parse_reference(at("p/a:1"));
  PushOptions options;
  auto refused = Pusher(*store_).push(reference, options);
  EXPECT_EQ(refused.error().code(), Code::kUnauthenticated);
  options.credentials = {"me", "guess", "", ""};
  EXPECT_EQ(Pusher(*store_).push(reference, options).error().code(), Code::kUnauthenticated);
  options.credentials = {"me", "secret", "", ""};
  auto report = Pusher(*store_).push(reference, options);
  ASSERT_TRUE(report) << report.error().message();
  std::string server = at("").substr(0, at("").size() - 1);
  EXPECT_EQ(*check_login(server, options.credentials, {}), "");
  EXPECT_EQ(check_login(server, {"me", "guess", "", ""}, {}).error().code(), Code::kUnauthenticated);
  PullOptions pull;
  pull.credentials = {options.credentials};
  auto remote = inspect_remote(reference, pull, {});
  ASSERT_TRUE(remote) << remote.error().message();
  EXPECT_EQ(*remote, "{\"Descriptor\":{\"mediaType\":\"application/vnd.docker.distribution.manifest.v2+json\",\"digest\":\"" + report->digest +
                         "\",\"size\":" + std::to_string(report->size) + "},\"Platforms\":[{\"architecture\":\"amd64\",\"os\":\"linux\"}]}");
}

}  // namespace
}  // namespace reigen::image
