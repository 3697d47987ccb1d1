#include <gtest/gtest.h>

#include "base/files.h"
#include "dns/message.h"
#include "dns/record_table.h"
#include "dns/resolver.h"
#include "dns/upstreams.h"

namespace reigen::dns {
namespace {

constexpr std::string_view kRecords =
    "#reigen-dns 1 cluster.local\n"
    "#cidr 10.42.0.0/16\n"
    "#cidr 10.43.0.0/16\n"
    "arpa.in-addr.10.43.0.9 PTR web.default.svc.cluster.local\n"
    "local.cluster.svc.default.ext CNAME www.example.com\n"
    "local.cluster.svc.default.headless A 10.42.0.2\n"
    "local.cluster.svc.default.headless A 10.42.0.3\n"
    "local.cluster.svc.default.headless.a A 10.42.0.2\n"
    "local.cluster.svc.default.headless.b A 10.42.0.3\n"
    "local.cluster.svc.default.inner CNAME web.default.svc.cluster.local\n"
    "local.cluster.svc.default.web A 10.43.0.9\n"
    "local.cluster.svc.default.web._tcp._http SRV 100 80 web.default.svc.cluster.local\n"
    "local.cluster.svc.empty NAMESPACE\n";

struct Asked {
  bool ours = false;
  Rcode rcode = Rcode::kOk;
  std::vector<Record> answers;
  size_t authority = 0, additional = 0;
  std::string continue_with;
};

Asked ask(const std::string& name, Type type, uint32_t shuffle = 0) {
  RecordTable table(kRecords);
  auto parsed = parse_query(encode_query(7, name, static_cast<uint16_t>(type)));
  EXPECT_TRUE(parsed);
  auto resolution = resolve(table, parsed->query, shuffle);
  if (!resolution) return {};
  const Answer& answer = resolution->answer;
  return {true, answer.rcode, answer.answers, answer.authority.size(), answer.additional.size(), resolution->continue_with};
}

std::string address(const Record& record) {
  std::string text;
  for (unsigned char byte : record.data) text += (text.empty() ? "" : ".") + std::to_string(byte);
  return text;
}

TEST(Resolver, ServicesByNameWhateverTheCase) {
  auto web = ask("Web.Default.SVC.cluster.local", Type::kA);
  ASSERT_EQ(web.answers.size(), 1u);
  EXPECT_EQ(address(web.answers[0]), "10.43.0.9");
}

TEST(Resolver, TellsNoSuchNameFromNoSuchType) {
  auto no_data = ask("web.default.svc.cluster.local", Type::kAaaa);
  EXPECT_EQ(no_data.rcode, Rcode::kOk);
  EXPECT_EQ(no_data.authority, 1u);
  auto no_name = ask("nope.default.svc.cluster.local", Type::kA);
  EXPECT_EQ(no_name.rcode, Rcode::kNoSuchName);
  EXPECT_EQ(no_name.authority, 1u);
  for (const char* between : {"default.svc.cluster.local", "svc.cluster.local", "cluster.local", "_tcp.web.default.svc.cluster.local",
                              "empty.svc.cluster.local", "pod.cluster.local"})
    EXPECT_EQ(ask(between, Type::kA).rcode, Rcode::kOk) << between;
  EXPECT_EQ(ask("nope.svc.cluster.local", Type::kA).rcode, Rcode::kNoSuchName);
  EXPECT_EQ(ask("web.default.svc.cluster.local.default.svc.cluster.local", Type::kA).rcode, Rcode::kNoSuchName) << "search domains";
}

TEST(Resolver, HeadlessServicesAnswerAllAndTakeTurns) {
  EXPECT_EQ(ask("headless.default.svc.cluster.local", Type::kA).answers.size(), 2u);
  EXPECT_NE(address(ask("headless.default.svc.cluster.local", Type::kA, 0).answers[0]),
            address(ask("headless.default.svc.cluster.local", Type::kA, 1).answers[0]));
  EXPECT_EQ(address(ask("a.headless.default.svc.cluster.local", Type::kA).answers.at(0)), "10.42.0.2");
}

TEST(Resolver, PortsReverseNamesAndPods) {
  auto srv = ask("_http._tcp.web.default.svc.cluster.local", Type::kSrv);
  ASSERT_EQ(srv.answers.size(), 1u);
  EXPECT_EQ(srv.answers[0].data.substr(0, 6), std::string("\0\0\0\x64\0\x50", 6));
  EXPECT_EQ(srv.additional, 1u);
  EXPECT_EQ(ask("9.0.43.10.in-addr.arpa", Type::kPtr).answers.at(0).data, encode_name("web.default.svc.cluster.local"));
  EXPECT_EQ(ask("8.0.43.10.in-addr.arpa", Type::kPtr).rcode, Rcode::kNoSuchName);
  EXPECT_FALSE(ask("8.8.8.8.in-addr.arpa", Type::kPtr).ours);
  EXPECT_EQ(address(ask("10-42-0-7.default.pod.cluster.local", Type::kA).answers.at(0)), "10.42.0.7");
  EXPECT_EQ(ask("10-42-0-7.nope.pod.cluster.local", Type::kA).rcode, Rcode::kNoSuchName);
  EXPECT_EQ(ask("dns-version.cluster.local", Type::kTxt).answers.at(0).data,
            "\x05"
            "1.1.0");
}

TEST(Resolver, AliasesAreFollowed) {
  EXPECT_EQ(ask("ext.default.svc.cluster.local", Type::kA).continue_with, "www.example.com");
  auto inner = ask("inner.default.svc.cluster.local", Type::kA);
  ASSERT_EQ(inner.answers.size(), 2u);
  EXPECT_EQ(inner.answers[0].type, Type::kCname);
  EXPECT_EQ(ask("ext.default.svc.cluster.local", Type::kCname).continue_with, "");
  EXPECT_FALSE(ask("www.example.com", Type::kA).ours);
}

TEST(Message, ALongAnswerIsCutAndMarked) {
  auto parsed = parse_query(encode_query(7, "headless.default.svc.cluster.local", 1));
  Answer answer;
  for (int i = 0; i < 100; i++) answer.answers.push_back({parsed->query.name, Type::kA, 5, "abcd"});
  auto cut = parse_answer(encode_answer(parsed->query, answer, 512));
  EXPECT_TRUE(cut->truncated);
  EXPECT_TRUE(cut->answers.empty());
  auto whole = parse_answer(encode_answer(parsed->query, answer, 65535));
  EXPECT_FALSE(whole->truncated);
  EXPECT_EQ(whole->answers.size(), 64u) << "no more than the bound is read";
}

TEST(Message, BrokenOnesAreRefusedOrIgnored) {
  EXPECT_FALSE(parse_query("short"));
  std::string query = encode_query(7, "a.b", 1);
  EXPECT_EQ(parse_query(query.substr(0, 15))->error, Rcode::kFormatError);
  std::string loop = query.substr(0, 12) + "\xc0\x0c" + std::string(4, '\0');
  EXPECT_EQ(parse_query(loop)->error, Rcode::kFormatError);
  query[2] = static_cast<char>(0x80);
  EXPECT_FALSE(parse_query(query)) << "an answer gets none";
}

TEST(Upstreams, OfResolvConf) {
  auto servers =
      parse_nameservers("# x\nnameserver 10.0.0.1\nnameserver\t::1 # y\nnameservers 1.1.1.1\nnameserver bad\nnameserver 1.2.3.4\nnameserver 5.6.7.8");
  ASSERT_EQ(servers.size(), 3u);
  EXPECT_EQ(servers[1].str(), "::1");
}

TEST(Upstreams, TheHostsStubIsNeverAsked) {
  auto root = *make_temporary_directory(::testing::TempDir(), "upstreams-");
  ASSERT_TRUE(make_directories(root + "/etc") && make_directories(root + "/run/systemd/resolve"));
  auto servers = [&] {
    std::string out;
    for (const auto& address : host_nameservers(root, {*IpAddress::parse("10.43.0.10")})) out += address.str() + " ";
    return out;
  };
  EXPECT_EQ("", servers());
  ASSERT_TRUE(write_file(root + "/etc/resolv.conf", "nameserver 127.0.0.53\n"));
  EXPECT_EQ("", servers());
  ASSERT_TRUE(write_file(root + "/run/systemd/resolve/resolv.conf", "nameserver 10.43.0.10\nnameserver 192.0.2.1\nnameserver 127.0.0.54\n"));
  EXPECT_EQ("192.0.2.1 ", servers());
  // A server on loopback that is no stub (dnsmasq, unbound) is asked.
  ASSERT_TRUE(write_file(root + "/etc/resolv.conf", "nameserver 127.0.0.1\n"));
  EXPECT_EQ("127.0.0.1 ", servers());
  EXPECT_TRUE(remove_tree(root));
}

TEST(RecordTable, ReverseNamesGoBothWays) {
  for (const char* text : {"10.43.0.9", "fd00::1:2"}) {
    auto address = *IpAddress::parse(text);
    EXPECT_EQ(parse_reverse_name(reverse_name(address)), address);
  }
  EXPECT_FALSE(parse_reverse_name("1.2.3.in-addr.arpa"));
}

}  // namespace
}  // namespace reigen::dns
