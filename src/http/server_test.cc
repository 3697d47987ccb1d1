#include "http/server.h"

#include <gtest/gtest.h>

#include "http/test_support.h"

namespace reigen::http {
namespace {

using test::Folder;
using test::shell;

void serve(std::shared_ptr<Request> request, std::shared_ptr<Responder> responder) {
  if (request->path == "/echo") return responder->send(200, {{"Content-Type", "text/plain"}}, request->method + " " + request->body);
  if (request->path == "/who") {
    std::string who = request->peer ? request->peer->common_name + "/" + request->peer->organizations.at(1) : "nobody";
    return responder->send(200, {}, who + " " + std::to_string(request->version) + " " + request->peer_error);
  }
  if (request->path == "/stream") {
    responder->start(200, {});
    for (int i = 0; i < 3; ++i) responder->write("part" + std::to_string(i) + "\n");
    return responder->finish();
  }
  if (request->path == "/big") return responder->send(200, {}, std::string(1'000'000, 'x'));
  if (request->path == "/dropped") return;
  responder->send(404, {}, "nothing here");
}

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    plain = server.listen_tcp("127.0.0.1", 0).value();
    secure = server.listen_tcp("127.0.0.1", 0, test::server_tls()).value();
  }
  std::string curl(const std::string& arguments, const std::string& path, bool tls = false) {
    std::string url = (tls ? "https://127.0.0.1:" + std::to_string(secure) : "http://127.0.0.1:" + std::to_string(plain)) + path;
    return shell("curl -sS -m 60 --cacert " + folder.path + "/ca.crt " + arguments + " '" + url + "'");
  }
  Folder folder;
  Server server{{.threads = 2, .body = {.limit = 100'000}}, serve};
  uint16_t plain = 0;
  uint16_t secure = 0;
};

TEST_F(ServerTest, AnswersBothProtocolsWithAndWithoutTls) {
  for (const char* version : {"--http1.1", "--http2-prior-knowledge"}) {
    EXPECT_EQ(curl(std::string(version) + " -d hello", "/echo"), "POST hello") << version;
    EXPECT_EQ(curl(version, "/stream"), "part0\npart1\npart2\n") << version;
    EXPECT_EQ(curl(version, "/big").size(), 1'000'000u) << version;
    EXPECT_EQ(curl(version, "/nothing"), "nothing here") << version;
    EXPECT_EQ(curl(std::string(version) + " -o /dev/null -w '%{http_code}'", "/dropped"), "500") << version;
  }
  EXPECT_EQ(curl("--http1.1", "/who", true), "nobody 11 ");
  EXPECT_EQ(curl("--http2", "/who", true), "nobody 20 ");
  EXPECT_EQ(curl("--http2", "/big", true).size(), 1'000'000u);
}

TEST_F(ServerTest, KnowsVerifiedClientCertificates) {
  std::string identity = "--cert " + folder.path + "/client.crt --key " + folder.path + "/client.key ";
  EXPECT_EQ(curl(identity + "--http1.1", "/who", true), "alice/ops 11 ");
  EXPECT_EQ(curl(identity + "--http2", "/who", true), "alice/ops 20 ");
}

TEST_F(ServerTest, TellsWhoSpeaksPlainHttpToATlsPort) {
  std::string url = "http://127.0.0.1:" + std::to_string(secure) + "/echo";
  for (const char* request : {"-d hello", "-X OPTIONS", "", "-T /dev/null"}) {
    EXPECT_EQ(shell("curl -sS -m 60 -w '%{http_code} %{http_version}' " + std::string(request) + " " + url),
              "Client sent an HTTP request to an HTTPS server.\n400 1")
        << request;
  }
  EXPECT_EQ(curl("", "/echo", true), "GET ");
}

TEST_F(ServerTest, BoundsBodies) {
  for (const char* version : {"--http1.1", "--http2-prior-knowledge"}) {
    std::string status = " -o /dev/null -w '%{http_code}' ";
    EXPECT_EQ(curl(version + status + "-d @/dev/null", "/echo"), "200") << version;
    EXPECT_EQ(shell("head -c 200000 /dev/zero | curl -s -m 60 " + std::string(version) + status + "--data-binary @- http://127.0.0.1:" + std::to_string(plain) +
                    "/echo"),
              "413")
        << version;
    EXPECT_EQ(shell("head -c 200000 /dev/zero | curl -s -m 60 -H 'Transfer-Encoding: chunked' " + std::string(version) + status +
                    "--data-binary @- http://127.0.0.1:" + std::to_string(plain) + "/echo"),
              "413")
        << version;
  }
}

TEST_F(ServerTest, HeadHasNoBodyAndLargeAnswersAreCompressedWhenAsked) {
  for (const char* version : {"--http1.1", "--http2-prior-knowledge"}) {
    std::string head = curl(std::string(version) + " -I", "/big");
    EXPECT_NE(head.find("ength: 1000000"), std::string::npos) << head;
    EXPECT_EQ(curl(std::string(version) + " --compressed -w '%{size_download}'", "/big").substr(1'000'000).size(), 4u) << version;
  }
}

TEST_F(ServerTest, ServesUnixSocketsAndStops) {
  std::string path = folder.path + "/s";
  ASSERT_TRUE(server.listen_unix(path, 0660));
  EXPECT_EQ(shell("curl -sS -m 60 --unix-socket " + path + " -d x http://d/echo"), "POST x");
  server.stop(std::chrono::seconds(60));
  EXPECT_FALSE(path_exists(path));
  EXPECT_EQ(server.connections(), 0u);
}

}  // namespace
}  // namespace reigen::http
