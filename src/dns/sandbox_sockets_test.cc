#include "dns/sandbox_sockets.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "base/files.h"
#include "dns/helper.h"
#include "linux/network_namespace.h"
#include "network/clean.h"
#include "network/helper_process.h"
#include "network/names_sync.h"
#include "network/port_file.h"
#include "network/test_host.h"

namespace reigen::dns {
namespace {

using network::run_in;

constexpr const char* kInstance = "net-names";

bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 600; i++, usleep(50000))
    if (condition()) return true;
  return false;
}

std::string id_of(const std::string& head) { return head + std::string(64 - head.size(), '0'); }

// A whole helper in a process of its own.
class SandboxSocketsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::string reason = network::enter_test_host(); !reason.empty()) GTEST_SKIP() << reason;
    run_ = network::test_folder() + "/names-run";
    ASSERT_TRUE(make_directories(run_));
    write_names("172.18.0.2");
    start();
    file_ = std::make_unique<network::SandboxNamesFile>(run_);
  }
  void TearDown() override {
    if (network::test_folder().empty()) return;
    EXPECT_TRUE(network::remove_network(kInstance, run_));
    if (pid_ > 0) waitpid(pid_, nullptr, 0);
    EXPECT_TRUE(remove_tree(run_));
  }
  void start() {
    pid_ = fork();
    if (pid_ == 0) {
      std::string listen = "10.143.0.11";
      char* argv[] = {const_cast<char*>(kInstance), run_.data(), listen.data(), nullptr};
      _exit(run_dns_helper(3, argv));
    }
    for (int i = 0; i < 12000 && !network::living_helper(run_); i++) usleep(5000);
    ASSERT_TRUE(network::living_helper(run_));
  }
  void stop() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  void write_names(const std::string& web) {
    std::string text = id_of("a1") + " @ " + id_of("n1") + " " + web + "\n" + id_of("n1") + " web " + web + "\n";
    ASSERT_TRUE(write_file(docker_names_path(run_), text, 0644));
  }
  std::string box(const std::string& name) {
    std::string path = run_ + "/" + name;
    EXPECT_TRUE(linux::create_network_namespace(path));
    return path;
  }
  Status sync() { return network::sync_names(run_, std::chrono::seconds(60)); }
  static std::string dig(const std::string& box, const std::string& line) { return run_in(box, "dig +time=3 +tries=1 +short @127.0.0.11 " + line); }

  std::string run_;
  int pid_ = -1;
  std::unique_ptr<network::SandboxNamesFile> file_;
};

TEST_F(SandboxSocketsTest, AnswersInsideOfTheNamespaceByWhoAsks) {
  std::string a = box("a"), b = box("b");
  ASSERT_TRUE(file_->set({"a", a, {id_of("n1")}, {}, false, {{"db", id_of("a1")}}}));
  ASSERT_TRUE(file_->set({"b", b, {id_of("n2")}, {}, false, {}}));
  Status synced = sync();
  ASSERT_TRUE(synced) << synced.error().message();
  EXPECT_EQ(dig(a, "web"), "172.18.0.2\n");
  EXPECT_EQ(dig(a, "+tcp web"), "172.18.0.2\n");
  EXPECT_EQ(dig(a, "DB"), "172.18.0.2\n");
  EXPECT_EQ(dig(b, "web"), "") << "another network's name";
  EXPECT_NE(run_in(b, "dig @127.0.0.11 web").find("SERVFAIL"), std::string::npos) << "nothing is asked of others";
  write_names("172.18.0.7");
  ASSERT_TRUE(sync());
  EXPECT_EQ(dig(a, "web"), "172.18.0.7\n");
  network::TestServer own(a, "own", 53, false);
  EXPECT_EQ(network::ask(a, "127.0.0.1", 53), "own 127.0.0.1") << "port 53 of the container's own is free";
  ASSERT_TRUE(file_->remove("a"));
  ASSERT_TRUE(sync());
  EXPECT_NE(dig(a, "web"), "172.18.0.7\n");
  EXPECT_EQ(run_in("", "ls /proc/" + std::to_string(pid_) + "/fd -l | grep -c 'socket:' | tr -d '\\n'"), std::to_string(2 + 2 + 1))
      << "the cluster's, b's, and the one for sync";
}

TEST_F(SandboxSocketsTest, ANewHelperServesWhatStandsInTheFile) {
  std::string a = box("a");
  ASSERT_TRUE(file_->set({"a", a, {id_of("n1")}, {}, false, {}}));
  ASSERT_TRUE(file_->set({"gone", run_ + "/gone", {id_of("n1")}, {}, false, {}}));
  ASSERT_TRUE(sync());
  EXPECT_EQ(dig(a, "web"), "172.18.0.2\n");
  stop();
  EXPECT_FALSE(sync());
  EXPECT_NE(dig(a, "web"), "172.18.0.2\n");
  start();
  ASSERT_TRUE(sync());
  EXPECT_EQ(dig(a, "web"), "172.18.0.2\n");
  EXPECT_EQ(run_in(a, "nft list tables"), "table ip reigen-names\n");
}

TEST_F(SandboxSocketsTest, UnknownNamesGoToTheSandboxesServers) {
  constexpr const char* kUpstream = R"(
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("192.168.77.2", 53)); print("r", end="", flush=True)
while True:
    q, peer = s.recvfrom(2000)
    end = q.index(b"\0", 12) + 5
    s.sendto(q[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + q[12:end] + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4", peer)
)";
  int upstream = fork();
  if (upstream == 0) {
    execlp("nsenter", "nsenter", ("--net=" + network::neighbour_path()).c_str(), "/usr/bin/python3", "-c", kUpstream, nullptr);
    _exit(1);
  }
  std::string a = box("a");
  ASSERT_TRUE(file_->set({"a", a, {id_of("n1")}, {*IpAddress::parse("192.168.77.2")}, true, {}}));
  ASSERT_TRUE(sync());
  EXPECT_TRUE(eventually([&] { return dig(a, "www.example.org") == "1.2.3.4\n"; })) << "from the host's namespace: this one has no link";
  EXPECT_EQ(dig(a, "web"), "172.18.0.2\n");
  kill(upstream, SIGKILL);
  waitpid(upstream, nullptr, 0);
}

TEST_F(SandboxSocketsTest, PublishedPortsOfBothFamiliesAreCopied) {
  run_in("", "ip addr add fd78::1/64 dev out0 nodad; ip addr add fd78::3/64 dev out0 nodad");
  run_in(network::neighbour_path(), "ip addr add fd78::2/64 dev in0 nodad");
  std::string a = box("a");
  run_in("", "ip link add box0 type veth peer name eth0 netns " + a + "; ip addr add 10.151.0.1/24 dev box0; ip link set box0 up");
  run_in(a, "ip addr add 10.151.0.2/24 dev eth0; ip link set eth0 up");
  network::TestServer tcp(a, "a:", 80), udp(a, "a:", 80, true);
  auto any6 = IpAddress::any(IpFamily::kV6);
  IpAddress target = *IpAddress::parse("10.151.0.2");
  std::vector<network::PortMapping> ports = {{"a", {"TCP", any6, 22100, 80}, target, true},
                                             {"a", {"UDP", any6, 22100, 80}, target, true},
                                             {"a", {"TCP", IpAddress(), 22100, 80}, target, true},
                                             {"a", {"TCP", *IpAddress::parse("fd78::3"), 22101, 80}, target, true}};
  ASSERT_TRUE(write_file(network::port_file_path(run_), network::format_ports(ports), 0644));
  EXPECT_TRUE(eventually([] { return network::ask("", "::1", 22100).starts_with("a:"); }));
  for (const char* host : {"::1", "fd78::1"}) {
    EXPECT_EQ(network::ask("", host, 22100).substr(0, 2), "a:") << host;
    EXPECT_EQ(network::ask("", host, 22100, true).substr(0, 2), "a:") << host;
  }
  EXPECT_EQ(network::ask(network::neighbour_path(), "fd78::1", 22100).substr(0, 2), "a:");
  EXPECT_EQ(network::ask(network::neighbour_path(), "fd78::3", 22100, true).substr(0, 2), "a:") << "answered from the address that was asked";
  EXPECT_EQ(network::ask(network::neighbour_path(), "fd78::3", 22101).substr(0, 2), "a:");
  EXPECT_EQ(network::ask(network::neighbour_path(), "fd78::1", 22101).substr(0, 4), "exit");
  network::TestServer free("", "v4:", 22100);
  EXPECT_EQ(network::ask("", "127.0.0.1", 22100).substr(0, 3), "v4:") << "0.0.0.0 is the kernel's";
  run_in("", "ip link del box0");
}

}  // namespace
}  // namespace reigen::dns
