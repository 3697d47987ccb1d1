#include <gtest/gtest.h>

#include "api/corev1.h"
#include "api/metav1.h"
#include "api/rbacv1.h"
#include "apiserver/auth/escalation.h"
#include "apiserver/validation/checks.h"
#include "apiserver/validation/resources.h"
#include "apiserver/validation/service.h"

namespace reigen::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using api::corev1::Service;

std::string text(const FieldErrors& errors) {
  std::string out;
  for (const auto& error : errors) out += (out.empty() ? "" : "\n") + error.message();
  return out;
}

Service plain() {
  Service service;
  service.metadata.name = "s";
  service.spec.type = "ClusterIP";
  service.spec.session_affinity = "None";
  service.spec.internal_traffic_policy = "Cluster";
  auto& port = service.spec.ports.emplace_back();
  port.port = 80;
  port.target_port = 80;
  port.protocol = "TCP";
  return service;
}

TEST(ServiceValidationTest, Table) {
  struct Case {
    const char* name;
    void (*change)(Service&);
    const char* wanted;
  };
  const Case cases[] = {
      {"fine", [](Service&) {}, ""},
      {"no ports", [](Service& s) { s.spec.ports.clear(); }, "spec.ports: Required value"},
      {"headless needs none",
       [](Service& s) {
         s.spec.ports.clear();
         s.spec.cluster_ip = "None";
         s.spec.cluster_ips = {"None"};
       },
       ""},
      {"port", [](Service& s) { s.spec.ports[0].port = 0; }, "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"},
      {"protocol", [](Service& s) { s.spec.ports[0].protocol = "ICMP"; },
       "spec.ports[0].protocol: Unsupported value: \"ICMP\": supported values: \"SCTP\", \"TCP\", \"UDP\""},
      {"node port", [](Service& s) { s.spec.ports[0].node_port = 30000; }, "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"},
      {"external name", [](Service& s) { s.spec.type = "ExternalName"; }, "spec.externalName: Required value"},
      {"external name with a dot",
       [](Service& s) {
         s.spec.type = "ExternalName";
         s.spec.external_name = "db.example.com.";
       },
       ""},
      {"both fields",
       [](Service& s) {
         s.spec.cluster_ip = "10.0.0.1";
         s.spec.cluster_ips = {"10.0.0.2"};
       },
       "spec.clusterIPs: Invalid value: []string{\"10.0.0.2\"}: first value must match `clusterIP`"},
      {"one family twice",
       [](Service& s) {
         s.spec.cluster_ip = "10.0.0.1";
         s.spec.cluster_ips = {"10.0.0.1", "10.0.0.2"};
       },
       "spec.clusterIPs: Invalid value: []string{\"10.0.0.1\", \"10.0.0.2\"}: may specify no more than one IP for each IP family"},
      {"health port", [](Service& s) { s.spec.health_check_node_port = 30000; },
       "spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"},
      {"class", [](Service& s) { s.spec.load_balancer_class = "x/y"; }, "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'"},
      {"policy", [](Service& s) { s.spec.external_traffic_policy = "Local"; },
       "spec.externalTrafficPolicy: Invalid value: \"Local\": may only be set for externally-accessible services"},
  };
  for (const Case& c : cases) {
    Service service = plain();
    c.change(service);
    FieldErrors errors;
    validate_service(service, errors);
    EXPECT_EQ(text(errors), c.wanted) << c.name;
  }
}

TEST(ServiceValidationTest, AddressesStay) {
  struct Case {
    std::vector<std::string> before, now;
    const char* wanted;
  };
  const Case cases[] = {
      {{"10.0.0.1"}, {"10.0.0.1"}, ""},
      {{"10.0.0.1"}, {"10.0.0.2"}, "spec.clusterIPs[0]: Invalid value: []string{\"10.0.0.2\"}: may not change once set"},
      {{"10.0.0.1"}, {"None"}, "spec.clusterIPs[0]: Invalid value: []string{\"None\"}: may not change once set"},
      {{"None"}, {"None"}, ""},
      {{"10.0.0.1"}, {"10.0.0.1", "fd00::1"}, ""},
  };
  for (const Case& c : cases) {
    Service old = plain(), service = plain();
    old.spec.cluster_ips = c.before;
    old.spec.cluster_ip = c.before[0];
    service.spec.cluster_ips = c.now;
    service.spec.cluster_ip = c.now[0];
    FieldErrors errors;
    validate_service_update(service, old, errors);
    EXPECT_EQ(text(errors), c.wanted);
  }
}

TEST(ChecksTest, SpecialAddresses) {
  struct Case {
    const char *address, *part;
  };
  for (auto [address, part] : {Case{"10.0.0.1", ""}, Case{"0.0.0.0", "unspecified"}, Case{"::", "unspecified"}, Case{"127.1.2.3", "loopback"},
                               Case{"::1", "loopback"}, Case{"169.254.9.9", "link-local range"}, Case{"fe80::1", "link-local range"},
                               Case{"224.0.0.7", "multicast"}, Case{"224.0.1.7", ""}, Case{"ff02::5", "multicast"}, Case{"fd00::1", ""}}) {
    FieldErrors errors;
    check_non_special_ip(errors, FieldPath("ip"), address);
    if (*part == '\0') EXPECT_TRUE(errors.empty()) << address;
    else EXPECT_NE(text(errors).find(part), std::string::npos) << address;
  }
}

TEST(ChecksTest, WarnsOfAddresses) {
  struct Case {
    const char* address;
    size_t count;
  };
  for (auto [address, count] : {Case{"10.0.0.1", 0}, Case{"010.0.0.1", 1}, Case{"fd00::1", 0}, Case{"FD00:0::1", 1}, Case{"nonsense", 0}}) {
    std::vector<std::string> texts;
    warn_ip(texts, FieldPath("ip"), address);
    EXPECT_EQ(texts.size(), count) << address;
  }
}

TEST(ResourcesTest, Names) {
  struct Case {
    const char* name;
    bool standard, quota, extended, integer;
  };
  for (auto c : {Case{"cpu", true, true, false, false}, Case{"pods", true, true, false, true}, Case{"storage", true, false, false, false},
                 Case{"example.com/gpu", false, false, true, true}, Case{"kubernetes.io/x", false, false, false, false},
                 Case{"requests.hugepages-2Mi", true, true, false, false}, Case{"odd", false, false, false, false}}) {
    EXPECT_EQ(is_standard_resource(c.name), c.standard) << c.name;
    EXPECT_EQ(is_standard_quota_resource(c.name), c.quota) << c.name;
    EXPECT_EQ(is_extended_resource(c.name), c.extended) << c.name;
    EXPECT_EQ(is_integer_resource(c.name), c.integer) << c.name;
  }
}

TEST(EscalationTest, NamesWhatIsMissing) {
  using api::rbacv1::PolicyRule;
  auto rule = [](std::vector<std::string> verbs, std::vector<std::string> groups, std::vector<std::string> resources, std::vector<std::string> names = {}) {
    PolicyRule rule;
    rule.verbs = std::move(verbs);
    rule.api_groups = std::move(groups);
    rule.resources = std::move(resources);
    rule.resource_names = std::move(names);
    return rule;
  };
  PolicyRule owned = rule({"get"}, {""}, {"pods", "secrets"}), all = rule({"*"}, {"*"}, {"*"});
  std::vector<PolicyRule> wanted = {rule({"get", "list", "watch"}, {""}, {"pods"}), rule({"get"}, {"apps"}, {"deployments"}, {"web"})};
  EXPECT_EQ(missing_rules({&owned}, wanted),
            (std::vector<std::string>{R"({APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]})",
                                      R"({APIGroups:["apps"], Resources:["deployments"], ResourceNames:["web"], Verbs:["get"]})"}));
  EXPECT_TRUE(missing_rules({&all}, wanted).empty());
  PolicyRule url;
  url.verbs = {"get"};
  url.non_resource_urls = {"/metrics"};
  EXPECT_EQ(missing_rules({&all}, {url}), std::vector<std::string>{R"({NonResourceURLs:["/metrics"], Verbs:["get"]})"});
}

}  // namespace
}  // namespace reigen::apiserver
