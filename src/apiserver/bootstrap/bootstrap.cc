#include "apiserver/bootstrap/bootstrap.h"

#include <atomic>
#include <charconv>
#include <memory>
#include <mutex>
#include <semaphore>

#include "api/corev1.h"
#include "api/errors.h"
#include "api/flowcontrolv1.h"
#include "api/rbacv1.h"
#include "api/schedulingv1.h"
#include "apiserver/bootstrap/facts.h"
#include "base/check.h"

namespace reigen::apiserver {
namespace {

namespace rbac = api::rbacv1;
namespace flow = api::flowcontrolv1;

constexpr const char* kRbacGroup = "rbac.authorization.k8s.io";

int32_t number(const std::string& text) {
  int32_t value = 0;
  CHECK(std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc());
  return value;
}

// The word after `key`, or "".
std::string after(const std::vector<std::string>& words, std::string_view key) {
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == key) return words[i + 1];
  }
  return {};
}

void set_names(api::metav1::ObjectMeta& meta, const std::string& name) {
  auto slash = name.find('/');
  meta.name = slash == std::string::npos ? name : name.substr(slash + 1);
  if (slash != std::string::npos) meta.namespace_ = name.substr(0, slash);
}

void set_rbac_meta(api::metav1::ObjectMeta& meta, const std::vector<std::string>& head) {
  set_names(meta, head[1]);
  meta.annotations["rbac.authorization.kubernetes.io/autoupdate"] = "true";
  meta.labels["kubernetes.io/bootstrapping"] = "rbac-defaults";
  for (size_t i = 2; i + 1 < head.size(); ++i) {
    if (head[i] != "label") continue;
    auto equals = head[i + 1].find('=');
    meta.labels[head[i + 1].substr(0, equals)] = head[i + 1].substr(equals + 1);
  }
}

rbac::PolicyRule make_rule(const std::vector<std::string>& words) {
  rbac::PolicyRule rule;
  rule.verbs = split_list(words[0]);
  rule.non_resource_urls = split_list(after(words, "url"));
  rule.api_groups = split_list(after(words, "of"));
  rule.resources = split_list(after(words, "on"));
  rule.resource_names = split_list(after(words, "named"));
  return rule;
}

api::Object make_cluster_role(const FactBlock& block) {
  rbac::ClusterRole role;
  set_rbac_meta(role.metadata, block.head);
  for (const auto& words : block.lines) {
    if (words[0] != "aggregate") {
      role.rules.push_back(make_rule(words));
      continue;
    }
    if (!role.aggregation_rule) role.aggregation_rule.emplace();
    auto equals = words[1].find('=');
    role.aggregation_rule->cluster_role_selectors.emplace_back().match_labels[words[1].substr(0, equals)] = words[1].substr(equals + 1);
  }
  return api::Object::of(std::move(role));
}

api::Object make_role(const FactBlock& block) {
  rbac::Role role;
  set_rbac_meta(role.metadata, block.head);
  for (const auto& words : block.lines) role.rules.push_back(make_rule(words));
  return api::Object::of(std::move(role));
}

template <class Binding>
api::Object make_binding(const FactBlock& block) {
  Binding binding;
  set_rbac_meta(binding.metadata, block.head);
  binding.role_ref.api_group = kRbacGroup;
  binding.role_ref.kind = block.head[2];
  binding.role_ref.name = block.head[3];
  for (const auto& words : block.lines) {
    auto& subject = binding.subjects.emplace_back();
    subject.kind = words[0];
    auto slash = words[1].find('/');
    if (subject.kind == "ServiceAccount") {
      subject.namespace_ = words[1].substr(0, slash);
      subject.name = words[1].substr(slash + 1);
    } else {
      subject.api_group = kRbacGroup;
      subject.name = words[1];
    }
  }
  return api::Object::of(std::move(binding));
}

flow::Subject make_subject(const std::string& kind, std::string name) {
  flow::Subject subject;
  if (name.ends_with(',')) name.pop_back();
  subject.kind = kind;
  if (kind == "User") subject.user.emplace().name = name;
  if (kind == "Group") subject.group.emplace().name = name;
  if (kind == "ServiceAccount") {
    auto slash = name.find('/');
    auto& account = subject.service_account.emplace();
    account.namespace_ = name.substr(0, slash);
    account.name = name.substr(slash + 1);
  }
  return subject;
}

void add_flow_line(flow::FlowSchemaSpec& spec, const std::vector<std::string>& words) {
  if (words[0] == "for") {
    auto& rule = spec.rules.emplace_back();
    for (size_t i = 1; i + 1 < words.size(); i += 2) rule.subjects.push_back(make_subject(words[i], words[i + 1]));
    return;
  }
  if (auto urls = after(words, "url"); !urls.empty()) {
    auto& rule = spec.rules.back().non_resource_rules.emplace_back();
    rule.verbs = split_list(words[0]);
    rule.non_resource_urls = split_list(urls);
    return;
  }
  auto& rule = spec.rules.back().resource_rules.emplace_back();
  rule.verbs = split_list(words[0]);
  rule.api_groups = split_list(after(words, "of"));
  rule.resources = split_list(after(words, "on"));
  rule.namespaces = split_list(after(words, "in"));
  for (const auto& word : words) rule.cluster_scope = rule.cluster_scope || word == "cluster";
}

api::Object make_flow_schema(const FactBlock& block) {
  flow::FlowSchema schema;
  schema.metadata.name = block.head[1];
  schema.metadata.annotations["apf.kubernetes.io/autoupdate-spec"] = "true";
  schema.spec.matching_precedence = number(after(block.head, "precedence"));
  schema.spec.priority_level_configuration.name = after(block.head, "level");
  if (auto by = after(block.head, "by"); !by.empty()) schema.spec.distinguisher_method.emplace().type = by;
  for (const auto& words : block.lines) add_flow_line(schema.spec, words);
  return api::Object::of(std::move(schema));
}

api::Object make_priority_level(const FactBlock& block) {
  flow::PriorityLevelConfiguration level;
  level.metadata.name = block.head[1];
  level.metadata.annotations["apf.kubernetes.io/autoupdate-spec"] = "true";
  int32_t shares = number(after(block.head, "shares")), lendable = number(after(block.head, "lendable"));
  if (block.head[2] == "exempt") {
    level.spec.type = "Exempt";
    auto& exempt = level.spec.exempt.emplace();
    exempt.nominal_concurrency_shares = shares;
    exempt.lendable_percent = lendable;
    return api::Object::of(std::move(level));
  }
  level.spec.type = "Limited";
  auto& limited = level.spec.limited.emplace();
  limited.nominal_concurrency_shares = shares;
  limited.lendable_percent = lendable;
  auto queues = after(block.head, "queues");
  limited.limit_response.type = queues.empty() ? "Reject" : "Queue";
  if (!queues.empty()) {
    auto& queuing = limited.limit_response.queuing.emplace();
    queuing.queues = number(queues);
    queuing.hand_size = number(after(block.head, "hand"));
    queuing.queue_length_limit = number(after(block.head, "length"));
  }
  return api::Object::of(std::move(level));
}

api::Object make_object(const FactBlock& block) {
  const auto& kind = block.head[0];
  if (kind == "clusterrole") return make_cluster_role(block);
  if (kind == "role") return make_role(block);
  if (kind == "clusterrolebinding") return make_binding<rbac::ClusterRoleBinding>(block);
  if (kind == "rolebinding") return make_binding<rbac::RoleBinding>(block);
  if (kind == "flowschema") return make_flow_schema(block);
  CHECK(kind == "prioritylevel");
  return make_priority_level(block);
}

api::Object make_priority_class(const char* name, int32_t value, const char* description) {
  api::schedulingv1::PriorityClass priority;
  priority.metadata.name = name;
  priority.value = value;
  priority.description = description;
  priority.preemption_policy = "PreemptLowerPriority";
  return api::Object::of(std::move(priority));
}

// Calls under way; the last one to end wakes who waits.
struct Batch {
  std::atomic<int> open{1};
  std::binary_semaphore done{0};
  std::mutex mutex;
  std::optional<Error> error;

  void ended(std::optional<Error> failure) {
    if (failure) {
      std::lock_guard lock(mutex);
      if (!error) error = std::move(failure);
    }
    if (--open == 0) done.release();
  }
};

client::Request request_for(client::Verb verb, const api::Object& object) {
  client::Request request;
  request.verb = verb;
  request.kind = &object.kind();
  request.namespace_ = object.meta().namespace_;
  request.name = verb == client::Verb::kCreate ? "" : object.meta().name;
  return request;
}

Status create_missing(client::Transport& transport, const std::vector<api::Object>& objects) {
  auto batch = std::make_shared<Batch>();
  for (const auto& object : objects) {
    ++batch->open;
    auto request = request_for(client::Verb::kCreate, object);
    request.body = object;
    transport.call_async(std::move(request), [batch, name = object.meta().name](Result<client::Response> answer) {
      if (answer || answer.error().code() == Code::kAlreadyExists) return batch->ended(std::nullopt);
      batch->ended(std::move(answer).error().context("create " + name));
    });
  }
  batch->ended(std::nullopt);
  batch->done.acquire();
  if (batch->error) return Fail(std::move(*batch->error));
  return {};
}

}  // namespace

std::vector<api::Object> bootstrap_objects() {
  std::vector<api::Object> objects;
  for (const char* name : {"kube-system", "kube-public", "kube-node-lease", "default"}) {
    api::corev1::Namespace ns;
    ns.metadata.name = name;
    objects.push_back(api::Object::of(std::move(ns)));
  }
  for (const char* facts : {kRoleFacts, kFlowFacts}) {
    for (const auto& block : parse_facts(facts)) objects.push_back(make_object(block));
  }
  objects.push_back(make_priority_class("system-cluster-critical", 2000000000,
                                        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."));
  objects.push_back(make_priority_class("system-node-critical", 2000001000, "Used for system critical pods that must not be moved from their current node."));
  return objects;
}

Status install_bootstrap_objects(client::Transport& transport) {
  auto objects = bootstrap_objects();
  std::vector<api::Object> missing[2];  // namespaces, and what may stand in them
  for (auto& object : objects) {
    auto answer = transport.call(request_for(client::Verb::kGet, object));
    if (answer) continue;
    if (answer.error().code() != Code::kNotFound) return Fail(std::move(answer).error().context("read " + object.meta().name));
    missing[object.is<api::corev1::Namespace>() ? 0 : 1].push_back(std::move(object));
  }
  TRY(create_missing(transport, missing[0]));
  return create_missing(transport, missing[1]);
}

}  // namespace reigen::apiserver
