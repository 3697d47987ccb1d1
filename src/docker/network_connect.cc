// POST /networks/x/connect and disconnect
#include <fmt/core.h>

#include <algorithm>

#include "api/docker_names.h"
#include "api/json.h"
#include "apiserver/docker_error.h"
#include "docker/container_lookup.h"
#include "docker/network_handlers.h"
#include "docker/network_requests.h"
#include "docker/object_writes.h"
#include "docker/wire_form.h"
#include "docker/error_answer.h"

namespace reigen::docker {

namespace {

using api::Value;
using api::dockerv1::Container;
using api::dockerv1::Network;
using api::dockerv1::NetworkRequest;

constexpr Duration kLimit = std::chrono::seconds(60);

Fail wrong(std::string message) { return fail(Code::kInvalidArgument, std::move(message)); }

bool is_on(const NetworkRequest& request, const Network& network) {
  return request.network_id.empty() ? request.network == network.spec.docker_name : request.network_id == network.metadata.name;
}

// Whether the node has it.
bool has_endpoint(const Container& container, const Network& network) {
  return std::ranges::any_of(container.status.networks,
                             [&](const auto& endpoint) { return endpoint.network_id == network.metadata.name && !endpoint.endpoint_id.empty(); });
}

bool is_none(const NetworkRequest& request) { return request.network == "none"; }

Status check_modes(const Container& container, const Network& network) {
  std::string mode = host_config_of(container).network_mode;
  if (mode.starts_with("container:") || mode == "host")
    return wrong("container sharing network namespace with another container or host cannot be connected to any other network");
  if (network.spec.driver == "host") return wrong("container cannot be disconnected from host network or connected to host network");
  const auto& asked = container.spec.networks;
  bool to_none = network.spec.docker_name == "none";
  if (to_none ? !std::ranges::all_of(asked, is_none) : std::ranges::any_of(asked, is_none))
    return wrong("container cannot be connected to multiple networks with one of the networks in private (none) mode");
  return {};
}

// What the controller could not give, as the pod's record says it; nothing while it is at work.
std::optional<Error> refused(const Engine& engine, const std::string& container, const std::string& network) {
  for (const auto& pod : engine.pods.by_index(kByContainer, container)) {
    const auto* text = pod->metadata.annotations.get(api::kEndpointsAnnotation);
    if (!text) continue;
    auto record = api::decode_json_as<api::dockerv1::EndpointsRecord>(*text);
    if (!record || record->error.empty() || record->error_network != network) continue;
    return apiserver::docker_error(record->error_code == 0 ? 500 : record->error_code, record->error);
  }
  return std::nullopt;
}

Status remove_request(Engine& engine, const std::string& id, const Network& network) {
  TRY(change_container(engine, id, [&](Container& object) -> Result<bool> {
    return std::erase_if(object.spec.networks, [&](const auto& request) { return is_on(request, network); }) > 0;
  }));
  return {};
}

struct Connect : std::enable_shared_from_this<Connect> {
  explicit Connect(Call call_) : call(std::move(call_)), engine(call.engine) {}
  Call call;
  Engine& engine;
  std::shared_ptr<const Network> network;
  std::string id;
  std::optional<Error> error;

  Status begin() {
    TRY_ASSIGN(Value body, as_bad_request(call.json_body()));
    TRY_ASSIGN(Value formed, wire_form<api::dockerv1::NetworkConnect>(body));
    TRY_ASSIGN(auto container, find_changeable(engine, formed.text_at({"Container"})));
    id = container->metadata.name;
    const Value* settings = formed.find("EndpointConfig");
    auto found = find_network(engine, call.params[0]);
    if (!found && found.error().code() == Code::kNotFound && !has_process(*container)) return connect_later(settings ? *settings : Value());
    if (!found) return fail(found.error());
    network = std::move(*found);
    TRY(check_modes(*container, *network));
    bool running = has_process(*container);
    bool there = std::ranges::any_of(container->spec.networks, [&](const auto& request) { return is_on(request, *network); });
    TRY_ASSIGN(auto request, endpoint_request(network->spec.docker_name, network.get(), settings ? *settings : Value(), context()));
    if (running && there) {
      return fail(apiserver::docker_error(
          403, fmt::format("endpoint with name {} already exists in network {}", container->spec.docker_name, network->spec.docker_name)));
    }
    request.network_id = network->metadata.name;
    TRY_ASSIGN(auto changed, change_container(engine, id, [&](Container& object) -> Result<bool> {
                 std::erase_if(object.spec.networks, [&](const auto& other) { return is_on(other, *network); });
                 object.spec.networks.push_back(request);
                 return true;
               }));
    wait_seen(engine, engine.containers.untyped(), changed->metadata.resource_version);
    if (!running) {
      call.empty(200);
      return {};
    }
    wait();
    return {};
  }

  NetworkContext context() {
    return {.find_network = [](std::string_view) { return std::shared_ptr<const Network>(); },
            .find_container = [this](std::string_view name) -> Result<std::string> {
              TRY_ASSIGN(auto found, find_shareable(engine, name));
              return found->metadata.name;
            }};
  }

  // A network that is not there yet is looked for when the container starts.
  Status connect_later(const Value& settings) {
    const std::string& name = call.params[0];
    TRY_ASSIGN(auto request, endpoint_request(name, nullptr, settings, context()));
    TRY_ASSIGN(auto changed, change_container(engine, id, [&](Container& object) -> Result<bool> {
                 std::erase_if(object.spec.networks, [&](const auto& other) { return other.network == name; });
                 object.spec.networks.push_back(request);
                 return true;
               }));
    wait_seen(engine, engine.containers.untyped(), changed->metadata.resource_version);
    call.empty(200);
    return {};
  }

  void wait() {
    engine.waits.until(
        id,
        [self = shared_from_this()](const ContainerPtr& now) {
          if (!now || !has_process(*now) || has_endpoint(*now, *self->network)) return true;
          self->error = refused(self->engine, self->id, self->network->spec.docker_name);
          return self->error.has_value();
        },
        [self = shared_from_this()](Result<ContainerPtr> waited) { self->engine.work.post([self, waited] { self->end(waited); }); }, kLimit);
  }

  void end(const Result<ContainerPtr>& waited) {
    if (waited && !error) return call.empty(200);
    (void)remove_request(engine, id, *network);
    call.error(error ? *error : waited.error());
  }
};

// As moby's ForceEndpointDelete: endpoints whose container is gone. There are none here.
Status disconnect_nobody(Engine& engine, const std::string& name, const std::string& network) {
  TRY(find_network(engine, network));
  return fail(Code::kNotFound, fmt::format("endpoint {} not found", name));
}

// Of a container that does not run: also a network that was never there.
Status disconnect_unknown(const std::shared_ptr<Call>& call, const Container& container) {
  const std::string& name = call->params[0];
  size_t removed = 0;
  TRY_ASSIGN(auto changed, change_container(call->engine, container.metadata.name, [&](Container& object) -> Result<bool> {
               removed = std::erase_if(object.spec.networks, [&](const auto& request) { return request.network == name; });
               return removed > 0;
             }));
  if (removed == 0) return fail(apiserver::docker_error(500, fmt::format("container {} is not connected to the network {}", container.metadata.name, name)));
  wait_seen(call->engine, call->engine.containers.untyped(), changed->metadata.resource_version);
  call->empty(200);
  return {};
}

Status disconnect(const std::shared_ptr<Call>& call) {
  Engine& engine = call->engine;
  TRY_ASSIGN(Value body, as_bad_request(call->json_body()));
  TRY_ASSIGN(Value formed, wire_form<api::dockerv1::NetworkDisconnect>(body));
  const std::string name(formed.text_at({"Container"}));
  auto known = find_changeable(engine, name);
  const Value* force = formed.find("Force");
  if (!known && known.error().code() == Code::kNotFound && force && force->bool_or(false)) return disconnect_nobody(engine, name, call->params[0]);
  if (!known) return fail(known.error());
  auto container = std::move(*known);
  auto found = find_network(engine, call->params[0]);
  if (!found && found.error().code() == Code::kNotFound && !has_process(*container)) return disconnect_unknown(call, *container);
  if (!found) return fail(found.error());
  auto network = std::move(*found);
  const std::string id = container->metadata.name;
  if (network->spec.driver == "host") return wrong("container cannot be disconnected from host network or connected to host network");
  bool there = std::ranges::any_of(container->spec.networks, [&](const auto& request) { return is_on(request, *network); });
  if (!there)
    return fail(apiserver::docker_error(
        500, fmt::format("container {} is not connected to {}network {}", id, is_running(*container) ? "" : "the ", network->spec.docker_name)));
  TRY(remove_request(engine, id, *network));
  if (!has_process(*container)) {  // no endpoint goes whose end would be told
    Event gone = network_event(*network, "disconnect");
    gone.attributes.insert(gone.attributes.begin(), {"container", id});
    engine.events.add(std::move(gone));
  }
  engine.waits.until(
      id,
      [network](const ContainerPtr& now) {
        if (!now) return true;
        bool asked = std::ranges::any_of(now->spec.networks, [&](const auto& request) { return is_on(request, *network); });
        return !asked && (!has_process(*now) || !has_endpoint(*now, *network));
      },
      [call](Result<ContainerPtr> waited) {
        if (!waited) return call->error(waited.error());
        call->empty(200);
      },
      kLimit);
  return {};
}

}  // namespace

void network_connect(Call call) {
  auto connect = std::make_shared<Connect>(std::move(call));
  if (auto begun = connect->begin(); !begun) connect->call.error(begun.error());
}

void network_disconnect(Call call) {
  auto shared = std::make_shared<Call>(std::move(call));
  if (auto begun = disconnect(shared); !begun) shared->error(begun.error());
}

}  // namespace reigen::docker
