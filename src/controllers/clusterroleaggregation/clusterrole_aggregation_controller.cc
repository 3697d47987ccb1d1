// ClusterRoles with an aggregationRule: their rules are those of all roles the rule's selectors match.
#include <algorithm>

#include "api/errors.h"
#include "api/label_selector.h"
#include "api/rbacv1.h"
#include "client/client.h"
#include "client/controller.h"
#include "controllers/controller.h"

namespace reigen::controllers {
namespace {

using api::rbacv1::ClusterRole;
using RolePtr = std::shared_ptr<const ClusterRole>;

std::vector<api::rbacv1::PolicyRule> gather_rules(const ClusterRole& role, const std::vector<RolePtr>& all) {
  std::vector<api::rbacv1::PolicyRule> rules;
  for (const auto& selector : role.aggregation_rule->cluster_role_selectors) {
    auto matcher = api::LabelSelector::from(selector);
    if (!matcher) continue;
    for (const auto& other : all) {
      if (other->metadata.name == role.metadata.name || !matcher->matches(other->metadata.labels)) continue;
      for (const auto& rule : other->rules) {
        if (std::find(rules.begin(), rules.end(), rule) == rules.end()) rules.push_back(rule);
      }
    }
  }
  return rules;
}

class ClusterRoleAggregation final : public Controller, public client::Reconciler {
 public:
  explicit ClusterRoleAggregation(Context& context)
      : client_(context.transport_as("clusterrole-aggregation-controller"), "kube-controller-manager"),
        roles_(context.informers.of<ClusterRole>()),
        loop_(context.executor, {.name = "clusterrole-aggregation-controller", .workers = 1}, *this) {
    // Any role may be part of any aggregate; there are few of these.
    roles_.on_change([this](const RolePtr&, const RolePtr&) {
      for (const auto& role : roles_.list()) {
        if (role->aggregation_rule) loop_.enqueue(role->metadata.name);
      }
    });
  }

  std::string_view name() const override { return "clusterrole-aggregation-controller"; }
  void start() override { loop_.start({&roles_.untyped()}); }
  void stop() override { loop_.stop(); }

  Result<client::Next> reconcile(const std::string& key) override {
    auto role = roles_.get("", key);
    if (!role || !role->aggregation_rule) return client::Next{};
    auto rules = gather_rules(*role, roles_.list());
    if (rules == role->rules) return client::Next{};
    auto changed = *role;
    changed.rules = std::move(rules);
    auto written = client_.update(std::move(changed));
    if (!written) {
      if (api::is_not_found(written.error())) return client::Next{};
      return Fail(std::move(written).error());
    }
    loop_.wrote(key, roles_.untyped(), api::Object::of(*written));
    return client::Next{};
  }

 private:
  client::Client client_;
  client::Informer<ClusterRole> roles_;
  client::ControllerLoop loop_;
};

}  // namespace

std::unique_ptr<Controller> make_clusterrole_aggregation_controller(Context& context) { return std::make_unique<ClusterRoleAggregation>(context); }

}  // namespace reigen::controllers
