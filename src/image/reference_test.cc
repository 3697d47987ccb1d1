#include "image/reference.h"

#include <gtest/gtest.h>

namespace reigen::image {
namespace {

TEST(Reference, ReadsNamesAsDockerDoes) {
  std::string digest = "sha256:" + std::string(64, 'a');
  struct {
    std::string text, whole, familiar;
  } cases[] = {
      {"redis", "docker.io/library/redis:latest", "redis:latest"},
      {"redis:7", "docker.io/library/redis:7", "redis:7"},
      {"me/redis", "docker.io/me/redis:latest", "me/redis:latest"},
      {"index.docker.io/library/redis", "docker.io/library/redis:latest", "redis:latest"},
      {"docker.io/redis", "docker.io/library/redis:latest", "redis:latest"},
      {"localhost/x", "localhost/x:latest", "localhost/x:latest"},
      {"localhost:5000/a/b:c", "localhost:5000/a/b:c", "localhost:5000/a/b:c"},
      {"127.0.0.1:5000/x", "127.0.0.1:5000/x:latest", "127.0.0.1:5000/x:latest"},
      {"[::1]:5000/x:1", "[::1]:5000/x:1", "[::1]:5000/x:1"},
      {"registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"},
      {"redis@" + digest, "docker.io/library/redis@" + digest, "redis@" + digest},
      {"redis:7@" + digest, "docker.io/library/redis:7@" + digest, "redis:7@" + digest},
      {"UPPER/x", "UPPER/x:latest", "UPPER/x:latest"},
      {"a__b/c---d/e.f", "docker.io/a__b/c---d/e.f:latest", "a__b/c---d/e.f:latest"},
  };
  for (const auto& c : cases) {
    auto out = parse_reference(c.text);
    ASSERT_TRUE(out) << c.text << ": " << out.error().message();
    EXPECT_EQ(out->str(), c.whole);
    EXPECT_EQ(out->familiar(), c.familiar);
    EXPECT_EQ(*parse_reference(out->str()), *out);
  }
}

TEST(Reference, RefusesWhatDockerRefuses) {
  struct {
    std::string text, error;
  } cases[] = {
      {"", "invalid reference format"},
      {"a b", "invalid reference format"},
      {"x:", "invalid reference format"},
      {"-x", "invalid reference format"},
      {"a___b", "invalid reference format"},
      {"a..b", "invalid reference format"},
      {"x:-tag", "invalid reference format"},
      {"x/:y", "invalid reference format"},
      {"http://x/y", "invalid reference format"},
      {"x:" + std::string(129, 'a'), "invalid reference format"},
      {"Redis", "invalid reference format: repository name (Redis) must be lowercase"},
      {"x@sha256:abc", "invalid checksum digest length"},
      {std::string(64, 'a'), "invalid repository name (" + std::string(64, 'a') + "), cannot specify 64-byte hexadecimal strings"},
      {"h.x/" + std::string(300, 'a'), "repository name must not be more than 255 characters"},
  };
  for (const auto& c : cases) {
    auto out = parse_reference(c.text);
    ASSERT_FALSE(out) << c.text;
    EXPECT_EQ(out.error().message(), c.error) << c.text;
  }
}

}  // namespace
}  // namespace reigen::image
