#include "node/downward.h"

#include "api/go_quote.h"

namespace reigen::node {
namespace {

using namespace api::corev1;

std::string join(const std::vector<std::string>& parts) {
  std::string out;
  for (const auto& part : parts) out += (out.empty() ? "" : ",") + part;
  return out;
}

// Go's fmt of a map as kubelet writes it: key="value" lines, sorted.
std::string format_map(const api::Map<std::string>& map) {
  std::string out;
  for (const auto& [key, value] : map) out += (out.empty() ? "" : "\n") + key + "=" + api::go_quote(value);
  return out;
}

// metadata.labels['key'] → key
bool subscript(const std::string& path, const std::string& prefix, std::string& key) {
  if (!path.starts_with(prefix + "['") || !path.ends_with("']")) return false;
  key = path.substr(prefix.size() + 2, path.size() - prefix.size() - 4);
  return true;
}

int64_t divided_up(int64_t value, int64_t by) { return by <= 0 ? value : (value + by - 1) / by; }

}  // namespace

Result<std::string> field_value(const Pod& pod, const std::string& path, const NodeFacts& facts, const std::vector<std::string>& pod_ips) {
  const auto& ips = pod.spec.host_network ? facts.host_ips : pod_ips;
  std::string key;
  if (subscript(path, "metadata.labels", key)) return pod.metadata.labels.value_or(key, "");
  if (subscript(path, "metadata.annotations", key)) return pod.metadata.annotations.value_or(key, "");
  if (path == "metadata.name") return pod.metadata.name;
  if (path == "metadata.namespace") return pod.metadata.namespace_;
  if (path == "metadata.uid") return pod.metadata.uid;
  if (path == "metadata.labels") return format_map(pod.metadata.labels);
  if (path == "metadata.annotations") return format_map(pod.metadata.annotations);
  if (path == "spec.nodeName") return facts.name;
  if (path == "spec.serviceAccountName") return pod.spec.service_account_name;
  if (path == "status.hostIP") return facts.host_ips.empty() ? "" : facts.host_ips.front();
  if (path == "status.hostIPs") return join(facts.host_ips);
  if (path == "status.podIP") return ips.empty() ? "" : ips.front();
  if (path == "status.podIPs") return join(ips);
  return fail(Code::kInvalidArgument, "field label not supported: " + path);
}

Result<std::string> resource_value(const Pod& pod, const Container& asking, const ResourceFieldSelector& selector, const NodeFacts& facts) {
  const Container* container = &asking;
  if (!selector.container_name.empty()) {
    container = nullptr;
    for (const auto* list : {&pod.spec.init_containers, &pod.spec.containers}) {
      for (const auto& candidate : *list) {
        if (candidate.name == selector.container_name) container = &candidate;
      }
    }
    if (!container) return fail(Code::kInvalidArgument, "container " + selector.container_name + " not found");
  }
  bool limit = selector.resource.starts_with("limits.");
  std::string name = selector.resource.substr(std::min(selector.resource.find('.') + 1, selector.resource.size()));
  const auto& resources = container->resources;
  const auto* quantity = (limit ? resources.limits : resources.requests).get(name);
  bool cpu = name == "cpu";
  if (quantity) {
    int64_t divisor = cpu ? selector.divisor.milli_value() : selector.divisor.value();
    if (cpu) return std::to_string(divided_up(quantity->milli_value(), selector.divisor.is_zero() ? 1000 : divisor));
    return std::to_string(divided_up(quantity->value(), selector.divisor.is_zero() ? 1 : divisor));
  }
  if (name != "cpu" && name != "memory" && name != "ephemeral-storage" && !name.starts_with("hugepages-")) {
    return fail(Code::kInvalidArgument, "unsupported container resource : " + selector.resource);
  }
  if (!limit) return "0";
  if (cpu) return std::to_string(divided_up(facts.cpu_milli, selector.divisor.is_zero() ? 1000 : selector.divisor.milli_value()));
  if (name == "memory") return std::to_string(divided_up(facts.memory_bytes, selector.divisor.is_zero() ? 1 : selector.divisor.value()));
  return "0";
}

}  // namespace reigen::node
