#include "apiserver/api_server.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "api/corev1.h"
#include "api/errors.h"
#include "api/metav1.h"
#include "apiserver/continue_token.h"
#include "apiserver/local_transport.h"
#include "apiserver/media_type.h"
#include "apiserver/request_info.h"
#include "apiserver/user.h"
#include "base/sim_executor.h"
#include "http/message.h"
#include "store/embedded_store.h"

namespace reigen::apiserver {
namespace {

using api::corev1::ConfigMap;

// A server over a store that commits on the caller's thread unless said otherwise, under a simulated clock.
class ApiServerTest : public testing::Test {
 protected:
  explicit ApiServerTest(bool inline_commit = true) {
    std::filesystem::remove_all(directory_);
    auto store = store::EmbeddedStore::open({.directory = directory_, .executor = inline_commit ? &executor_ : nullptr, .inline_commit = inline_commit});
    EXPECT_TRUE(store);
    store_ = std::move(*store);
    server_ = std::make_unique<ApiServer>(ApiServerOptions{}, *store_, executor_, random_);
    transport_ = server_->local_transport({.name = "test", .uid = {}, .groups = {}, .extra = {}});
  }
  ~ApiServerTest() override {
    transport_.reset();
    executor_.run_ready();
    server_.reset();
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  client::Request request(client::Verb verb, std::string name = {}) {
    client::Request out;
    out.verb = verb;
    out.kind = &api::kind_of<ConfigMap>();
    out.namespace_ = "default";
    out.name = std::move(name);
    return out;
  }
  Result<client::Response> create(std::string name, std::string generate = {}) {
    client::Request out = request(client::Verb::kCreate);
    ConfigMap map;
    map.metadata.name = std::move(name);
    map.metadata.generate_name = std::move(generate);
    out.body = api::Object::of(std::move(map));
    return transport_->call(out);
  }

  std::string directory_ = testing::TempDir() + "apiserver_test_" + std::to_string(getpid());
  SimExecutor executor_;
  SeededRandom random_{7};
  std::unique_ptr<store::EmbeddedStore> store_;
  std::unique_ptr<ApiServer> server_;
  std::unique_ptr<LocalTransport> transport_;
};

TEST_F(ApiServerTest, what_was_created_is_read_back) {
  auto created = create("a");
  ASSERT_TRUE(created) << created.error().message();
  EXPECT_EQ(created->status, 201);
  auto read = transport_->call(request(client::Verb::kGet, "a"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->object.meta().uid, created->object.meta().uid);
  EXPECT_EQ(read->object.meta().resource_version, created->object.meta().resource_version);
}

TEST_F(ApiServerTest, a_name_is_taken_once) {
  ASSERT_TRUE(create("a"));
  auto again = create("a");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().message(), "configmaps \"a\" already exists");
}

TEST_F(ApiServerTest, generated_names_begin_with_the_prefix) {
  auto created = create("", "gen-");
  ASSERT_TRUE(created);
  EXPECT_TRUE(created->object.meta().name.starts_with("gen-"));
  EXPECT_EQ(created->object.meta().name.size(), 9u);
}

TEST_F(ApiServerTest, an_update_of_an_older_version_conflicts) {
  auto created = create("a");
  ASSERT_TRUE(created);
  client::Request update = request(client::Verb::kUpdate, "a");
  update.body = created->object;
  update.body.mut<ConfigMap>().data["k"] = "1";
  ASSERT_TRUE(transport_->call(update));
  auto late = transport_->call(update);
  ASSERT_FALSE(late);
  EXPECT_EQ(api::status_of(late.error()).code, 409);
}

TEST_F(ApiServerTest, an_update_that_changes_nothing_writes_nothing) {
  auto created = create("a");
  ASSERT_TRUE(created);
  client::Request update = request(client::Verb::kUpdate, "a");
  update.body = created->object;
  auto same = transport_->call(update);
  ASSERT_TRUE(same) << same.error().message();
  EXPECT_EQ(same->object.meta().resource_version, created->object.meta().resource_version);
}

class ApiServerWithCommitsAside : public ApiServerTest {
 protected:
  ApiServerWithCommitsAside() : ApiServerTest(false) {}
};

// Who is told of a conflict reads again, and has to find what it lost against.
TEST_F(ApiServerWithCommitsAside, a_conflict_is_told_when_what_it_is_with_can_be_read) {
  auto created = create("a");
  ASSERT_TRUE(created);
  client::Request stale = request(client::Verb::kUpdate, "a");
  stale.body = created->object;
  stale.body.mut<ConfigMap>().data["k"] = "1";
  ASSERT_TRUE(transport_->call(stale));
  const std::string key = "/registry/configmaps/default/a";
  for (int i = 0; i < 100; ++i) {
    auto entry = *store_->get(key);
    ASSERT_TRUE(entry);
    store_->write({.key = key, .value = entry->value}, [](Result<store::Commit>) {});
    auto written = (*store_->get_latest(key))->mod_revision;
    auto late = transport_->call(stale);
    ASSERT_FALSE(late);
    EXPECT_EQ(api::status_of(late.error()).code, 409);
    EXPECT_GE(store_->current_revision(), written) << i;
  }
}

TEST_F(ApiServerTest, pages_of_a_list_show_one_state) {
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(create(name));
  client::Request list = request(client::Verb::kList);
  list.limit = 2;
  auto first = transport_->call(list);
  ASSERT_TRUE(first);
  ASSERT_EQ(first->items.size(), 2u);
  EXPECT_EQ(first->remaining_items, 1);
  ASSERT_TRUE(create("bb"));
  list.continue_ = first->continue_;
  auto second = transport_->call(list);
  ASSERT_TRUE(second) << second.error().message();
  ASSERT_EQ(second->items.size(), 1u);
  EXPECT_EQ(second->items[0].meta().name, "c");
}

TEST_F(ApiServerTest, a_finalizer_holds_a_deleted_object) {
  auto created = create("a");
  ASSERT_TRUE(created);
  client::Request update = request(client::Verb::kUpdate, "a");
  update.body = created->object;
  update.body.mut_meta().finalizers = {"example.com/hold"};
  ASSERT_TRUE(transport_->call(update));
  auto marked = transport_->call(request(client::Verb::kDelete, "a"));
  ASSERT_TRUE(marked);
  ASSERT_TRUE(marked->object.is<ConfigMap>());
  EXPECT_TRUE(marked->object.meta().deletion_timestamp);
  update.body = marked->object;
  update.body.mut_meta().finalizers.clear();
  ASSERT_TRUE(transport_->call(update));
  EXPECT_FALSE(transport_->call(request(client::Verb::kGet, "a")));
}

TEST(RequestInfo, reads_paths_as_kubernetes_does) {
  struct Case {
    std::string method, target, verb, group, resource, subresource, ns, name;
  };
  for (const Case& c : {Case{"GET", "/api/v1/namespaces/x/pods/p/log?follow=1", "get", "", "pods", "log", "x", "p"},
                        Case{"GET", "/apis/apps/v1/deployments?watch=true", "watch", "apps", "deployments", "", "", ""},
                        Case{"PUT", "/api/v1/namespaces/x/finalize", "update", "", "namespaces", "finalize", "x", "x"},
                        Case{"DELETE", "/api/v1/namespaces/x/secrets", "deletecollection", "", "secrets", "", "x", ""},
                        Case{"GET", "/api/v1/proxy/namespaces/x/services/s/whoami", "proxy", "", "services", "", "x", "s"}}) {
    http::Request request;
    request.method = c.method;
    request.target = c.target;
    ASSERT_TRUE(http::parse_target(request));
    auto info = parse_request_info(request);
    ASSERT_TRUE(info);
    EXPECT_EQ(info->verb, c.verb) << c.target;
    EXPECT_EQ(info->group, c.group) << c.target;
    EXPECT_EQ(info->resource, c.resource) << c.target;
    EXPECT_EQ(info->subresource, c.subresource) << c.target;
    EXPECT_EQ(info->namespace_, c.ns) << c.target;
    EXPECT_EQ(info->name, c.name) << c.target;
  }
}

TEST(ContinueToken, survives_the_way_to_the_client_and_back) {
  auto token = decode_continue(encode_continue({42, std::string("ns/name\0", 8)}));
  ASSERT_TRUE(token);
  EXPECT_EQ(token->revision, 42);
  EXPECT_EQ(token->start, std::string("ns/name\0", 8));
  EXPECT_FALSE(decode_continue(encode_continue({42, "../other"})));
}

TEST(MediaType, the_first_acceptable_clause_counts) {
  OutputChoices choices{.table = true, .partial = true, .partial_list = true, .discovery = false};
  auto type = negotiate_output("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", choices);
  ASSERT_TRUE(type);
  EXPECT_EQ(type->shape, Shape::kTable);
  EXPECT_FALSE(negotiate_output("application/json;as=Chart;v=v1;g=meta.k8s.io", choices));
  EXPECT_FALSE(negotiate_output("text/html", choices));
}

TEST_F(ApiServerTest, a_patch_cannot_make_an_object_of_another_kind) {
  ASSERT_TRUE(create("a"));
  client::Request patch = request(client::Verb::kPatch, "a");
  for (const char* body : {R"({"kind":"Secret"})", R"({"apiVersion":"v2"})"}) {
    patch.patch = body;
    auto patched = transport_->call(patch);
    ASSERT_FALSE(patched);
    EXPECT_EQ(api::status_of(patched.error()).code, 422) << body;
  }
  patch.patch_type = client::PatchType::kStrategic;
  patch.patch = R"({"kind":"Secret"})";
  EXPECT_TRUE(transport_->call(patch));
}

struct NamesSeen final : client::WatchSink {
  void event(client::WatchType, api::Object object) override { names += object.meta().name + " "; }
  void bookmark(std::string, bool) override {}
  void closed(std::optional<Error>) override { names += "closed"; }
  std::string names;
};

TEST_F(ApiServerTest, a_watch_sees_what_its_selectors_say) {
  struct Case {
    std::string fields, labels, seen;
  };
  std::vector<std::pair<Case, std::shared_ptr<NamesSeen>>> watches;
  std::vector<std::unique_ptr<client::WatchHandle>> handles;
  for (const Case& each : {Case{"", "", "a ab b "}, Case{"metadata.name=a", "", "a "}, Case{"metadata.name!=a", "", "ab b "},
                           Case{"metadata.name=a,metadata.namespace=default", "", "a "}, Case{"metadata.namespace=default", "", "a ab b "},
                           Case{"metadata.namespace=other", "", ""}, Case{"metadata.name=a", "x=y", ""}, Case{"metadata.name=", "", ""}}) {
    client::Request out = request(client::Verb::kWatch);
    out.field_selector = each.fields;
    out.label_selector = each.labels;
    auto sink = std::make_shared<NamesSeen>();
    auto handle = transport_->watch(out, sink);
    ASSERT_TRUE(handle) << handle.error().message();
    handles.push_back(std::move(*handle));
    watches.emplace_back(each, sink);
  }
  executor_.run_ready();
  for (const char* name : {"a", "ab", "b"}) ASSERT_TRUE(create(name));
  executor_.run_ready();
  for (auto& [each, sink] : watches) EXPECT_EQ(sink->names, each.seen) << each.fields << " " << each.labels;
}

TEST_F(ApiServerTest, an_applied_scale_owns_the_replicas) {
  using api::corev1::ReplicationController;
  auto apply = [&](const char* subresource, const char* manager, const char* document, bool force) {
    client::Request out = request(client::Verb::kApply, "a");
    out.kind = &api::kind_of<ReplicationController>();
    out.subresource = subresource;
    out.patch = document;
    out.field_manager = manager;
    out.force = force;
    return transport_->call(out);
  };
  const char* controller = R"({"apiVersion":"v1","kind":"ReplicationController","metadata":{"name":"a"},"spec":{"replicas":2,"selector":{"a":"b"},
      "template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}})";
  const char* scale = R"({"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"a"},"spec":{"replicas":3}})";
  auto made = apply("", "one", controller, false);
  ASSERT_TRUE(made) << made.error().message();
  auto conflict = apply("scale", "scaler", scale, false);
  ASSERT_FALSE(conflict);
  EXPECT_EQ(conflict.error().message(), "Apply failed with 1 conflict: conflict with \"one\": .spec.replicas");
  auto scaled = apply("scale", "scaler", scale, true);
  ASSERT_TRUE(scaled) << scaled.error().message();
  EXPECT_TRUE(scaled->object.meta().managed_fields.empty());
  auto again = apply("", "one", controller, false);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().message(), "Apply failed with 1 conflict: conflict with \"scaler\" with subresource \"scale\": .spec.replicas");
}

}  // namespace
}  // namespace reigen::apiserver
