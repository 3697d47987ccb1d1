#include "dns/name_server.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <functional>

#include "base/files.h"
#include "base/process.h"
#include "dns/helper.h"
#include "linux/network_namespace.h"
#include "network/clean.h"
#include "network/helper_process.h"
#include "network/pod_network.h"
#include "network/port_file.h"
#include "network/test_host.h"

namespace reigen::dns {
namespace {

using network::run_in;

constexpr const char* kInstance = "net-dns";

bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 600; i++, usleep(50000))
    if (condition()) return true;
  return false;
}

// A whole helper in a process of its own, on a test host; the neighbour is the upstream.
class HelperTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::string reason = network::enter_test_host(); !reason.empty()) GTEST_SKIP() << reason;
    run_ = network::test_folder() + "/dnsrun";
    ASSERT_TRUE(make_directories(run_));
    write(
        "#reigen-dns 1 cluster.local\n#cidr 10.143.0.0/16\nlocal.cluster.svc.default.ext CNAME www.example.com\nlocal.cluster.svc.default.web A 10.143.0.9\n");
    start();
  }
  void TearDown() override {
    if (pid_ > 0) waitpid(pid_, nullptr, WNOHANG);
    if (network::test_folder().empty()) return;
    EXPECT_TRUE(network::remove_network(kInstance, run_));
    EXPECT_EQ(run_in("", "ip -o addr | grep -c 10.143.0.10; true"), "0\n");
    if (pid_ > 0) waitpid(pid_, nullptr, 0);
  }
  void write(const std::string& text) { ASSERT_TRUE(write_file(records_path(run_), text, 0644)); }
  void start() {
    pid_ = fork();
    if (pid_ == 0) {
      std::string listen = "10.143.0.10";
      char* argv[] = {const_cast<char*>(kInstance), run_.data(), listen.data(), nullptr};
      _exit(run_dns_helper(3, argv));
    }
    for (int i = 0; i < 12000 && !network::living_helper(run_); i++) usleep(5000);
    ASSERT_TRUE(network::living_helper(run_));
  }
  std::string dig(const std::string& line, const std::string& from = "") { return run_in(from, "dig +time=20 +tries=1 +short @10.143.0.10 " + line); }

  std::string run_;
  int pid_ = -1;
};

TEST_F(HelperTest, AnswersOverUdpAndTcpAndFollowsChanges) {
  EXPECT_EQ(dig("web.default.svc.cluster.local"), "10.143.0.9\n");
  EXPECT_EQ(dig("+tcp web.default.svc.cluster.local"), "10.143.0.9\n");
  EXPECT_EQ(dig("+noedns web.default.svc.cluster.local"), "10.143.0.9\n");
  EXPECT_NE(run_in("", "dig @10.143.0.10 nope.default.svc.cluster.local").find("NXDOMAIN"), std::string::npos);
  std::string many = "#reigen-dns 1 cluster.local\n";
  for (int i = 2; i < 102; i++) many += "local.cluster.svc.default.web A 10.143.0." + std::to_string(i) + "\n";
  write(many);
  EXPECT_TRUE(
      eventually([] { return run_in("", "dig +noedns +ignore @10.143.0.10 web.default.svc.cluster.local").find("flags: qr aa tc") != std::string::npos; }));
  EXPECT_EQ(run_in("", "dig +noedns +short @10.143.0.10 web.default.svc.cluster.local | wc -l"), "100\n") << "asks again over TCP";
}

TEST_F(HelperTest, PodsAreAnsweredAndPortsServedOnTheIpv6Loopback) {
  network::PodNetworkOptions options;
  options.instance = kInstance;
  options.run_directory = run_;
  options.cluster_cidrs = {*IpNetwork::parse("10.142.0.0/16")};
  options.pod_cidrs = {*IpNetwork::parse("10.142.0.0/24")};
  auto pods = *network::PodNetwork::open(options);
  std::string path = run_ + "/pod";
  ASSERT_TRUE(linux::create_network_namespace(path));
  network::HostPort port{"TCP", IpAddress(), 22099, 80};
  ASSERT_TRUE(pods->attach("pod", path, {port}));
  EXPECT_EQ(dig("web.default.svc.cluster.local", path), "10.143.0.9\n");
  network::TestServer server(path, "pod:", 80);
  EXPECT_TRUE(eventually([] { return network::ask("", "::1", 22099).starts_with("pod:"); }));
  ASSERT_TRUE(pods->detach("pod"));
  EXPECT_TRUE(eventually([] { return network::ask("", "::1", 22099).starts_with("exit"); }));
}

TEST_F(HelperTest, ASecondOneFailsWithAReason) {
  HelperOptions options;
  options.instance = kInstance;
  options.run_directory = run_;
  options.listen = *IpAddress::parse("10.143.0.10");
  EXPECT_TRUE(ensure_helper(options)) << "the living one is left alone";
  options.run_directory = run_ + "/other";
  options.program = "/bin/false";
  auto failed = ensure_helper(options);
  EXPECT_FALSE(failed);
}

// The loop in this process: upstreams that can be chosen.
TEST(NameServer, ForwardsAndFollowsAliasesOut) {
  if (std::string reason = network::enter_test_host(); !reason.empty()) GTEST_SKIP() << reason;
  constexpr const char* kUpstream = R"(
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("192.168.77.2", 22053))
while True:
    q, peer = s.recvfrom(2000)
    end = q.index(b"\0", 12) + 5
    s.sendto(b"\0\0" + q[2:], peer)  # a wrong id: must be ignored
    s.sendto(q[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + q[12:end] + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4", peer)
)";
  int upstream = fork();
  if (upstream == 0) {
    execlp("nsenter", "nsenter", ("--net=" + network::neighbour_path()).c_str(), "/usr/bin/python3", "-c", kUpstream, nullptr);
    _exit(1);
  }
  int server = fork();
  if (server == 0) {
    auto loop = *EventLoop::make();
    NameServerOptions options;
    options.listen = {*IpAddress::parse("127.0.0.1")};
    options.port = 22054;
    options.upstream_port = 22053;
    options.upstreams = [] { return std::vector<IpAddress>{*IpAddress::parse("192.168.77.2")}; };
    auto names = *NameServer::open(*loop, options);
    names->set_records(RecordTable("#reigen-dns 1 cluster.local\nlocal.cluster.svc.default.ext CNAME www.example.com\n"));
    loop->run();
    _exit(0);
  }
  EXPECT_TRUE(eventually([] { return run_in("", "dig +short +tries=1 +time=2 -p 22054 @127.0.0.1 www.example.org") == "1.2.3.4\n"; }));
  EXPECT_EQ(run_in("", "dig +short -p 22054 @127.0.0.1 ext.default.svc.cluster.local"), "www.example.com.\n1.2.3.4\n");
  kill(upstream, SIGKILL);
  waitpid(upstream, nullptr, 0);
  EXPECT_NE(run_in("", "dig +time=60 +tries=1 -p 22054 @127.0.0.1 www.example.org").find("SERVFAIL"), std::string::npos);
  kill(server, SIGKILL);
  waitpid(server, nullptr, 0);
}

}  // namespace
}  // namespace reigen::dns
