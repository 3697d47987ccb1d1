#include "node/pod_files.h"

#include <algorithm>

#include "base/files.h"
#include "node/resolver_file.h"

namespace reigen::node {
namespace {

using namespace api::corev1;

void add_once(std::vector<std::string>& list, const std::string& value) {
  if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(value);
}

}  // namespace

std::string pod_host_name(const Pod& pod) {
  std::string name = pod.spec.hostname.empty() ? pod.metadata.name : pod.spec.hostname;
  if (name.size() > 63) name.resize(63);
  while (!name.empty() && (name.back() == '-' || name.back() == '.')) name.pop_back();
  return name;
}

std::string pod_fqdn(const Pod& pod, const std::string& domain) {
  if (pod.spec.subdomain.empty()) return "";
  return pod_host_name(pod) + "." + pod.spec.subdomain + "." + pod.metadata.namespace_ + ".svc." + domain;
}

std::string hosts_file(const Pod& pod, const std::vector<std::string>& pod_ips, const std::string& domain, const std::string& host_file) {
  std::string out;
  if (pod.spec.host_network) {
    out = "# Kubernetes-managed hosts file (host network).\n" + host_file;
  } else {
    out =
        "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n"
        "fe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n";
    std::string fqdn = pod_fqdn(pod, domain), name = pod_host_name(pod);
    for (const auto& ip : pod_ips) out += ip + "\t" + (fqdn.empty() ? "" : fqdn + "\t") + name + "\n";
  }
  if (!pod.spec.host_aliases.empty()) {
    out += "\n# Entries added by HostAliases.\n";
    for (const auto& alias : pod.spec.host_aliases) {
      out += alias.ip;
      for (const auto& name : alias.hostnames) out += "\t" + name;
      out += "\n";
    }
  }
  return out;
}

std::string resolv_conf(const Pod& pod, const DnsSettings& settings) {
  std::string policy = pod.spec.dns_policy.empty() ? "ClusterFirst" : pod.spec.dns_policy;
  Resolver host = parse_resolver(settings.host_resolv_conf), out;
  bool cluster = !settings.server.empty() && (policy == "ClusterFirstWithHostNet" || (policy == "ClusterFirst" && !pod.spec.host_network));
  if (cluster) {
    out.servers = {settings.server};
    out.searches = {pod.metadata.namespace_ + ".svc." + settings.domain, "svc." + settings.domain, settings.domain};
    for (const auto& domain : host.searches) add_once(out.searches, domain);
    out.options = {"ndots:5"};
  } else if (policy != "None") {
    out = host;
  }
  if (pod.spec.dns_config) {
    for (const auto& server : pod.spec.dns_config->nameservers) add_once(out.servers, server);
    for (const auto& domain : pod.spec.dns_config->searches) add_once(out.searches, domain);
    for (const auto& option : pod.spec.dns_config->options) {
      std::erase_if(out.options, [&](const auto& old) { return old.substr(0, old.find(':')) == option.name; });
      out.options.push_back(option.name + (option.value && !option.value->empty() ? ":" + *option.value : ""));
    }
  }
  return write_resolver(out);
}

std::string read_host_resolv_conf() {
  for (const char* path : {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"}) {
    std::string text = read_file(path, 1 << 20).value_or("");
    Resolver parsed = parse_resolver(text);
    std::erase_if(parsed.servers, is_local_server);
    if (!parsed.servers.empty()) return write_resolver(parsed);
  }
  return "";
}

}  // namespace reigen::node
