#include "client/http_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "api/corev1.h"
#include "api/errors.h"
#include "client/client.h"
#include "http/server.h"

namespace reigen::client {
namespace {

using api::corev1::Pod;
using testing::ElementsAre;
using testing::HasSubstr;

// Answers every request as the test says, and remembers the last.
class HttpTransportTest : public testing::Test {
 protected:
  HttpTransportTest()
      : server_({}, [this](std::shared_ptr<http::Request> request, std::shared_ptr<http::Responder> responder) {
          std::lock_guard lock(mutex_);
          last_ = *request;
          if (!chunks_.empty()) {
            responder->start(200, {{"Content-Type", "application/json"}});
            for (auto& chunk : chunks_) responder->write(chunk);
            responder->finish();
            return;
          }
          responder->send(status_, {{"Content-Type", "application/json"}, {"Warning", "299 - \"careful, \\\"you\\\"\""}}, body_);
        }) {
    auto port = server_.listen_tcp("127.0.0.1", 0);
    transport_ = std::move(*HttpTransport::create({.config = {.server = "http://127.0.0.1:" + std::to_string(*port), .token = "secret"}}));
  }
  void answer(int status, std::string body) {
    status_ = status;
    body_ = std::move(body);
  }
  http::Request last() {
    std::lock_guard lock(mutex_);
    return last_;
  }

  std::mutex mutex_;
  http::Request last_;
  int status_ = 200;
  std::string body_;
  std::vector<std::string> chunks_;
  http::Server server_;
  std::unique_ptr<HttpTransport> transport_;
};

constexpr const char* kPod = R"({"kind":"Pod","apiVersion":"v1","metadata":{"name":"web","namespace":"default","resourceVersion":"7"}})";

TEST_F(HttpTransportTest, ReadsAndWrites) {
  Client client(*transport_, "tester");
  answer(200, kPod);
  auto pod = client.get<Pod>("default", "web");
  ASSERT_TRUE(pod) << pod.error().message();
  EXPECT_EQ((*pod)->metadata.resource_version, "7");
  EXPECT_EQ(last().target, "/api/v1/namespaces/default/pods/web");
  EXPECT_EQ(last().headers.get("Authorization"), "Bearer secret");
  ASSERT_TRUE(client.create(**pod));
  EXPECT_EQ(last().target, "/api/v1/namespaces/default/pods?fieldManager=tester");
  EXPECT_THAT(last().body, HasSubstr("\"kind\":\"Pod\""));
  ASSERT_TRUE(client.patch<Pod>("default", "web", PatchType::kMerge, "{}"));
  EXPECT_EQ(last().method, "PATCH");
  EXPECT_EQ(last().headers.get("Content-Type"), "application/merge-patch+json");
  ASSERT_TRUE(client.remove<Pod>("default", "web", {.grace_period_seconds = 0, .propagation = "Foreground", .uid = "u"}));
  EXPECT_THAT(last().body, HasSubstr(R"("gracePeriodSeconds":0,"preconditions":{"uid":"u"},"propagationPolicy":"Foreground")"));
}

TEST_F(HttpTransportTest, ListsAndWarnings) {
  answer(200, std::string(R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"9","continue":"c","remainingItemCount":4},"items":[)") +
                  R"({"metadata":{"name":"a"}},{"metadata":{"name":"b"}}]})");
  Request request;
  request.verb = Verb::kList;
  request.kind = &api::kind_of<Pod>();
  request.label_selector = "a=b";
  request.limit = 2;
  auto list = transport_->call(request);
  ASSERT_TRUE(list) << list.error().message();
  EXPECT_EQ(last().target, "/api/v1/pods?labelSelector=a%3Db&limit=2");
  ASSERT_EQ(list->items.size(), 2u);
  EXPECT_EQ(list->items[1].as<Pod>().metadata.name, "b");
  EXPECT_EQ(list->resource_version, "9");
  EXPECT_EQ(list->continue_, "c");
  EXPECT_EQ(list->remaining_items, 4);
  EXPECT_THAT(list->warnings, ElementsAre("careful, \"you\""));
}

TEST_F(HttpTransportTest, ErrorsCarryTheirStatus) {
  answer(404, R"({"kind":"Status","apiVersion":"v1","status":"Failure","message":"pods \"web\" not found","reason":"NotFound","code":404})");
  auto pod = Client(*transport_).get<Pod>("default", "web");
  ASSERT_FALSE(pod);
  EXPECT_TRUE(api::is_not_found(pod.error()));
  EXPECT_EQ(pod.error().message(), "pods \"web\" not found");
  server_.stop();
  auto unreachable = Client(*transport_).get<Pod>("default", "web");
  EXPECT_EQ(unreachable.error().code(), Code::kUnavailable);
  EXPECT_EQ(api::find_status(unreachable.error()), nullptr);
}

struct Recorder : WatchSink {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> seen;
  bool done = false;
  void add(std::string text) {
    std::lock_guard lock(mutex);
    seen.push_back(std::move(text));
  }
  void event(WatchType type, api::Object object) override { add((type == WatchType::kAdded ? "+" : "~") + object.meta().name); }
  void bookmark(std::string version, bool end) override { add("bookmark " + version + (end ? " end" : "")); }
  void closed(std::optional<Error> error) override {
    add(error ? "closed " + std::string(to_string(error->code())) : "closed");
    std::lock_guard lock(mutex);
    done = true;
    changed.notify_all();
  }
  std::vector<std::string> wait() {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::seconds(60), [&] { return done; });
    return seen;
  }
};

TEST_F(HttpTransportTest, WatchesAcrossChunks) {
  std::string added = std::string(R"({"type":"ADDED","object":)") + kPod + "}\n";
  chunks_ = {added.substr(0, 30),
             added.substr(30) + R"({"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"8",)" +
                 R"("annotations":{"k8s.io/initial-events-end":"true"}}}})" + "\n",
             R"({"type":"ERROR","object":{"kind":"Status","reason":"Expired","message":"too old","code":410}})"
             "\n"};
  auto sink = std::make_shared<Recorder>();
  Request request;
  request.kind = &api::kind_of<Pod>();
  request.resource_version = "5";
  auto watch = transport_->watch(request, sink);
  ASSERT_TRUE(watch) << watch.error().message();
  EXPECT_THAT(sink->wait(), ElementsAre("+web", "bookmark 8 end", "closed " + std::string(to_string(Code::kGone))));
  EXPECT_EQ(last().target, "/api/v1/pods?resourceVersion=5&watch=true&allowWatchBookmarks=true");
}

TEST_F(HttpTransportTest, ARefusedWatchSaysWhy) {
  answer(410, R"({"kind":"Status","status":"Failure","message":"too old","reason":"Expired","code":410})");
  Request request;
  request.kind = &api::kind_of<Pod>();
  auto watch = transport_->watch(request, std::make_shared<Recorder>());
  ASSERT_FALSE(watch);
  EXPECT_EQ(watch.error().code(), Code::kGone);
}

TEST(Kubeconfig, ReadsTheCurrentContext) {
  constexpr const char* kText = R"(
apiVersion: v1
kind: Config
current-context: two
contexts:
- {name: one, context: {cluster: c, user: bad}}
- {name: two, context: {cluster: c, user: u, namespace: n}}
clusters:
- {name: c, cluster: {server: "https://h:6443/", certificate-authority-data: cGVt}}
users:
- {name: u, user: {token: t}}
- {name: bad, user: {exec: {command: x}}}
)";
  auto config = parse_kubeconfig(kText);
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->server, "https://h:6443");
  EXPECT_EQ(config->ca_pem, "pem");
  EXPECT_EQ(config->token, "t");
  EXPECT_EQ(config->namespace_, "n");
  EXPECT_EQ(parse_kubeconfig(kText, "one").error().code(), Code::kUnimplemented);
  EXPECT_EQ(parse_kubeconfig(kText, "three").error().code(), Code::kNotFound);
  EXPECT_EQ(parse_kubeconfig("[").error().code(), Code::kInvalidArgument);
  EXPECT_EQ(parse_kubeconfig("a").error().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace reigen::client
