#include "apiserver/strategy/docker_strategies.h"

#include "api/docker_names.h"
#include "api/dockerv1.h"
#include "api/errors.h"
#include "api/json.h"
#include "api/metav1.h"
#include "api/object.h"
#include "apiserver/docker_users.h"
#include "apiserver/object_reader.h"
#include "apiserver/strategy/docker_pools.h"
#include "apiserver/strategy/instance.h"
#include "apiserver/validation/checks.h"

namespace reigen::apiserver {
namespace {

using api::BadValue;
using api::FieldError;
using api::FieldErrors;
using api::FieldPath;
using api::Object;
using namespace api::dockerv1;

std::vector<std::string> check_id(std::string_view name) {
  if (api::is_docker_id(name)) return {};
  return {"must be 64 hexadecimal digits in lower case"};
}

bool is_controller(const StrategyContext& context) { return context.user && context.user->name == kContainerControllerUser; }

// A container or network has its Docker name only while a claim says so; claims are made first.
void check_claimed(StrategyContext& context, std::string_view kind, const std::string& docker_name, const std::string& holder, FieldErrors& errors) {
  FieldPath spec("spec"), path = spec.child("dockerName");
  if (docker_name.empty()) return errors.push_back(FieldError::required(path));
  if (!context.reader) return;
  std::string claim_name = api::claim_object_name(kind, docker_name);
  if (claim_name.empty()) return errors.push_back(FieldError::too_long(path, 80));
  auto found = context.reader->get(api::kDockerGroup, "nameclaims", "", claim_name);
  if (found && found->as<NameClaim>().spec.holder == holder) return;
  errors.push_back(FieldError::invalid(path, docker_name, kind == "Container" ? "is not claimed by this container" : "is not claimed by this network"));
}

template <class View>
void check_view(FieldErrors& errors, const FieldPath& path, const api::RawExtension& json) {
  if (json.raw.empty()) return errors.push_back(FieldError::required(path));
  auto view = api::decode_json_as<View>(json.raw);
  if (!view) errors.push_back(FieldError::invalid(path, BadValue::raw("<JSON>"), view.error().message()));
}

void check_mounts(FieldErrors& errors, const FieldPath& spec, const std::vector<MountPoint>& mounts) {
  for (size_t i = 0; i < mounts.size(); ++i) {
    FieldPath path = spec.child("mounts", i);
    const MountPoint& mount = mounts[i];
    check_known(errors, path.child("type"), mount.type, {"bind", "image", "tmpfs", "volume"});
    if (!mount.destination.starts_with('/')) errors.push_back(FieldError::invalid(path.child("destination"), mount.destination, "must be an absolute path"));
    if (mount.type == "bind" && !mount.source.starts_with('/'))
      errors.push_back(FieldError::invalid(path.child("source"), mount.source, "must be an absolute path"));
    if (mount.type == "volume") require(errors, path.child("name"), mount.name);
  }
}

void check_networks(FieldErrors& errors, const FieldPath& spec, const std::vector<NetworkRequest>& networks) {
  for (size_t i = 0; i < networks.size(); ++i) {
    FieldPath path = spec.child("networks", i);
    require(errors, path.child("network"), networks[i].network);
    if (!networks[i].network_id.empty() && !api::is_docker_id(networks[i].network_id))
      errors.push_back(FieldError::invalid(path.child("networkID"), networks[i].network_id, check_id("").front()));
    for (size_t other = 0; other < i; ++other)
      if (networks[other].network == networks[i].network) errors.push_back(FieldError::duplicate(path.child("network"), networks[i].network));
  }
}

// All of hostConfig but what `docker update` changes.
bool same_fixed_part(const api::RawExtension& a, const api::RawExtension& b) {
  if (a.raw == b.raw) return true;
  auto left = api::decode_json_as<HostConfig>(a.raw), right = api::decode_json_as<HostConfig>(b.raw);
  if (!left || !right) return false;
  static_cast<Resources&>(*left) = static_cast<const Resources&>(*right);
  left->restart_policy = right->restart_policy;
  return *left == *right;
}

void check_run(FieldErrors& errors, const FieldPath& spec, const RunRequest& run, const RunRequest& old) {
  FieldPath path = spec.child("run");
  if (run.number != old.number && run.number != old.number + 1)
    errors.push_back(FieldError::invalid(path.child("number"), run.number, "must stay or grow by one"));
  if (run.grace_seconds.value_or(0) < 0)
    errors.push_back(FieldError::invalid(path.child("graceSeconds"), *run.grace_seconds, std::string(api::kMustBeNonNegative)));
}

void check_fixed(FieldErrors& errors, const FieldPath& path, const ContainerSpec& spec, const ContainerSpec& old) {
  BadValue shown = BadValue::raw("<changed>");
  check_immutable(errors, path.child("nodeName"), spec.node_name, old.node_name);
  check_immutable(errors, path.child("imageName"), spec.image_name, old.image_name);
  check_immutable(errors, path.child("imageID"), spec.image_id, old.image_id);
  check_immutable(errors, path.child("created"), spec.created, old.created);
  check_immutable(errors, path.child("path"), spec.path, old.path);
  check_immutable(errors, path.child("args"), spec.args, old.args, shown);
  check_immutable(errors, path.child("config"), spec.config.raw, old.config.raw, shown);
  check_immutable(errors, path.child("mounts"), spec.mounts, old.mounts, shown);
  if (!same_fixed_part(spec.host_config, old.host_config))
    errors.push_back(FieldError::invalid(path.child("hostConfig"), shown, "only resources and RestartPolicy may change"));
}

void check_status(FieldErrors& errors, const ContainerStatus& status, const ContainerSpec& spec, const ContainerStatus& old) {
  FieldPath path("status");
  check_known(errors, path.child("state"), status.state, {"created", "dead", "exited", "paused", "restarting", "running"});
  if (status.run_number < old.run_number || status.run_number > spec.run.number)
    errors.push_back(FieldError::invalid(path.child("runNumber"), status.run_number, "must be a run that was asked for and not an earlier one"));
}

class ContainerStrategy final : public Strategy {
 public:
  void prepare_create(StrategyContext& context, Object& object) const override {
    Strategy::prepare_create(context, object);
    object.mut<Container>().status.state = "created";
  }
  void validate(StrategyContext& context, const Object& object, FieldErrors& errors) const override {
    const Container& container = object.as<Container>();
    const ContainerSpec& spec = container.spec;
    FieldPath path("spec");
    require(errors, path.child("nodeName"), spec.node_name);
    require(errors, path.child("imageID"), spec.image_id);
    if (!spec.docker_name.empty() && !api::is_docker_name(spec.docker_name))
      errors.push_back(FieldError::invalid(path.child("dockerName"), spec.docker_name, "only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"));
    check_parts(errors, path, spec);
    FieldPath run = path.child("run");
    if (spec.run.number != 0 || spec.run.wanted) errors.push_back(FieldError::forbidden(run.child("number"), "a new container has not been started"));
    check_claimed(context, "Container", spec.docker_name, container.metadata.name, errors);
  }
  void validate_update(StrategyContext& context, const Object& object, const Object& old_object, FieldErrors& errors) const override {
    const Container &container = object.as<Container>(), &old = old_object.as<Container>();
    if (context.part == Part::kStatus) return check_status(errors, container.status, container.spec, old.status);
    FieldPath path("spec");
    check_fixed(errors, path, container.spec, old.spec);
    check_parts(errors, path, container.spec);
    check_run(errors, path, container.spec.run, old.spec.run);
    if (container.spec.docker_name != old.spec.docker_name) check_claimed(context, "Container", container.spec.docker_name, container.metadata.name, errors);
  }
  bool counts_generation() const override { return true; }
  bool repeats_metadata_errors() const override { return false; }
  std::vector<std::string> check_name(std::string_view name, bool) const override { return check_id(name); }
  std::vector<std::string_view> fields() const override { return {"spec.nodeName", "spec.dockerName", "spec.imageID", "status.state"}; }
  std::string field_value(const Object& object, std::string_view field) const override {
    const Container& container = object.as<Container>();
    if (field == "spec.nodeName") return container.spec.node_name;
    if (field == "spec.dockerName") return container.spec.docker_name;
    if (field == "spec.imageID") return container.spec.image_id;
    return container.status.state;
  }

 private:
  static void check_parts(FieldErrors& errors, const FieldPath& path, const ContainerSpec& spec) {
    check_view<Config>(errors, path.child("config"), spec.config);
    check_view<HostConfig>(errors, path.child("hostConfig"), spec.host_config);
    check_mounts(errors, path, spec.mounts);
    check_networks(errors, path, spec.networks);
  }
};

class NetworkStrategy final : public Strategy {
 public:
  void validate(StrategyContext& context, const Object& object, FieldErrors& errors) const override {
    const Network& network = object.as<Network>();
    FieldPath spec("spec");
    check_known(errors, spec.child("driver"), network.spec.driver, {"bridge", "host", "null"});
    if (network.spec.builtin && !is_controller(context))
      errors.push_back(FieldError::forbidden(spec.child("builtin"), "may only be set by the container controller"));
    if (network.spec.config_only && network.spec.driver != "null")
      errors.push_back(FieldError::invalid(spec.child("driver"), network.spec.driver, "must be null of what is only a configuration"));
    if (network.spec.driver != "bridge" && !network.spec.config_only && !network.spec.pools.empty())
      errors.push_back(FieldError::forbidden(spec.child("pools"), "only networks of the driver bridge have addresses"));
    if (!network.spec.config_only) check_pools(errors, spec, network.spec.pools);
    check_claimed(context, "Network", network.spec.docker_name, network.metadata.name, errors);
  }
  void validate_update(StrategyContext&, const Object& object, const Object& old, FieldErrors& errors) const override {
    NetworkSpec spec = object.as<Network>().spec;
    spec.labels = old.as<Network>().spec.labels;
    if (!(spec == old.as<Network>().spec)) errors.push_back(FieldError::forbidden(FieldPath("spec"), "only labels of a network may change"));
  }
  // Two creations at once both see neither network in the store.
  Result<Rollback> begin_create(StrategyContext& context, Object& object) const override {
    Network& network = object.mut<Network>();
    auto held = hold_network(context.reader, network.spec);
    if (!held) return Fail(api::forbidden({api::kDockerGroup, "networks"}, network.metadata.name, kPoolOverlaps));
    return Rollback([held = std::move(*held)]() mutable { held.reset(); });
  }
  Status check_delete(StrategyContext& context, const Object& object) const override {
    const Network& network = object.as<Network>();
    if (!network.spec.builtin || is_controller(context)) return {};
    return Fail(
        api::forbidden({api::kDockerGroup, "networks"}, network.metadata.name, network.spec.docker_name + " is a pre-defined network and cannot be removed"));
  }
  bool repeats_metadata_errors() const override { return false; }
  std::vector<std::string> check_name(std::string_view name, bool) const override { return check_id(name); }
};

class VolumeStrategy final : public Strategy {
 public:
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    const Volume& volume = object.as<Volume>();
    FieldPath spec("spec"), metadata("metadata");
    if (!api::is_docker_name(volume.spec.docker_name))
      errors.push_back(FieldError::invalid(spec.child("dockerName"), volume.spec.docker_name, "only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"));
    else if (volume.metadata.name != api::volume_object_name(volume.spec.docker_name))
      errors.push_back(FieldError::invalid(metadata.child("name"), volume.metadata.name, "must be made from spec.dockerName"));
    require(errors, spec.child("nodeName"), volume.spec.node_name);
    check_known(errors, spec.child("driver"), volume.spec.driver, {"local"});
  }
  void validate_update(StrategyContext&, const Object& object, const Object& old, FieldErrors& errors) const override {
    VolumeSpec spec = object.as<Volume>().spec;
    spec.labels = old.as<Volume>().spec.labels;
    if (!(spec == old.as<Volume>().spec)) errors.push_back(FieldError::forbidden(FieldPath("spec"), "only labels of a volume may change"));
  }
  bool repeats_metadata_errors() const override { return false; }
};

class NameClaimStrategy final : public Strategy {
 public:
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    const NameClaim& claim = object.as<NameClaim>();
    FieldPath spec("spec"), metadata("metadata");
    check_known(errors, spec.child("kind"), claim.spec.kind, {"Container", "Network"});
    require(errors, spec.child("dockerName"), claim.spec.docker_name);
    if (claim.metadata.name != api::claim_object_name(claim.spec.kind, claim.spec.docker_name))
      errors.push_back(FieldError::invalid(metadata.child("name"), claim.metadata.name, "must be made from spec.kind and spec.dockerName"));
    if (!api::is_docker_id(claim.spec.holder)) errors.push_back(FieldError::invalid(spec.child("holder"), claim.spec.holder, check_id("").front()));
  }
  void validate_update(StrategyContext&, const Object& object, const Object& old, FieldErrors& errors) const override {
    if (!(object.as<NameClaim>().spec == old.as<NameClaim>().spec)) errors.push_back(FieldError::forbidden(FieldPath("spec"), "a claim never changes"));
  }
  // Without its claim, a second container could take the name of one that is there.
  Status check_delete(StrategyContext& context, const Object& object) const override {
    const NameClaim& claim = object.as<NameClaim>();
    if (!context.reader || is_controller(context) || (context.user && context.user->name == kDockerEndpointUser)) return {};
    bool container = claim.spec.kind == "Container";
    auto holder = context.reader->get(api::kDockerGroup, container ? "containers" : "networks", "", claim.spec.holder);
    if (!holder) return {};
    const std::string& name = container ? holder->as<Container>().spec.docker_name : holder->as<Network>().spec.docker_name;
    if (name != claim.spec.docker_name) return {};
    return Fail(api::forbidden({api::kDockerGroup, "nameclaims"}, claim.metadata.name, "its holder exists and has the name"));
  }
  bool repeats_metadata_errors() const override { return false; }
};

}  // namespace

const Strategy& docker_container_strategy() { return instance<ContainerStrategy>(); }
const Strategy& docker_network_strategy() { return instance<NetworkStrategy>(); }
const Strategy& docker_volume_strategy() { return instance<VolumeStrategy>(); }
const Strategy& docker_name_claim_strategy() { return instance<NameClaimStrategy>(); }

}  // namespace reigen::apiserver
