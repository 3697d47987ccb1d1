#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apiserver/docker_error.h"
#include "docker/build_request.h"
#include "docker/image_host.h"
#include "docker/json_progress.h"
#include "docker/registry_auth.h"
#include "docker/router.h"

namespace reigen::docker {
namespace {

TEST(JsonProgress, DrawsDockersBar) {
  EXPECT_EQ(human_size(0), "0B");
  EXPECT_EQ(human_size(999), "999B");
  EXPECT_EQ(human_size(32'770), "32.77kB");
  EXPECT_EQ(human_size(1'234'567), "1.235MB");
  EXPECT_EQ(progress_bar(0, 0), "");
  EXPECT_EQ(progress_bar(500, 1000), "[" + std::string(25, '=') + ">" + std::string(25, ' ') + "]     500B/1kB");
  EXPECT_EQ(progress_bar(7, 0), "      7B");
}

TEST(RegistryAuth, ReadsWhatClientsSend) {
  // {"username":"me","password":"p?~","serveraddress":"x"} in base64url, as docker sends it, and with the other alphabet.
  auto read = read_registry_auth("eyJ1c2VybmFtZSI6Im1lIiwicGFzc3dvcmQiOiJwP34iLCJzZXJ2ZXJhZGRyZXNzIjoieCJ9");
  EXPECT_EQ(read.username, "me");
  EXPECT_EQ(read.password, "p?~");
  EXPECT_EQ(read_registry_auth("").username, "");
  EXPECT_EQ(read_registry_auth("no json").username, "");
  // {"https://index.docker.io/v1/":{"auth":"bWU6c2VjcmV0"},"localhost:5000":{"identitytoken":"t"}}
  auto config =
      RegistryConfig::read("eyJodHRwczovL2luZGV4LmRvY2tlci5pby92MS8iOnsiYXV0aCI6ImJXVTZjMlZqY21WMCJ9LCJsb2NhbGhvc3Q6NTAwMCI6eyJpZGVudGl0eXRva2VuIjoidCJ9fQ==");
  auto hub = config.find(*image::parse_reference("redis"));
  ASSERT_EQ(hub.size(), 1u);
  EXPECT_EQ(hub[0].username, "me");
  EXPECT_EQ(hub[0].password, "secret");
  EXPECT_EQ(config.find(*image::parse_reference("localhost:5000/x"))[0].identity_token, "t");
  EXPECT_TRUE(config.find(*image::parse_reference("other.io/x")).empty());
}

TEST(RegistryAuth, ErrorsHaveDockersStatus) {
  EXPECT_EQ(apiserver::docker_status(registry_error(Error(Code::kUnauthenticated, "x"))), 404);
  EXPECT_EQ(apiserver::docker_status(registry_error(Error(Code::kUnavailable, "x"))), 500);
  EXPECT_EQ(registry_error(Error(Code::kNotFound, "x")).code(), Code::kNotFound);
}

TEST(ImageHost, NamesAsUsersKnowThem) {
  EXPECT_EQ(ImageHost::shown_name("x"), "x:latest");
  EXPECT_EQ(ImageHost::shown_name("docker.io/library/x:1"), "x:1");
  EXPECT_EQ(ImageHost::shown_name("sha256:ab"), "sha256:ab");
  EXPECT_EQ(familiar("docker.io/library/redis:6"), "redis:6");
}

TEST(ImageRoutes, FindNamesWithSlashes) {
  auto find = [](const std::string& method, const std::string& target) {
    http::Request request;
    request.method = method;
    request.target = target;
    EXPECT_TRUE(http::parse_target(request));
    auto match = Router::all().find(request);
    return match ? std::string(match->route->pattern) + " " + (match->params.empty() ? "" : match->params[0]) : match.error().message();
  };
  EXPECT_EQ(find("GET", "/v1.41/images/json"), "/images/json ");
  EXPECT_EQ(find("GET", "/v1.41/images/localhost:5000/a/b:1/json"), "/images/{*}/json localhost:5000/a/b:1");
  EXPECT_EQ(find("GET", "/v1.41/images/get"), "/images/get ");
  EXPECT_EQ(find("DELETE", "/v1.41/images/a/get"), "/images/{*} a/get");
  EXPECT_EQ(find("POST", "/v1.24/build"), "/build ");
  EXPECT_EQ(find("POST", "/v1.30/build/prune"), "page not found");
}

}  // namespace
}  // namespace reigen::docker
