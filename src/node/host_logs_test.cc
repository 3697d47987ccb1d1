#include "node/host_logs.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <future>

#include "base/byte_stream.h"
#include "base/files.h"

namespace reigen::node {
namespace {

struct HostLogsTest : testing::Test {
  std::string root = *make_temporary_directory("/tmp", "reigen-host-logs-");
  ThreadExecutor executor{1, "logs"};
  ~HostLogsTest() override { (void)remove_tree(root); }

  apiserver::NodeHttpResponse get(std::string_view path) { return serve_host_log(executor, root, path); }
  std::string text(const apiserver::NodeHttpResponse& response) {
    std::string out;
    for (;;) {
      std::promise<std::string> piece;
      response.stream->read(4096, [&](Result<std::string> bytes) { piece.set_value(bytes.value_or("")); });
      std::string bytes = piece.get_future().get();
      if (bytes.empty()) return out;
      out += bytes;
    }
  }
};

TEST_F(HostLogsTest, AFolderIsAPageOfLinks) {
  ASSERT_TRUE(make_directories(root + "/journal"));
  ASSERT_TRUE(write_file(root + "/a<b>.log", "x"));
  auto page = get("");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  EXPECT_NE(page.body.find("<a href=\"a%3Cb%3E.log\">a&lt;b&gt;.log</a>\n<a href=\"journal/\">journal/</a>\n"), std::string::npos) << page.body;
}

TEST_F(HostLogsTest, AFileIsItsBytes) {
  std::string content(300'000, 'y');
  ASSERT_TRUE(make_directories(root + "/apt"));
  ASSERT_TRUE(write_file(root + "/apt/term log", content));
  auto file = get("apt/term%20log");
  EXPECT_EQ(file.status, 200);
  EXPECT_EQ(file.content_type, "text/plain; charset=utf-8");
  ASSERT_TRUE(file.stream);
  EXPECT_EQ(text(file), content);
  ASSERT_TRUE(write_file(root + "/wtmp", std::string("\0\1\2", 3)));
  EXPECT_EQ(get("wtmp").content_type, "application/octet-stream");
}

TEST_F(HostLogsTest, SlashesAreAsked) {
  ASSERT_TRUE(make_directories(root + "/apt"));
  ASSERT_TRUE(write_file(root + "/syslog", "x"));
  EXPECT_EQ(get("apt").status, 301);
  EXPECT_EQ(get("apt").location, "apt/");
  EXPECT_EQ(get("syslog/").location, "../syslog");
}

TEST_F(HostLogsTest, NothingAboveTheRootAndNoDevices) {
  ASSERT_TRUE(write_file(root + "/syslog", "mine"));
  EXPECT_EQ(text(get("../../../syslog")), "mine");
  EXPECT_EQ(text(get("%2e%2e/%2e%2e/syslog")), "mine");
  EXPECT_EQ(get("../etc/passwd").status, 404);
  EXPECT_EQ(get("none").status, 404);
  EXPECT_EQ(get("syslog/below").status, 404);
  EXPECT_EQ(get("a%00b").status, 400);
  EXPECT_EQ(get("%zz").status, 400);
  ASSERT_EQ(::mkfifo((root + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(get("pipe").status, 404);
}

}  // namespace
}  // namespace reigen::node
