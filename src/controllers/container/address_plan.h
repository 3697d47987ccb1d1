// Which addresses a run of a Container gets. Pure: what is taken goes in, the record for the pod comes out.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "api/dockerv1.h"
#include "base/ip.h"

namespace reigen::controllers {

// By network id.
using TakenAddresses = std::map<std::string, std::set<IpAddress>>;

struct AddressInput {
  std::vector<api::dockerv1::NetworkRequest> requests;
  // Of the requests that have one; the others are unknown. By the request's `network`.
  std::map<std::string, std::shared_ptr<const api::dockerv1::Network>> networks;
  TakenAddresses taken;   // by runs of other containers
  TakenAddresses wished;  // what other containers must have when they run: nobody else gets them by chance
  // What a run that goes on has: kept where its request still stands.
  api::dockerv1::EndpointsRecord current;
  bool running = false;
};

// The lowest free addresses, as Docker gives them. `new_id` makes 64 random hex digits. An error (Docker's words and status) empties the
// record of a run that is to begin, and leaves out one endpoint of a run that goes on.
api::dockerv1::EndpointsRecord plan_addresses(const AddressInput& input, const std::function<std::string()>& new_id);

// Adds what the record holds.
void add_taken(TakenAddresses& taken, const api::dockerv1::EndpointsRecord& record);
// Adds the fixed addresses of the requests, by the network's id.
void add_wished(TakenAddresses& wished, const std::vector<api::dockerv1::NetworkRequest>& requests);

}  // namespace reigen::controllers
