#include "compose/container_request.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "compose/labels.h"
#include "compose/mounts_request.h"
#include "compose/short_forms.h"

namespace reigen::compose {
namespace {

using api::Value;

int64_t integer_of(const Value* value) {
  if (!value) return 0;
  if (!value->is_string()) return static_cast<int64_t>(value->number_or(0));
  int64_t number = 0;
  auto text = value->text();
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

class Request {
 public:
  Request(const Project& project, const Service& service, const RequestFacts& facts)
      : project_(project), service_(service), spec_(service.spec), facts_(facts) {}

  Result<ContainerRequest> run() {
    TRY(config());
    TRY(health());
    Value& host = out_.body["HostConfig"];
    TRY(host_config(host));
    resources(host);
    TRY(devices(host));
    TRY(add_mounts(project_, service_, facts_, host));
    TRY(networks(host));
    return std::move(out_);
  }

 private:
  bool flag(std::string_view key) const { return spec_.find(key) && spec_.find(key)->bool_or(false); }
  void copy(Value& to, std::string_view name, std::string_view key) const {
    if (const Value* value = spec_.find(key); value && !value->is_null()) to.set(name, *value);
  }

  Status config() {
    Value& body = out_.body;
    body = Value::object();
    copy(body, "Hostname", "hostname");
    copy(body, "Domainname", "domainname");
    copy(body, "User", "user");
    copy(body, "Tty", "tty");
    copy(body, "OpenStdin", "stdin_open");
    copy(body, "Cmd", "command");
    copy(body, "Entrypoint", "entrypoint");
    copy(body, "WorkingDir", "working_dir");
    copy(body, "StopSignal", "stop_signal");
    body.set("Image", service_.image);
    body.set("AttachStdout", true);
    body.set("AttachStderr", true);
    if (service_.stop_grace_seconds) body.set("StopTimeout", *service_.stop_grace_seconds);
    if (facts_.api_minor < 44) {
      copy(body, "MacAddress", "mac_address");
      const Value* own = service_.networks.empty() ? nullptr : spec_.at({"networks", service_.networks[0], "mac_address"});
      if (own) body.set("MacAddress", *own);
    }
    Value labels = container_labels(project_, service_, facts_.number, facts_.one_off);
    labels.set(kHashLabel, service_hash(project_, service_));
    if (!facts_.image_id.empty()) labels.set(kImageLabel, facts_.image_id);
    body.set("Labels", std::move(labels));
    Value env = Value::array();
    if (const Value* variables = spec_.find("environment"))
      for (const auto& member : variables->members())
        env.push_back(member.value.is_null() ? std::string(member.key()) : fmt::format("{}={}", member.key(), member.value.text()));
    body.set("Env", std::move(env));
    return ports();
  }

  Status ports() {
    Value exposed = Value::object(), bindings = Value::object();
    size_t exposes = 0;
    if (const Value* ports = spec_.find("ports"))
      for (const auto& port : ports->items()) {
        auto protocol = port.text_at({"protocol"});
        std::string key = fmt::format("{}/{}", integer_of(port.find("target")), protocol.empty() ? "tcp" : protocol);
        exposed.set(key, Value::object());
        bindings[key].push_back(Value::object({{"HostIp", port.text_at({"host_ip"})}, {"HostPort", port.text_at({"published"})}}));
      }
    if (const Value* ports = spec_.find("expose"))
      for (const auto& port : ports->items()) {
        auto parsed = parse_port(port.text());
        if (!parsed) continue;
        exposes += parsed->size();
        if (exposes > kMaxPorts) return fail(Code::kInvalidArgument, fmt::format("services.{}.expose: more than {} ports", service_.name, kMaxPorts));
        for (const auto& one : *parsed) exposed.set(fmt::format("{}/{}", integer_of(one.find("target")), one.text_at({"protocol"})), Value::object());
      }
    out_.body.set("ExposedPorts", std::move(exposed));
    out_.body["HostConfig"].set("PortBindings", std::move(bindings));
    return {};
  }

  Status health() {
    const Value* health = spec_.find("healthcheck");
    if (!health || !health->is_object()) return {};
    Value out = Value::object();
    if (const Value* test = health->find("test"); test && !test->is_null()) out.set("Test", *test);
    if (health->find("disable") && health->find("disable")->bool_or(false)) out.set("Test", Value::array({"NONE"}));
    for (auto [name, key] : {std::pair("Interval", "interval"), std::pair("Timeout", "timeout"), std::pair("StartPeriod", "start_period"),
                             std::pair("StartInterval", "start_interval")}) {
      auto text = health->text_at({key});
      if (text.empty()) continue;
      if (std::string_view(key) == "start_interval" && facts_.api_minor < 44)
        return fail(Code::kUnimplemented, fmt::format("services.{}.healthcheck.start_interval needs an engine with API 1.44", service_.name));
      TRY_ASSIGN(Duration duration, parse_duration(text));
      out.set(name, duration.count());
    }
    if (const Value* retries = health->find("retries")) out.set("Retries", integer_of(retries));
    out_.body.set("Healthcheck", std::move(out));
    return {};
  }

  Status host_config(Value& host) const {
    static constexpr std::pair<std::string_view, std::string_view> same[] = {
        {"CapAdd", "cap_add"},
        {"CapDrop", "cap_drop"},
        {"Dns", "dns"},
        {"DnsSearch", "dns_search"},
        {"DnsOptions", "dns_opt"},
        {"GroupAdd", "group_add"},
        {"Privileged", "privileged"},
        {"ReadonlyRootfs", "read_only"},
        {"Runtime", "runtime"},
        {"Sysctls", "sysctls"},
        {"StorageOpt", "storage_opt"},
        {"UsernsMode", "userns_mode"},
        {"UTSMode", "uts"},
        {"CgroupnsMode", "cgroup"},
        {"CgroupParent", "cgroup_parent"},
        {"Annotations", "annotations"},
        {"Init", "init"},
        {"VolumeDriver", "volume_driver"},
        {"Isolation", "isolation"},
        {"OomScoreAdj", "oom_score_adj"},
    };
    for (auto [name, key] : same) copy(host, name, key);
    if (spec_.has("shm_size")) host.set("ShmSize", integer_of(spec_.find("shm_size")));
    for (auto [name, key] : {std::pair("IpcMode", "ipc"), std::pair("PidMode", "pid")}) {
      if (!spec_.text_at({key}).empty()) {
        TRY_ASSIGN(std::string mode, shared_mode(spec_.text_at({key})));
        host.set(name, mode);
      }
    }
    if (const Value* hosts = spec_.find("extra_hosts")) {
      Value list = Value::array();
      for (const auto& entry : hosts->items()) {
        std::string text(entry.text());
        if (size_t at = text.find('='); at != std::string::npos) text[at] = ':';
        list.push_back(text);
      }
      host.set("ExtraHosts", std::move(list));
    }
    if (const Value* logging = spec_.find("logging")) {
      Value options = logging->find("options") ? *logging->find("options") : Value::object();
      host.set("LogConfig", Value::object({{"Type", logging->text_at({"driver"})}, {"Config", std::move(options)}}));
    }
    TRY(security(host));
    Value tmpfs = Value::object();
    if (const Value* list = spec_.find("tmpfs"))
      for (const auto& entry : list->items()) {
        auto text = entry.text();
        size_t colon = text.find(':');
        tmpfs.set(text.substr(0, colon), colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1));
      }
    if (tmpfs.size() > 0) host.set("Tmpfs", std::move(tmpfs));
    return restart(host);
  }

  // "service:x" is x's container.
  Result<std::string> shared_mode(std::string_view mode) const {
    std::string name = shared_service(mode);
    if (name.empty()) return std::string(mode);
    auto found = facts_.containers.find(name);
    if (found == facts_.containers.end())
      return fail(Code::kNotFound, fmt::format("service {} has no container whose namespace {} could share", name, service_.name));
    return "container:" + found->second;
  }

  Status security(Value& host) const {
    const Value* options = spec_.find("security_opt");
    if (!options) return {};
    Value list = Value::array();
    for (const auto& option : options->items()) {
      std::string text(option.text());
      if (text == "systempaths=unconfined") {
        host.set("MaskedPaths", Value::array());
        host.set("ReadonlyPaths", Value::array());
        continue;
      }
      size_t at = text.find_first_of("=:");
      if (at == std::string::npos && text != "no-new-privileges") return fail(Code::kInvalidArgument, fmt::format("invalid security-opt: \"{}\"", text));
      if (text.starts_with("seccomp") && at == 7 && text.substr(8) != "unconfined" && text.substr(8) != "builtin") {
        TRY_ASSIGN(std::string profile, read_profile(project_.directory, text.substr(8)));
        text = "seccomp=" + profile;
      }
      list.push_back(text);
    }
    host.set("SecurityOpt", std::move(list));
    return {};
  }

  Status restart(Value& host) const {
    std::string text(spec_.text_at({"restart"}));
    int64_t attempts = 0;
    if (text.empty()) {
      const Value* policy = spec_.at({"deploy", "restart_policy"});
      if (!policy) return {};
      auto condition = policy->text_at({"condition"});
      text = condition == "none" ? "no" : condition == "on-failure" ? "on-failure" : condition == "unless-stopped" ? "unless-stopped" : "always";
      attempts = integer_of(policy->find("max_attempts"));
      if (text != "on-failure") attempts = 0;
    } else if (size_t colon = text.find(':'); colon != std::string::npos) {
      auto [end, ec] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), attempts);
      if (ec != std::errc() || end != text.data() + text.size())
        return fail(Code::kInvalidArgument, fmt::format("services.{}.restart: invalid restart policy \"{}\"", service_.name, text));
      text.resize(colon);
    }
    host.set("RestartPolicy", Value::object({{"Name", text}, {"MaximumRetryCount", attempts}}));
    return {};
  }

  void resources(Value& host) const {
    static constexpr std::pair<std::string_view, std::string_view> numbers[] = {
        {"CpuShares", "cpu_shares"},
        {"CpuPeriod", "cpu_period"},
        {"CpuQuota", "cpu_quota"},
        {"CpuRealtimePeriod", "cpu_rt_period"},
        {"CpuRealtimeRuntime", "cpu_rt_runtime"},
        {"Memory", "mem_limit"},
        {"MemoryReservation", "mem_reservation"},
        {"MemorySwap", "memswap_limit"},
        {"MemorySwappiness", "mem_swappiness"},
        {"PidsLimit", "pids_limit"},
        {"CpuCount", "cpu_count"},
        {"CpuPercent", "cpu_percent"},
    };
    for (auto [name, key] : numbers)
      if (spec_.has(key)) host.set(name, integer_of(spec_.find(key)));
    copy(host, "CpusetCpus", "cpuset");
    copy(host, "OomKillDisable", "oom_kill_disable");
    auto cpus = [&](const Value* value) {
      if (value) host.set("NanoCpus", static_cast<int64_t>(std::llround(value->number_or(0) * 1e9)));
    };
    cpus(spec_.find("cpus"));
    cpus(spec_.at({"deploy", "resources", "limits", "cpus"}));
    if (const Value* value = spec_.at({"deploy", "resources", "limits", "memory"})) host.set("Memory", integer_of(value));
    if (const Value* value = spec_.at({"deploy", "resources", "limits", "pids"})) host.set("PidsLimit", integer_of(value));
    if (const Value* value = spec_.at({"deploy", "resources", "reservations", "memory"})) host.set("MemoryReservation", integer_of(value));
    if (const Value* limits = spec_.find("ulimits")) {
      Value list = Value::array();
      for (const auto& member : limits->members()) {
        const Value* single = member.value.is_object() ? member.value.find("single") : &member.value;
        const Value* soft = single ? single : member.value.find("soft");
        const Value* hard = single ? single : member.value.find("hard");
        list.push_back(Value::object({{"Name", member.key()}, {"Soft", integer_of(soft ? soft : hard)}, {"Hard", integer_of(hard ? hard : soft)}}));
      }
      host.set("Ulimits", std::move(list));
    }
    blkio(host);
  }

  void blkio(Value& host) const {
    const Value* config = spec_.find("blkio_config");
    if (!config) return;
    if (config->has("weight")) host.set("BlkioWeight", integer_of(config->find("weight")));
    auto list = [&](std::string_view name, std::string_view key, std::string_view what, std::string_view field) {
      const Value* given = config->find(key);
      if (!given) return;
      for (const auto& entry : given->items()) host[name].push_back(Value::object({{"Path", entry.text_at({"path"})}, {field, integer_of(entry.find(what))}}));
    };
    list("BlkioWeightDevice", "weight_device", "weight", "Weight");
    list("BlkioDeviceReadBps", "device_read_bps", "rate", "Rate");
    list("BlkioDeviceWriteBps", "device_write_bps", "rate", "Rate");
    list("BlkioDeviceReadIOps", "device_read_iops", "rate", "Rate");
    list("BlkioDeviceWriteIOps", "device_write_iops", "rate", "Rate");
  }

  Status devices(Value& host) const {
    if (const Value* devices = spec_.find("devices"))
      for (const auto& device : devices->items())
        host["Devices"].push_back(Value::object({{"PathOnHost", device.text_at({"source"})},
                                                 {"PathInContainer", device.text_at({"target"})},
                                                 {"CgroupPermissions", device.text_at({"permissions"})}}));
    copy(host, "DeviceCgroupRules", "device_cgroup_rules");
    for (const Value* requests : {spec_.find("gpus"), spec_.at({"deploy", "resources", "reservations", "devices"})}) {
      if (!requests) continue;
      for (const auto& request : requests->items()) TRY(device_request(host, request, requests == spec_.find("gpus")));
    }
    return {};
  }

  Status device_request(Value& host, const Value& request, bool gpus) const {
    Value capabilities = request.find("capabilities") ? *request.find("capabilities") : Value::array();
    if (gpus) capabilities.push_back("gpu");
    Value out = Value::object({{"Driver", request.text_at({"driver"})}, {"Capabilities", Value::array({std::move(capabilities)})}});
    if (const Value* ids = request.find("device_ids")) out.set("DeviceIDs", *ids);
    if (const Value* count = request.find("count")) out.set("Count", integer_of(count));
    else if (!request.has("device_ids")) out.set("Count", -1);
    if (const Value* options = request.find("options"); options && options->is_object()) out.set("Options", *options);
    host["DeviceRequests"].push_back(std::move(out));
    return {};
  }

  // "container:alias" of every container of a linked service, under each name it may be called by.
  std::vector<std::string> links() const {
    std::vector<std::string> out;
    auto add = [&](std::string_view container, std::string_view alias) {
      std::string link = fmt::format("{}:{}", container, alias);
      if (std::ranges::find(out, link) == out.end()) out.push_back(std::move(link));
    };
    if (const Value* links = spec_.find("links"))
      for (const auto& link : links->items()) {
        auto text = link.text();
        size_t colon = text.find(':');
        std::string name(text.substr(0, colon));
        std::string_view alias = colon == std::string_view::npos ? text : text.substr(colon + 1);
        auto found = facts_.link_names.find(name);
        if (found == facts_.link_names.end()) continue;
        for (const auto& container : found->second) {
          add(container, alias);
          add(container, container);
          if (container.starts_with(project_.name + project_.separator())) add(container, container.substr(project_.name.size() + 1));
        }
      }
    if (const Value* links = spec_.find("external_links"))
      for (const auto& link : links->items()) {
        auto text = link.text();
        size_t colon = text.find(':');
        add(text.substr(0, colon), colon == std::string_view::npos ? text : text.substr(colon + 1));
      }
    return out;
  }

  Value endpoint(const std::string& network, const std::vector<std::string>& links, bool first) const {
    Value out = Value::object(), aliases = Value::array();
    aliases.push_back(facts_.name);
    const Value* given = spec_.at({"networks", network});
    if (facts_.use_aliases) {
      aliases.push_back(service_.name);
      if (const Value* more = given ? given->find("aliases") : nullptr)
        for (const auto& alias : more->items()) aliases.push_back(alias);
    }
    out.set("Aliases", std::move(aliases));
    if (!links.empty()) {
      Value list = Value::array();
      for (const auto& link : links) list.push_back(link);
      out.set("Links", std::move(list));
    }
    std::string_view mac = first ? spec_.text_at({"mac_address"}) : "";
    if (given) {
      Value ipam = Value::object();
      for (auto [name, key] : {std::pair("IPv4Address", "ipv4_address"), std::pair("IPv6Address", "ipv6_address"), std::pair("LinkLocalIPs", "link_local_ips")})
        if (const Value* value = given->find(key)) ipam.set(name, *value);
      if (ipam.size() > 0) out.set("IPAMConfig", std::move(ipam));
      if (const Value* options = given->find("driver_opts")) out.set("DriverOpts", *options);
      if (auto name = given->text_at({"interface_name"}); !name.empty()) out["DriverOpts"].set("com.docker.network.endpoint.ifname", name);
      if (const Value* priority = given->find("gw_priority")) out.set("GwPriority", *priority);
      if (auto own = given->text_at({"mac_address"}); !own.empty()) mac = own;
    }
    if (!mac.empty() && facts_.api_minor >= 44) out.set("MacAddress", mac);
    return out;
  }

  Status networks(Value& host) {
    auto links_here = links();
    std::string mode(spec_.text_at({"network_mode"}));
    if (!mode.empty()) {
      TRY_ASSIGN(std::string shared, shared_mode(mode));
      host.set("NetworkMode", shared);
      for (const auto& link : links_here) host["Links"].push_back(link);
      return {};
    }
    bool first = true;
    for (const auto& key : service_.networks) {
      auto found = project_.networks.find(key);
      if (found == project_.networks.end()) continue;
      Value settings = endpoint(key, links_here, first);
      if (first) host.set("NetworkMode", found->second.name);
      if (first || facts_.api_minor >= 44) out_.body["NetworkingConfig"]["EndpointsConfig"].set(found->second.name, std::move(settings));
      else out_.further_networks.emplace_back(found->second.name, std::move(settings));
      first = false;
    }
    if (first) host.set("NetworkMode", "none");
    return {};
  }

  const Project& project_;
  const Service& service_;
  const Value& spec_;
  const RequestFacts& facts_;
  ContainerRequest out_;
};

}  // namespace

Result<ContainerRequest> make_container_request(const Project& project, const Service& service, const RequestFacts& facts) {
  return Request(project, service, facts).run();
}

Value network_body(const Project& project, const Resource& network) {
  Value body = Value::object({{"Name", network.name}, {"CheckDuplicate", true}});
  const Value& spec = network.spec;
  if (!spec.text_at({"driver"}).empty()) body.set("Driver", spec.text_at({"driver"}));
  if (const Value* options = spec.find("driver_opts"); options && options->is_object()) body.set("Options", *options);
  for (auto [name, key] : {std::pair("Internal", "internal"), std::pair("Attachable", "attachable"), std::pair("EnableIPv6", "enable_ipv6"),
                           std::pair("EnableIPv4", "enable_ipv4")})
    if (const Value* value = spec.find(key)) body.set(name, *value);
  if (const Value* ipam = spec.find("ipam"); ipam && ipam->size() > 0) {
    Value& out = body["IPAM"];
    auto driver = ipam->text_at({"driver"});
    out = Value::object({{"Driver", driver.empty() ? "default" : driver}});
    if (const Value* options = ipam->find("options"); options && options->is_object()) out.set("Options", *options);
    if (const Value* pools = ipam->find("config"))
      for (const auto& pool : pools->items()) {
        Value entry = Value::object();
        for (auto [name, key] : {std::pair("Subnet", "subnet"), std::pair("IPRange", "ip_range"), std::pair("Gateway", "gateway"),
                                 std::pair("AuxiliaryAddresses", "aux_addresses")})
          if (const Value* value = pool.find(key)) entry.set(name, *value);
        out["Config"].push_back(std::move(entry));
      }
  }
  Value labels = resource_labels(project, network, kNetworkLabel);
  labels.set(kHashLabel, resource_hash(network));
  body.set("Labels", std::move(labels));
  return body;
}

Value volume_body(const Project& project, const Resource& volume) {
  Value body = Value::object({{"Name", volume.name}});
  if (!volume.spec.text_at({"driver"}).empty()) body.set("Driver", volume.spec.text_at({"driver"}));
  if (const Value* options = volume.spec.find("driver_opts"); options && options->is_object()) body.set("DriverOpts", *options);
  body.set("Labels", resource_labels(project, volume, kVolumeLabel));
  return body;
}

}  // namespace reigen::compose
