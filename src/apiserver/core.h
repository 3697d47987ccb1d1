// Core: what every request uses. Made once by ApiServer; immutable afterwards but for what synchronises itself.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "apiserver/auth/rbac_authorizer.h"
#include "apiserver/discovery.h"
#include "apiserver/metrics.h"
#include "apiserver/object_cache.h"
#include "apiserver/registry.h"
#include "apiserver/store_reader.h"
#include "base/executor.h"
#include "base/random.h"

namespace reigen::apiserver {

class AdmissionPlugin;
class Authenticator;
class Authorizer;
class NodeDialer;
class ServiceAllocator;
class TokenAuthenticator;
class TokenIssuer;
class WatchFrames;

struct Core {
  Core(store::Store& store, Executor& executor, Random& random, size_t cache_bytes);
  ~Core();

  store::Store& store;
  Executor& executor;
  Random& random;
  Registry registry;
  Discovery discovery;
  ObjectCache cache;
  StoreReader reader;
  RbacAuthorizer rbac;  // for what users may grant; the authorizer below decides what they may do
  std::unique_ptr<ServiceAllocator> services;
  Metrics metrics;
  std::unique_ptr<WatchFrames> frames;

  Authenticator* authenticator = nullptr;
  Authorizer* authorizer = nullptr;
  std::vector<AdmissionPlugin*> admission;
  NodeDialer* dialer = nullptr;
  TokenIssuer* token_issuer = nullptr;
  TokenAuthenticator* token_authenticator = nullptr;
  bool anonymous = true;

  std::atomic<int> mutating_in_flight{0}, reading_in_flight{0}, watches{0};
  int max_mutating = 2000, max_reading = 4000, max_watches = 20000;

  WallTime now() { return executor.clock().wall(); }
};

}  // namespace reigen::apiserver
