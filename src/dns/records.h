// From the API's objects to the text of the record table: a pure function.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/ip.h"

namespace reigen::api::corev1 {
struct Service;
}
namespace reigen::api::discoveryv1 {
struct EndpointSlice;
}

namespace reigen::dns {

struct RecordInput {
  std::string domain = "cluster.local";
  std::vector<IpNetwork> cidrs;         // pods' and services'
  std::vector<IpAddress> name_servers;  // the cluster DNS address
  std::vector<std::string> namespaces;
  std::vector<std::shared_ptr<const api::corev1::Service>> services;
  std::vector<std::shared_ptr<const api::discoveryv1::EndpointSlice>> slices;
};

// Sorted lines as record_table.h describes them.
std::string build_records(const RecordInput& input);

}  // namespace reigen::dns
