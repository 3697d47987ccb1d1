// GET /info
#include <fmt/core.h>

#include "base/files.h"
#include "docker/container_lookup.h"
#include "docker/go_json.h"
#include "docker/host_facts.h"
#include "docker/pod_containers.h"
#include "docker/system_handlers.h"
#include "image/image_store.h"
#include "docker/version_table.h"

namespace reigen::docker {

namespace {

using api::Value;

struct Counts {
  int64_t all = 0, running = 0, paused = 0, stopped = 0;
};

Counts count(const Engine& engine) {
  Counts out;
  auto containers = engine.containers.list();
  for (auto& container : pod_containers(engine)) containers.push_back(std::move(container));
  for (const auto& container : containers) {
    ++out.all;
    if (container->status.state == "paused") {
      ++out.paused;
    } else if (is_running(*container)) {
      ++out.running;
    } else {
      ++out.stopped;
    }
  }
  return out;
}

bool reads_one(const char* path) { return read_file(path, 64).value_or("").starts_with("1"); }

Value strings(std::initializer_list<std::string_view> items) {
  Value out = Value::array();
  for (auto item : items) out.push_back(item);
  return out;
}

Value plugins() {
  return Value::object({{"Volume", strings({"local"})},
                        {"Network", strings({"bridge", "host", "null"})},
                        {"Authorization", Value()},
                        {"Log", strings({"json-file", "local", "none"})}});
}

Value registry() {
  Value hub = Value::object({{"Name", "docker.io"}, {"Mirrors", Value::array()}, {"Secure", true}, {"Official", true}});
  return Value::object(
      {{"InsecureRegistryCIDRs", strings({"::1/128", "127.0.0.0/8"})}, {"IndexConfigs", Value::object({{"docker.io", std::move(hub)}})}, {"Mirrors", Value()}});
}

Value swarm() {
  return Value::object(
      {{"NodeID", ""}, {"NodeAddr", ""}, {"LocalNodeState", "inactive"}, {"ControlAvailable", false}, {"Error", ""}, {"RemoteManagers", Value()}});
}

// Of "name=seccomp,profile=builtin".
Value names_only(const Value& options) {
  Value out = Value::array();
  for (const auto& option : options.items()) {
    std::string_view text = option.text();
    text.remove_prefix(std::string_view("name=").size());
    out.push_back(text.substr(0, text.find(',')));
  }
  return out;
}

void add_limits(Value& out, const HostFacts& host) {
  out.set("MemoryLimit", host.memory_limit);
  out.set("SwapLimit", host.swap_limit);
  out.set("CpuCfsPeriod", host.cpu_quota);
  out.set("CpuCfsQuota", host.cpu_quota);
  out.set("CPUShares", host.cpu_shares);
  out.set("CPUSet", host.cpu_set);
  out.set("PidsLimit", host.pids_limit);
  out.set("IPv4Forwarding", reads_one("/proc/sys/net/ipv4/ip_forward"));
}

void add_host(Value& out, const HostFacts& host, const Engine& engine, ApiVersion version) {
  out.set("Debug", false);
  out.set("NFd", static_cast<int64_t>(list_directory("/proc/self/fd").value_or(std::vector<std::string>()).size()));
  out.set("OomKillDisable", host.oom_kill_disable);
  out.set("NGoroutines", 0);
  out.set("SystemTime", go_time(engine.clock.wall()));
  out.set("LoggingDriver", "json-file");
  out.set("CgroupDriver", "cgroupfs");
  out.set("CgroupVersion", std::to_string(host.cgroup_version));
  out.set("NEventsListener", engine.events.followers());
  out.set("KernelVersion", host.kernel);
  out.set("OperatingSystem", host.operating_system);
  out.set("OSVersion", host.os_version);
  out.set("OSType", "linux");
  out.set("Architecture", host.architecture);
  out.set("IndexServerAddress", "https://index.docker.io/v1/");
  out.set("RegistryConfig", registry());
  out.set("NCPU", host.cpus);
  out.set("MemTotal", host.memory);
  out.set("GenericResources", Value());
  out.set("DockerRootDir", engine.data_dir);
  for (const char* name : {"HttpProxy", "HttpsProxy", "NoProxy"}) out.set(name, "");
  out.set("Name", host.host_name);
  out.set("Labels", Value::array());
  out.set("ExperimentalBuild", false);
  out.set("ServerVersion", kServerVersion);
  Value runtime = Value::object({{"path", "crun"}});
  out.set("Runtimes", Value::object({{"io.containerd.runc.v2", runtime}, {"runc", runtime}}));
  out.set("DefaultRuntime", "runc");
  out.set("Swarm", swarm());
  out.set("LiveRestoreEnabled", true);
  out.set("Isolation", "");
  out.set("InitBinary", "docker-init");
  for (const char* name : {"ContainerdCommit", "RuncCommit", "InitCommit"}) out.set(name, Value::object({{"ID", ""}}));
  Value security = Value::array();
  if (host.apparmor) security.push_back("name=apparmor");
  if (host.seccomp) security.push_back(version < since::kSeccompBuiltin ? "name=seccomp,profile=default" : "name=seccomp,profile=builtin");
  if (host.cgroup_version == 2) security.push_back("name=cgroupns");
  if (version < since::kSecurityOptionFields) security = names_only(security);
  out.set("SecurityOptions", std::move(security));
  out.set("FirewallBackend", Value::object({{"Driver", "nftables"}}));
  out.set("CDISpecDirs", Value::array());
  out.set("Warnings", Value());
}

}  // namespace

void system_info(Call call) {
  const Engine& engine = call.engine;
  Counts containers = count(engine);
  auto images = engine.image_store->list();
  Value out = Value::object({{"ID", engine.instance},
                             {"Containers", containers.all},
                             {"ContainersRunning", containers.running},
                             {"ContainersPaused", containers.paused},
                             {"ContainersStopped", containers.stopped},
                             {"Images", images ? images->size() : 0},
                             {"Driver", "overlay2"},
                             {"DriverStatus", Value::array()},
                             {"Plugins", plugins()}});
  add_limits(out, host_facts());
  add_host(out, host_facts(), engine, call.version);
  call.json(200, std::move(out), "info");
}

}  // namespace reigen::docker
