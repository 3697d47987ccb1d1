#include <gtest/gtest.h>

#include "docker/call.h"
#include "docker/event_filter.h"
#include "docker/event_log.h"
#include "docker/go_json.h"
#include "docker/host_facts.h"
#include "docker/router.h"
#include "docker/version_table.h"

namespace reigen::docker {
namespace {

TEST(ApiVersion, IsNegotiatedByThePath) {
  EXPECT_EQ(negotiate("v1.41")->str(), "1.41");
  EXPECT_EQ(negotiate("v1.24")->minor, 24);
  EXPECT_EQ(negotiate("v1.41x").error().code(), Code::kNotFound);
  EXPECT_EQ(negotiate("v1.99").error().message(), "client version 1.99 is too new. Maximum supported API version is 1.50");
  EXPECT_EQ(negotiate("v1.11").error().message(),
            "client version 1.11 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version");
  EXPECT_FALSE(negotiate("v99999999999999999999.1"));
  EXPECT_FALSE(negotiate("v"));
}

TEST(Router, MatchesNamesWithSlashes) {
  std::vector<std::string> params;
  std::vector<std::string> path{"images", "reg:5000", "a", "b", "json"};
  EXPECT_TRUE(match_pattern("/images/{*}/json", path, params));
  EXPECT_EQ(params, std::vector<std::string>{"reg:5000/a/b"});
  EXPECT_FALSE(match_pattern("/images/{}/json", path, params));
  EXPECT_FALSE(match_pattern("/images/{*}/history", path, params));
  std::vector<std::string> bare{"images", "json"};
  EXPECT_FALSE(match_pattern("/images/{*}/json", bare, params));
  EXPECT_TRUE(match_pattern("/images/json", bare, params));
}

Result<Match> find(const std::string& method, const std::string& target) {
  http::Request request;
  request.method = method;
  request.target = target;
  EXPECT_TRUE(http::parse_target(request));
  return Router::all().find(request);
}

TEST(Router, AnswersLikeDocker) {
  EXPECT_EQ(find("GET", "/v1.41/version")->version.minor, 41);
  EXPECT_EQ(find("GET", "/version")->version, kNewestVersion);
  EXPECT_EQ(find("GET", "/v1.41/nosuch").error().message(), "page not found");
  EXPECT_EQ(find("GET", "/v1.41/version/").error().message(), "page not found");
  EXPECT_TRUE(find("GET", "/v1.41/networks/").has_value());
  EXPECT_EQ(find("DELETE", "/v1.41/version").error().code(), Code::kNotFound);
  EXPECT_EQ(find("GET", "/v1.24/secrets").error().code(), Code::kNotFound);
  EXPECT_TRUE(find("GET", "/v1.25/secrets"));
  EXPECT_FALSE(find("GET", "/"));
  EXPECT_FALSE(find("GET", "/v1.41"));
}

TEST(GoJson, WritesTimesAsGo) {
  EXPECT_EQ(go_time(WallTime(std::chrono::seconds(1))), "1970-01-01T00:00:01Z");
  EXPECT_EQ(go_time(WallTime(std::chrono::nanoseconds(1'500'000'000))), "1970-01-01T00:00:01.5Z");
  EXPECT_EQ(go_time(WallTime(std::chrono::nanoseconds(1))), "1970-01-01T00:00:00.000000001Z");
  EXPECT_EQ(message_json("a < b & \"c\""), "{\"message\":\"a < b & \\\"c\\\"\"}\n");
}

TEST(GoJson, NamesWhatIsWrongWithABody) {
  EXPECT_EQ(read_json("").error().message(), "invalid JSON: got EOF while reading request body");
  EXPECT_EQ(read_json("{\"Image\": ").error().message(), "invalid JSON: unexpected EOF");
  EXPECT_EQ(read_json("{} {}").error().message(), "unexpected content after JSON");
  EXPECT_TRUE(read_json("{\"Image\":5}\n"));
}

TEST(VersionTable, DropsAndAdds) {
  auto make = [] { return *api::parse_json(R"([{"EnableIPv4":true,"Ingress":false},{"EnableIPv4":true}])"); };
  auto list = make();
  bring_down(list, "network.list", {1, 41});
  EXPECT_EQ(api::to_json(list), R"([{"Ingress":false},{}])");
  list = make();
  bring_down(list, "network.list", {1, 50});
  EXPECT_EQ(list, make());
  auto inspect = *api::parse_json(R"({"HostConfig":{"Annotations":{}},"NetworkSettings":{"Networks":{"a":{"DNSNames":[],"GwPriority":0}}}})");
  bring_down(inspect, "container.inspect", {1, 41});
  EXPECT_EQ(api::to_json(inspect), R"({"HostConfig":{"KernelMemory":0,"KernelMemoryTCP":0},"NetworkSettings":{"Networks":{"a":{}}}})");
}

TEST(VersionTable, PutsAConstantInPlaceOfNull) {
  auto make = [] { return *api::parse_json(R"({"RegistryConfig":{"Mirrors":null}})"); };
  auto info = make();
  bring_down(info, "info", {1, 41});
  EXPECT_EQ(api::to_json(*info.find("RegistryConfig")->find("Mirrors")), "[]");
  info = make();
  bring_down(info, "info", {1, 42});
  EXPECT_TRUE(info.find("RegistryConfig")->find("Mirrors")->is_null());
}

TEST(HostFacts, ReadsListsOfCpus) {
  EXPECT_EQ(parse_cpu_list("0-2,5"), (std::vector<int>{0, 1, 2, 5}));
  EXPECT_EQ(parse_cpu_list("3"), std::vector<int>{3});
  for (const char* bad : {"", "a", "1-", "3-1", "1,,2", "-1", "0-99999"}) EXPECT_TRUE(parse_cpu_list(bad).empty()) << bad;
  EXPECT_GT(host_facts().memory, 0);
}

TEST(EventLog, KeepsFollowsAndCutsOff) {
  EventLog log(system_clock());
  for (size_t i = 0; i < EventLog::kKept + 10; ++i) log.add({.type = "container", .action = "a", .id = std::to_string(i)});
  EXPECT_EQ(log.past(WallTime(Duration(1)), WallTime::max()).size(), EventLog::kKept);
  int woken = 0;
  auto follower = log.follow({}, [&] { ++woken; });
  bool lost = false;
  EXPECT_TRUE(follower->take(lost).empty());
  for (size_t i = 0; i < EventLog::kQueue + 1; ++i) log.add({.type = "image", .action = "pull", .id = "x"});
  EXPECT_EQ(woken, 1);
  auto events = follower->take(lost);
  EXPECT_EQ(events.size(), EventLog::kQueue);
  EXPECT_TRUE(lost);
  for (size_t i = 1; i < events.size(); ++i) EXPECT_LT(events[i - 1]->time, events[i]->time);
  follower.reset();
  EXPECT_EQ(log.followers(), 0u);
}

TEST(EventFilter, FollowsDockersRules) {
  Event start{.type = "container", .action = "exec_start: sh", .id = "abcdef", .attributes = {{"name", "web"}, {"image", "redis:6"}, {"run", "x"}}};
  auto wants = [&](const char* json) { return wants_event(*Filters::parse(json), start); };
  EXPECT_TRUE(wants(""));
  EXPECT_TRUE(wants(R"({"container":["abc"]})"));
  EXPECT_TRUE(wants(R"({"container":["web"],"type":["container"]})"));
  EXPECT_FALSE(wants(R"({"container":["db"]})"));
  EXPECT_TRUE(wants(R"({"event":["exec_start"]})"));
  EXPECT_FALSE(wants(R"({"event":["start"]})"));
  EXPECT_TRUE(wants(R"({"image":["redis"]})"));
  EXPECT_TRUE(wants(R"({"image":{"redis:6":true}})"));
  EXPECT_FALSE(wants(R"({"image":["redis:7"]})"));
  EXPECT_TRUE(wants(R"({"label":["run=x"]})"));
  EXPECT_FALSE(wants(R"({"label":["run=y"]})"));
}

}  // namespace
}  // namespace reigen::docker
