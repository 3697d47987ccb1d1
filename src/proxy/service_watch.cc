#include "proxy/service_watch.h"

#include <atomic>
#include <set>

#include "api/corev1.h"
#include "api/discoveryv1.h"
#include "base/guarded.h"
#include "base/log.h"
#include "proxy/service_ports.h"

namespace reigen::proxy {

using api::corev1::Service;
using api::discoveryv1::EndpointSlice;

namespace {
constexpr const char* kServiceName = "kubernetes.io/service-name";
constexpr const char* kByService = "proxy-service";
constexpr auto kRetry = std::chrono::seconds(1);

std::string service_key(const EndpointSlice& slice) {
  auto name = slice.metadata.labels.find(kServiceName);
  return name == slice.metadata.labels.end() ? std::string() : client::key_of(slice.metadata.namespace_, name->second);
}
}  // namespace

struct ServiceWatch::State : std::enable_shared_from_this<State> {
  State(client::Informers& informers, Executor& executor, ServiceProxy& proxy_in, std::string node)
      : services(informers.of<Service>()), slices(informers.of<EndpointSlice>()), proxy(proxy_in), node_name(std::move(node)), strand(executor) {}

  struct Work {
    std::set<std::string> dirty;
    bool scheduled = false;
    int synced = 0;
    bool all = true;  // everything has to be replaced
  };

  void mark(const std::string& key) {
    if (key.empty()) return;
    auto access = work.lock();
    access->dirty.insert(key);
    if (access->synced == 2) schedule(*access, Duration::zero());
  }

  void on_synced() {
    auto access = work.lock();
    if (++access->synced == 2) schedule(*access, Duration::zero());
  }

  void schedule(Work& access, Duration delay) {
    if (access.scheduled) return;
    access.scheduled = true;
    auto task = tasks.wrap([self = shared_from_this()] { self->run(); });
    if (delay == Duration::zero()) strand.post(std::move(task));
    else strand.after(delay, std::move(task));
  }

  std::vector<ServicePort> ports_of(const std::string& key) {
    auto service = services.get(key);
    if (!service) return {};
    return service_ports(*service, slices.by_index(kByService, key), node_name);
  }

  void run() {
    std::set<std::string> keys;
    bool all;
    {
      auto access = work.lock();
      access->scheduled = false;
      keys.swap(access->dirty);
      all = std::exchange(access->all, false);
    }
    std::map<std::string, std::vector<ServicePort>> changed;
    if (all) {
      for (const auto& service : services.list()) {
        std::string key = client::key_of(service->metadata.namespace_, service->metadata.name);
        if (auto ports = ports_of(key); !ports.empty()) changed[key] = std::move(ports);
      }
    } else {
      for (const std::string& key : keys) changed[key] = ports_of(key);
    }
    Status done = all ? proxy.replace(std::move(changed)) : proxy.change(std::move(changed));
    if (done) {
      ready = true;
      return;
    }
    LOG(kError, "proxy", "{}", done.error().message());
    auto access = work.lock();
    access->all = true;
    schedule(*access, kRetry);
  }

  client::Informer<Service> services;
  client::Informer<EndpointSlice> slices;
  ServiceProxy& proxy;
  std::string node_name;
  Strand strand;
  Guarded<Work> work;
  std::atomic<bool> ready = false;
  TaskGroup tasks;
};

ServiceWatch::ServiceWatch(client::Informers& informers, Executor& executor, ServiceProxy& proxy, std::string node_name)
    : state_(std::make_shared<State>(informers, executor, proxy, std::move(node_name))) {}

ServiceWatch::~ServiceWatch() { stop(); }

void ServiceWatch::start() {
  std::weak_ptr<State> weak = state_;
  auto synced = [weak] {
    if (auto state = weak.lock()) state->on_synced();
  };
  state_->slices.add_index(kByService, [](const EndpointSlice& slice) { return std::vector<std::string>{service_key(slice)}; });
  state_->services.on_change(
      [weak](const auto& previous, const auto& current) {
        const auto& metadata = (current ? current : previous)->metadata;
        if (auto state = weak.lock()) state->mark(client::key_of(metadata.namespace_, metadata.name));
      },
      synced);
  state_->slices.on_change(
      [weak](const auto& previous, const auto& current) {
        auto state = weak.lock();
        if (!state) return;
        if (previous) state->mark(service_key(*previous));
        if (current) state->mark(service_key(*current));
      },
      synced);
}

void ServiceWatch::stop() { state_->tasks.stop(); }

bool ServiceWatch::ready() const { return state_->ready; }

}  // namespace reigen::proxy
