#include "dns/docker_names.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "api/dockerv1.h"
#include "dns/docker_records.h"

namespace reigen::dns {
namespace {

using api::dockerv1::Container;
using api::dockerv1::EndpointStatus;
using api::dockerv1::NetworkRequest;

std::string id_of(const std::string& head) { return head + std::string(64 - head.size(), '0'); }

Container container(const std::string& id, const std::string& name, const std::string& address, const std::vector<std::string>& aliases,
                    const std::string& network = "app") {
  Container made;
  made.metadata.name = id_of(id);
  made.spec.docker_name = name;
  made.spec.config.raw = R"({"Hostname":"H-)" + name + R"(","Image":"x"})";
  NetworkRequest request;
  request.network = network;
  request.aliases = aliases;
  made.spec.networks = {request};
  EndpointStatus endpoint;
  endpoint.network = network;
  endpoint.network_id = id_of("f" + network);
  endpoint.ip_address = address;
  made.status.networks = {endpoint};
  return made;
}

std::string text_of(const std::vector<Container>& containers) {
  std::vector<std::string> all;
  for (const Container& one : containers)
    for (const std::string& line : docker_lines(one)) all.push_back(line);
  std::ranges::sort(all);
  std::string text;
  for (const std::string& line : all) text += line;
  return text;
}

std::string ask(const std::string& text, const network::SandboxNames& asker, const std::string& name, Type type = Type::kA, uint32_t shuffle = 0) {
  auto parsed = parse_query(encode_query(1, name, static_cast<uint16_t>(type)));
  auto answer = find_docker_name(DockerNames(text), asker, parsed->query, shuffle);
  if (!answer) return "forward";
  std::string out;
  for (const Record& record : answer->answers) {
    EXPECT_EQ(record.ttl_s, 600u);
    if (!out.empty()) out += " ";
    if (record.type == Type::kA) {
      for (size_t i = 0; i < 4; i++) out += (i ? "." : "") + std::to_string(static_cast<uint8_t>(record.data[i]));
    } else {
      out += record.type == Type::kPtr ? record.data : "v6";
    }
  }
  return out;
}

network::SandboxNames asker(const std::vector<std::string>& networks) {
  network::SandboxNames names;
  names.sandbox = "s";
  for (const std::string& network : networks) names.networks.push_back(id_of("f" + network));
  return names;
}

TEST(DockerNames, ContainersAliasesShortIdsAndHostnames) {
  std::string text = text_of({container("aaaa1", "web1", "172.18.0.2", {"Web", "one"}), container("bbbb2", "web2", "172.18.0.3", {"web", "two"})});
  auto me = asker({"app"});
  for (const char* name : {"web1", "WEB1", "one", "aaaa10000000", "h-web1", "web1.app", "one.app"}) EXPECT_EQ(ask(text, me, name), "172.18.0.2") << name;
  EXPECT_EQ(ask(text, me, "web"), "172.18.0.2 172.18.0.3");
  EXPECT_EQ(ask(text, me, "web", Type::kA, 1), "172.18.0.3 172.18.0.2") << "rotation";
  EXPECT_EQ(ask(text, me, "web", Type::kAaaa), "") << "known, without such an address";
  EXPECT_EQ(ask(text, me, "web", Type::kTxt), "");
  EXPECT_EQ(ask(text, me, "we"), "forward");
  EXPECT_EQ(ask(text, me, "example.com"), "forward");
  EXPECT_EQ(ask(text, me, ""), "forward");
  EXPECT_EQ(ask(text, me, "2.0.18.172.in-addr.arpa", Type::kPtr), encode_name("web1.app"));
  EXPECT_EQ(ask(text, me, "9.0.18.172.in-addr.arpa", Type::kPtr), "forward");
}

TEST(DockerNames, OfTheAskersNetworksTheFirstThatKnowsTheName) {
  std::string text = text_of({container("a", "db", "172.18.0.2", {}, "back"), container("b", "db", "172.19.0.2", {}, "front")});
  EXPECT_EQ(ask(text, asker({"back", "front"}), "db"), "172.18.0.2");
  EXPECT_EQ(ask(text, asker({"front", "back"}), "db"), "172.19.0.2");
  EXPECT_EQ(ask(text, asker({"other"}), "db"), "forward");
  EXPECT_EQ(ask(text, asker({"other"}), "2.0.18.172.in-addr.arpa", Type::kPtr), "forward");
}

TEST(DockerNames, LinksAreTheAskersOwn) {
  std::string text = text_of({container("a1", "redis", "172.18.0.2", {}), container("b1", "db", "172.18.0.3", {})});
  auto me = asker({"app"});
  me.links = {{"DB", id_of("a1")}, {"gone", id_of("c1")}};
  EXPECT_EQ(ask(text, me, "db"), "172.18.0.2") << "before the name of another";
  EXPECT_EQ(ask(text, me, "gone"), "forward");
}

TEST(DockerNames, NobodyWithoutAnAddressAndNobodyOnTheDefaultNetwork) {
  Container ended = container("a", "web", "", {"x"});
  EXPECT_TRUE(docker_lines(ended).empty());
  EXPECT_TRUE(docker_lines(container("a", "web", "172.17.0.2", {"x"}, "bridge")).empty());
  Container odd = container("a", "web", "172.18.0.2", {"a b", "c\nd", "ok"});
  odd.spec.config.raw = "not json";
  std::string text = text_of({odd});
  EXPECT_EQ(text.find("a b"), std::string::npos);
  EXPECT_EQ(std::ranges::count(text, '\n'), 8) << text;
}

TEST(DockerNames, ManyLinesAreFoundByHalving) {
  std::vector<Container> all;
  for (int i = 0; i < 300; i++)
    all.push_back(
        container("c" + std::to_string(i) + "x", "n" + std::to_string(i), "172.18." + std::to_string(i / 200) + "." + std::to_string(i % 200 + 2), {"all"}));
  std::string text = text_of(all);
  for (int i = 0; i < 300; i++) EXPECT_EQ(ask(text, asker({"app"}), "n" + std::to_string(i)), all[static_cast<size_t>(i)].status.networks[0].ip_address);
  EXPECT_EQ(DockerNames(text).addresses(id_of("fapp"), "all").size(), 300u);
}

}  // namespace
}  // namespace reigen::dns
