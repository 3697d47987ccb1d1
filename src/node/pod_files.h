// Text of the files the node makes for a pod: /etc/hosts and /etc/resolv.conf; and its host name.
#pragma once

#include <string>
#include <vector>

#include "api/corev1.h"

namespace reigen::node {

struct DnsSettings {
  std::string server;  // the cluster's; empty: none
  std::string domain = "cluster.local";
  std::string host_resolv_conf;  // text of the host's file
};

std::string pod_host_name(const api::corev1::Pod& pod);                        // at most 63 bytes
std::string pod_fqdn(const api::corev1::Pod& pod, const std::string& domain);  // "" without a subdomain
std::string hosts_file(const api::corev1::Pod& pod, const std::vector<std::string>& pod_ips, const std::string& domain, const std::string& host_file);
std::string resolv_conf(const api::corev1::Pod& pod, const DnsSettings& settings);

// The host's own name servers: never a stub on 127.0.0.53, which a pod cannot reach.
std::string read_host_resolv_conf();

}  // namespace reigen::node
