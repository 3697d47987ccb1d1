// What keeps Docker's names clean: claims whose holder is gone, and the networks that are there from the beginning.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "api/dockerv1.h"
#include "base/clock.h"
#include "base/ip.h"
#include "base/random.h"
#include "client/client.h"
#include "client/informer.h"

namespace reigen::controllers {

// What is known without asking the API.
struct KnownHolders {
  client::Informer<api::dockerv1::NameClaim>& claims;
  client::Informer<api::dockerv1::Container>& containers;
  client::Informer<api::dockerv1::Network>& networks;
};

// Removes claims older than 30 s that nobody holds: their holder does not exist, or has another name (a crash between two writes). Reads
// the holder from the API before it removes. Claims of `gone`, holders whose deletion was seen, need not be old. The time after which to look
// again; zero: when something changes.
Result<Duration> sweep_claims(const client::Client& client, const KnownHolders& known, const std::set<std::string>& gone, WallTime now);

// Makes bridge, host and none where they are missing. Repeatable: half-made ones are completed.
Status ensure_builtin_networks(const client::Client& client, Random& random, WallTime now, const std::function<std::vector<IpNetwork>()>& taken);

}  // namespace reigen::controllers
