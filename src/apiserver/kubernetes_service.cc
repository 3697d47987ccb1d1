#include "apiserver/kubernetes_service.h"

#include <algorithm>
#include <mutex>

#include "api/corev1.h"
#include "api/discoveryv1.h"
#include "api/errors.h"
#include "api/metav1.h"
#include "api/validation.h"
#include "base/log.h"
#include "client/transport.h"

namespace reigen::apiserver {
namespace {

namespace core = api::corev1;
namespace discovery = api::discoveryv1;
using client::Verb;

template <class T>
client::Request request_for(Verb verb, const T& object) {
  client::Request request;
  request.verb = verb;
  request.kind = &api::kind_of<T>();
  request.namespace_ = object.metadata.namespace_;
  request.name = verb == Verb::kCreate ? "" : object.metadata.name;
  if (verb != Verb::kGet) request.body = api::Object::of(object);
  return request;
}

// Creates `wanted`, or brings what is there to it: `change` returns whether it changed anything.
template <class T, class Change>
Status ensure(client::Transport& transport, const T& wanted, Change change) {
  auto found = transport.call(request_for(Verb::kGet, wanted));
  if (!found && found.error().code() != Code::kNotFound) return fail(std::move(found).error());
  Result<client::Response> answer = client::Response();
  if (!found) {
    answer = transport.call(request_for(Verb::kCreate, wanted));
  } else {
    T now = found->object.template as<T>();
    if (!change(now)) return {};
    answer = transport.call(request_for(Verb::kUpdate, now));
  }
  if (answer || answer.error().code() == Code::kAlreadyExists || answer.error().code() == Code::kConflict) return {};
  return fail(std::move(answer).error());
}

template <class A>
bool set(A& field, const A& value) {
  if (field == value) return false;
  field = value;
  return true;
}

core::ServicePort port(const char* name, const char* protocol, int32_t number, int32_t target) {
  core::ServicePort port;
  port.name = name;
  port.protocol = protocol;
  port.port = number;
  port.target_port = target;
  return port;
}

core::Service service(const char* namespace_, const char* name, std::string address, std::vector<core::ServicePort> ports) {
  core::Service service;
  service.metadata.namespace_ = namespace_;
  service.metadata.name = name;
  service.spec.type = "ClusterIP";
  service.spec.cluster_ip = address;
  service.spec.cluster_ips = {std::move(address)};
  service.spec.session_affinity = "None";
  service.spec.ports = std::move(ports);
  return service;
}

Status ensure_service(client::Transport& transport, const core::Service& wanted) {
  return ensure(transport, wanted, [&](core::Service& now) {
    bool ports = set(now.spec.ports, wanted.spec.ports);
    return set(now.spec.type, wanted.spec.type) || ports;
  });
}

core::Endpoints endpoints(const KubernetesServiceOptions& options) {
  core::Endpoints endpoints;
  endpoints.metadata.namespace_ = "default";
  endpoints.metadata.name = "kubernetes";
  // The slice is ours too; the mirroring controller is to leave it alone.
  endpoints.metadata.labels["endpointslice.kubernetes.io/skip-mirror"] = "true";
  core::EndpointSubset subset;
  subset.addresses.emplace_back().ip = options.advertise_address;
  core::EndpointPort port;
  port.name = "https";
  port.port = options.port;
  port.protocol = "TCP";
  subset.ports.push_back(port);
  endpoints.subsets.push_back(subset);
  return endpoints;
}

discovery::EndpointSlice slice(const KubernetesServiceOptions& options) {
  discovery::EndpointSlice slice;
  slice.metadata.namespace_ = "default";
  slice.metadata.name = "kubernetes";
  slice.metadata.labels["kubernetes.io/service-name"] = "kubernetes";
  auto ip = api::parse_ip(options.advertise_address);
  slice.address_type = !ip || ip->v4 ? "IPv4" : "IPv6";
  discovery::Endpoint endpoint;
  endpoint.addresses = {options.advertise_address};
  endpoint.conditions.ready = true;
  slice.endpoints.push_back(endpoint);
  discovery::EndpointPort port;
  port.name = "https";
  port.port = options.port;
  port.protocol = "TCP";
  slice.ports.push_back(port);
  return slice;
}

}  // namespace

Result<std::string> first_address(const std::string& cidr) {
  auto parsed = api::parse_cidr(cidr);
  if (!parsed) return fail(Code::kInvalidArgument, "service CIDR \"" + cidr + "\" is no CIDR, like 10.43.0.0/16");
  api::Ip ip = parsed->network();
  for (size_t i = ip.v4 ? 4 : 16; i-- > 0;)
    if (++ip.bytes[i] != 0) break;
  return ip.to_string();
}

struct KubernetesService::State {
  client::Transport& transport;
  Executor& executor;
  KubernetesServiceOptions options;
  std::mutex mutex;
  TimerId timer = 0;
  bool failed = false;  // a failure is logged once, until it is over
  TaskGroup tasks;
};

KubernetesService::KubernetesService(client::Transport& transport, Executor& executor, KubernetesServiceOptions options)
    : state_(new State{.transport = transport, .executor = executor, .options = std::move(options), .mutex = {}, .tasks = {}}) {}

KubernetesService::~KubernetesService() { stop(); }

Status KubernetesService::reconcile() {
  const auto& options = state_->options;
  client::Transport& transport = state_->transport;
  TRY_ASSIGN(std::string address, first_address(options.service_cidr));
  core::Service kubernetes = service("default", "kubernetes", address, {port("https", "TCP", 443, options.port)});
  kubernetes.metadata.labels["component"] = "apiserver";
  kubernetes.metadata.labels["provider"] = "kubernetes";
  TRY(ensure_service(transport, kubernetes));
  core::Endpoints wanted = endpoints(options);
  TRY(ensure(transport, wanted, [&](core::Endpoints& now) {
    bool labels = set(now.metadata.labels["endpointslice.kubernetes.io/skip-mirror"], std::string("true"));
    return set(now.subsets, wanted.subsets) || labels;
  }));
  discovery::EndpointSlice wanted_slice = slice(options);
  TRY(ensure(transport, wanted_slice, [&](discovery::EndpointSlice& now) {
    bool labels = set(now.metadata.labels["kubernetes.io/service-name"], std::string("kubernetes"));
    bool ports = set(now.ports, wanted_slice.ports);
    return set(now.endpoints, wanted_slice.endpoints) || labels || ports;
  }));
  if (options.cluster_dns.empty()) return {};
  core::Service dns = service("kube-system", "kube-dns", options.cluster_dns, {port("dns", "UDP", 53, 53), port("dns-tcp", "TCP", 53, 53)});
  dns.metadata.labels["k8s-app"] = "kube-dns";
  dns.metadata.labels["kubernetes.io/cluster-service"] = "true";
  dns.metadata.labels["kubernetes.io/name"] = "CoreDNS";
  return ensure_service(transport, dns);
}

void KubernetesService::tick() {
  auto status = reconcile();
  if (!status && !state_->failed) LOG(kWarning, "apiserver", "cannot keep the kubernetes service: {}", status.error().message());
  state_->failed = !status;
  std::lock_guard lock(state_->mutex);
  if (state_->tasks.stopped()) return;
  // A namespace may not be there yet when the server starts.
  Duration next = status ? state_->options.period : std::min<Duration>(state_->options.period, std::chrono::milliseconds(200));
  state_->timer = state_->executor.after(next, state_->tasks.wrap([this] { tick(); }));
}

void KubernetesService::start() {
  state_->executor.post(state_->tasks.wrap([this] { tick(); }));
}

void KubernetesService::stop() {
  {
    std::lock_guard lock(state_->mutex);
    if (state_->timer != 0) state_->executor.cancel(state_->timer);
    state_->timer = 0;
  }
  state_->tasks.stop();
}

}  // namespace reigen::apiserver
