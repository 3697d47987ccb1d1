#include "controllers/container/container_controller.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <semaphore>
#include <set>

#include "api/docker_names.h"
#include "api/errors.h"
#include "api/json.h"
#include "api/value.h"
#include "base/guarded.h"
#include "base/log.h"
#include "client/client.h"
#include "client/controller.h"
#include "controllers/container/address_book.h"
#include "controllers/container/container_plan.h"
#include "controllers/container/name_upkeep.h"
#include "controllers/container/pod_of_container.h"
#include "controllers/container/restore_order.h"

namespace reigen::controllers {
namespace {

using namespace api::dockerv1;
using api::corev1::Pod;
using ContainerPtr = std::shared_ptr<const Container>;
using PodPtr = std::shared_ptr<const Pod>;

// Keys that are no container's id.
constexpr const char *kClaimsKey = "claims", *kNetworksKey = "networks", *kRestoreKey = "restore";
// Indexes.
constexpr const char *kByContainer = "docker-container", *kByDockerName = "docker-name", *kByWish = "docker-fixed-address";
constexpr size_t kStartsAtOnce = 8;
constexpr Duration kStartPatience = std::chrono::seconds(60);  // with one container of a restore, before the next has its turn
constexpr Duration kClaimsPause = std::chrono::seconds(1);     // collects the claims of many removals into one sweep

Status ignore_missing(Status status) {
  if (!status && (api::is_not_found(status.error()) || api::is_conflict(status.error()))) return {};
  return status;
}

// Both under way before the first is waited for: the store commits them together.
Status remove_both(client::Transport& transport, client::Request first, client::Request second) {
  struct Answers {
    std::counting_semaphore<2> done{0};
    Status status[2];
  };
  auto answers = std::make_shared<Answers>();
  client::Request* requests[] = {&first, &second};
  for (int i = 0; i < 2; ++i) {
    transport.call_async(std::move(*requests[i]), [answers, i](Result<client::Response> answer) {
      if (!answer) answers->status[i] = Fail(std::move(answer).error());
      answers->done.release();
    });
  }
  for (int i = 0; i < 2; ++i) answers->done.acquire();
  TRY(ignore_missing(std::move(answers->status[0])));
  return ignore_missing(std::move(answers->status[1]));
}

template <class Kind>
client::Request removal_of(const Kind& object) {
  client::Request request;
  request.verb = client::Verb::kDelete;
  request.kind = &api::kind_of<Kind>();
  request.name = object.metadata.name;
  request.delete_options.uid = object.metadata.uid;
  return request;
}

class ContainerController final : public Controller, public client::Reconciler {
 public:
  ContainerController(Context& context, ContainerControllerOptions options)
      : options_(std::move(options)),
        clock_(context.executor.clock()),
        random_(context.random),
        client_(context.transport_as("container-controller"), "container-controller"),
        containers_(context.informers.of<Container>()),
        pods_(context.informers.of<Pod>()),
        networks_(context.informers.of<Network>()),
        claims_(context.informers.of<NameClaim>()),
        loop_(context.executor, {.name = "container-controller", .workers = 8, .max_delay = std::chrono::seconds(5)}, *this) {
    pods_.add_index(kByContainer, [](const Pod& pod) {
      const std::string* id = pod.metadata.annotations.get(api::kContainerAnnotation);
      return id ? std::vector{*id} : std::vector<std::string>();
    });
    networks_.add_index(kByDockerName, [](const Network& network) { return std::vector{network.spec.docker_name}; });
    containers_.add_index(kByWish, [](const Container& container) {
      std::vector<std::string> ids;
      for (const NetworkRequest& request : container.spec.networks)
        if (!request.ipv4_address.empty() || !request.ipv6_address.empty()) ids.push_back(request.network_id);
      return ids;
    });
    containers_.on_change([this](const ContainerPtr& old, const ContainerPtr& now) { container_changed(old, now); });
    pods_.on_change([this](const PodPtr& old, const PodPtr& now) { pod_changed(old, now); });
    claims_.on_change([this](const auto&, const auto&) { loop_.enqueue_after(kClaimsKey, kClaimsPause); });
  }

  std::string_view name() const override { return "container-controller"; }
  void start() override {
    loop_.start({&containers_.untyped(), &pods_.untyped(), &networks_.untyped(), &claims_.untyped()});
    for (const char* key : {kNetworksKey, kRestoreKey, kClaimsKey}) loop_.enqueue(key);
  }
  void stop() override { loop_.stop(); }

  Result<client::Next> reconcile(const std::string& key) override {
    if (key == kRestoreKey) return restore();
    if (key == kNetworksKey) {
      TRY(ensure_builtin_networks(client_, random_, clock_.wall(), [this] { return networks_in_use(); }));
      return client::Next{};
    }
    if (key == kClaimsKey) {
      auto gone = std::exchange(*gone_.lock(), {});
      auto again = sweep_claims(client_, {claims_, containers_, networks_}, gone, clock_.wall());
      if (!again) {
        gone_.lock()->merge(gone);
        return Fail(std::move(again).error());
      }
      return client::Next{*again};
    }
    ContainerObserved observed = observe(key);
    ContainerPlan plan = plan_container(observed, clock_.wall());
    TRY(apply(key, observed, plan));
    note_refusals(key, observed, plan);
    return client::Next{plan.again_in};
  }

 private:
  void container_changed(const ContainerPtr& old, const ContainerPtr& now) {
    const std::string& id = (now ? now : old)->metadata.name;
    loop_.enqueue(id);
    if (!now) {
      gone_.lock()->insert(id);
      loop_.enqueue_after(kClaimsKey, kClaimsPause);
    }
    if (restoring_) loop_.enqueue(kRestoreKey);
  }

  void pod_changed(const PodPtr& old, const PodPtr& now) {
    const Pod& pod = now ? *now : *old;
    const std::string* id = pod.metadata.annotations.get(api::kContainerAnnotation);
    if (!id) return;
    book_.pod_changed(old, now);
    loop_.enqueue(*id);
  }

  ContainerObserved observe(const std::string& id) {
    ContainerObserved observed;
    observed.container = containers_.get("", id);
    if (observed.container) observed.rules = rules_of(*observed.container);
    for (const PodPtr& pod : pods_.by_index(kByContainer, id))
      if (auto run = run_pod(pod)) observed.pods.push_back(*run);
    auto refused = refusals_.lock();
    auto found = refused->find(id);
    if (found != refused->end() && observed.container && found->second.run == observed.container->spec.run.number) observed.refusals = found->second.count;
    return observed;
  }

  // Forgotten when the run has begun or is no longer wanted.
  void note_refusals(const std::string& id, const ContainerObserved& observed, const ContainerPlan& plan) {
    auto refused = refusals_.lock();
    const Container* container = observed.container.get();
    if (!container || !container->spec.run.wanted || container->status.run_number >= container->spec.run.number) {
      refused->erase(id);
    } else if (plan.refused) {
      (*refused)[id] = {container->spec.run.number, observed.refusals + 1};
    }
  }

  Status apply(const std::string& id, const ContainerObserved& observed, const ContainerPlan& plan) {
    for (const PodRemoval& removal : plan.remove) {
      const auto& meta = removal.pod->metadata;
      TRY(ignore_missing(
          client_.remove<Pod>(meta.namespace_, meta.name, client::DeleteOptions{.grace_period_seconds = removal.grace_seconds, .uid = meta.uid})));
    }
    if (plan.run) TRY(write_run(*observed.container, *plan.run));
    if (plan.remove_container) return remove_container(*observed.container);
    if (plan.create) return create_pod(id, *observed.container);
    if (plan.running) return follow_networks(id, *observed.container, *plan.running);
    return {};
  }

  // Conflicts with a newer wish of a user: then that is looked at again.
  Status write_run(const Container& container, const RunRequest& run) {
    Container changed = container;
    changed.spec.run = run;
    auto written = client_.update(std::move(changed));
    if (!written) {
      if (api::is_not_found(written.error())) return {};
      return Fail(std::move(written).error());
    }
    loop_.wrote(container.metadata.name, containers_.untyped(), api::Object::of(*written));
    return {};
  }

  Status create_pod(const std::string& id, const Container& container) {
    auto record = book_.give(id, address_input(container), [this] { return random_.hex(32); });
    auto pod = pod_of_container(container, record);
    auto created = pod ? client_.create(std::move(*pod)) : Result<PodPtr>(Fail(std::move(pod).error()));
    if (!created) {
      book_.give_back(id);
      LOG(kWarning, "docker", "no pod for container {} ({}): {}", container.spec.docker_name, id.substr(0, 12), created.error().message());
      return Fail(std::move(created).error());
    }
    loop_.wrote(id, pods_.untyped(), api::Object::of(*created));
    return {};
  }

  // A running container connects to a network or leaves one: the node does what the record says.
  Status follow_networks(const std::string& id, const Container& container, const Pod& pod) {
    if (container.status.run_number < container.spec.run.number) return {};  // what it began with counts
    EndpointsRecord current = record_of(pod);
    if (same_networks(container, current)) return {};
    AddressInput input = address_input(container);
    input.running = true;
    input.current = current;
    auto record = book_.give(id, std::move(input), [this] { return random_.hex(32); });
    if (record == current) {
      book_.give_back(id);
      return {};
    }
    std::string annotation;
    api::append_json_string(annotation, api::encode_json(record));
    std::string patch = fmt::format(R"({{"metadata":{{"uid":"{}","annotations":{{"{}":{}}}}}}})", pod.metadata.uid, api::kEndpointsAnnotation, annotation);
    auto patched = client_.patch<Pod>(pod.metadata.namespace_, pod.metadata.name, client::PatchType::kMerge, std::move(patch));
    if (!patched) {
      book_.give_back(id);
      if (api::is_not_found(patched.error())) return {};
      return Fail(std::move(patched).error());
    }
    loop_.wrote(id, pods_.untyped(), api::Object::of(*patched));
    return {};
  }

  // The usual case, without planning: the record has the requests' networks in their order, and no error.
  static bool same_networks(const Container& container, const EndpointsRecord& record) {
    return record.error.empty() &&
           std::ranges::equal(container.spec.networks, record.endpoints, [](const NetworkRequest& request, const EndpointStatus& endpoint) {
             return request.network == endpoint.network && (request.network_id.empty() || request.network_id == endpoint.network_id);
           });
  }

  AddressInput address_input(const Container& container) const {
    AddressInput input;
    input.requests = container.spec.networks;
    for (const NetworkRequest& request : input.requests) {
      auto network = find_network(request);
      if (!network) continue;
      input.networks[request.network] = network;
      for (const ContainerPtr& other : containers_.by_index(kByWish, network->metadata.name))
        if (other->metadata.name != container.metadata.name) add_wished(input.wished, other->spec.networks);
    }
    return input;
  }

  std::shared_ptr<const Network> find_network(const NetworkRequest& request) const {
    if (!request.network_id.empty()) return networks_.get("", request.network_id);
    auto named = networks_.by_index(kByDockerName, request.network);
    if (!named.empty()) return named.front();
    return api::is_docker_id(request.network) ? networks_.get("", request.network) : nullptr;
  }

  // `docker run --rm` is over: the names are free and the container is gone in one step, its volumes before, for who waits for that. The node and the
  // collector do the rest.
  Status remove_container(const Container& container) {
    TRY(remove_anonymous_volumes(container));
    std::string claim_name = api::claim_object_name("Container", container.spec.docker_name);
    auto claim = claims_.get("", claim_name);
    if (claim && claim->spec.holder == container.metadata.name) return remove_both(client_.transport(), removal_of(container), removal_of(*claim));
    return ignore_missing(client_.remove<Container>("", container.metadata.name, client::DeleteOptions{.uid = container.metadata.uid}));
  }

  Status remove_anonymous_volumes(const Container& container) {
    for (const MountPoint& mount : container.spec.mounts) {
      if (!mount.anonymous || mount.type != "volume" || is_mounted_elsewhere(container, mount.name)) continue;
      TRY(ignore_missing(client_.remove<Volume>("", api::volume_object_name(mount.name))));
    }
    return {};
  }

  // --volumes-from shares them.
  bool is_mounted_elsewhere(const Container& container, const std::string& volume) const {
    auto containers = containers_.list();
    return std::ranges::any_of(containers, [&](const ContainerPtr& other) {
      return other->metadata.name != container.metadata.name &&
             std::ranges::any_of(other->spec.mounts, [&](const MountPoint& mount) { return mount.type == "volume" && mount.name == volume; });
    });
  }

  std::vector<IpNetwork> networks_in_use() const {
    std::vector<IpNetwork> taken = options_.cluster_ranges;
    for (const auto& network : networks_.list())
      for (const AddressPool& pool : network->spec.pools)
        if (auto subnet = IpNetwork::parse(pool.subnet)) taken.push_back(*subnet);
    if (!options_.networks_in_use) return taken;
    auto used = options_.networks_in_use();
    taken.insert(taken.end(), used.begin(), used.end());
    return taken;
  }

  // What dockerd does when it starts, once; one key, so that nothing here runs twice at a time.
  Result<client::Next> restore() {
    if (!restore_planned_) {
      RestorePlan plan = plan_restore(containers_.list());
      waiting_ = std::move(plan.start);
      for (const std::string& id : plan.remove)
        if (auto container = containers_.get("", id)) TRY(remove_container(*container));
      restore_planned_ = true;
    }
    std::erase_if(starting_, [this](const auto& entry) { return has_begun(entry.first, entry.second); });
    std::set<std::string> under_way;
    for (const auto& [id, start] : starting_) under_way.insert(id);
    for (const std::string& id : next_starts(waiting_, under_way, kStartsAtOnce)) TRY(start_again(id));
    if (!waiting_.empty() || !starting_.empty()) return client::Next{std::chrono::seconds(5)};
    restoring_ = false;
    return client::Next{};
  }

  struct Start {
    int64_t number = 0;
    WallTime until;
  };

  bool has_begun(const std::string& id, const Start& start) const {
    auto container = containers_.get("", id);
    return !container || container->status.run_number >= start.number || !container->spec.run.wanted || start.until <= clock_.wall();
  }

  Status start_again(const std::string& id) {
    auto container = containers_.get("", id);
    if (container && !is_running(container->status) && container->status.run_number >= container->spec.run.number) {
      RunRequest run;
      run.wanted = true;
      run.number = container->spec.run.number + 1;
      TRY(write_run(*container, run));
      LOG(kInfo, "docker", "starting container {} ({})", container->spec.docker_name, id.substr(0, 12));
      starting_[id] = {run.number, clock_.wall() + kStartPatience};
    }
    waiting_.erase(id);
    return {};
  }

  ContainerControllerOptions options_;
  Clock& clock_;
  Random& random_;
  client::Client client_;
  client::Informer<Container> containers_;
  client::Informer<Pod> pods_;
  client::Informer<Network> networks_;
  client::Informer<NameClaim> claims_;
  Guarded<std::set<std::string>> gone_;  // Containers deleted since the last sweep of claims
  AddressBook book_;
  // Of the restore: its key's worker alone.
  bool restore_planned_ = false;
  std::map<std::string, std::set<std::string>> waiting_;
  std::map<std::string, Start> starting_;
  std::atomic<bool> restoring_ = true;
  struct Refusals {
    int64_t run = 0;
    int count = 0;
  };
  Guarded<std::map<std::string, Refusals>> refusals_;  // by id
  client::ControllerLoop loop_;
};

}  // namespace

std::unique_ptr<Controller> make_container_controller(Context& context, ContainerControllerOptions options) {
  return std::make_unique<ContainerController>(context, std::move(options));
}

}  // namespace reigen::controllers
