#include "node/node_status.h"

#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "api/json.h"
#include "api/value.h"
#include "base/files.h"

namespace reigen::node {
namespace {

using namespace api::corev1;

constexpr std::string_view kResources[] = {"cpu", "memory", "pods", "ephemeral-storage", "hugepages-1Gi", "hugepages-2Mi"};
constexpr size_t kImagesShown = 50;  // kubelet's nodeStatusMaxImages

std::string first_line(const std::string& path) {
  std::string text = read_file(path, 4096).value_or("");
  text.erase(std::find(text.begin(), text.end(), '\n'), text.end());
  return text;
}

std::string os_release_name() {
  std::string text = read_file("/etc/os-release", 65536).value_or("");
  auto at = text.find("PRETTY_NAME=\"");
  if (at == std::string::npos) return "Linux";
  at += 13;
  return text.substr(at, text.find('"', at) - at);
}

struct Wanted {
  const char* type;
  bool status;
  const char* reason;
  const char* message;
};
constexpr Wanted kConditions[] = {{"MemoryPressure", false, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"},
                                  {"DiskPressure", false, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"},
                                  {"PIDPressure", false, "KubeletHasSufficientPID", "kubelet has sufficient PID available"},
                                  {"Ready", true, "KubeletReady", "kubelet is posting ready status"}};

bool set_conditions(NodeStatus& status, api::Time now) {
  bool changed = false;
  for (const auto& wanted : kConditions) {
    auto it = std::find_if(status.conditions.begin(), status.conditions.end(), [&](const auto& c) { return c.type == wanted.type; });
    if (it == status.conditions.end()) it = status.conditions.emplace(status.conditions.end());
    const char* value = wanted.status ? "True" : "False";
    if (it->status != value) {
      it->last_transition_time = now;
      changed = true;
    }
    it->type = wanted.type;
    it->status = value;
    it->reason = wanted.reason;
    it->message = wanted.message;
    it->last_heartbeat_time = now;
  }
  return changed;
}

}  // namespace

HostFacts read_host_facts(const AgentOptions& options) {
  HostFacts out;
  utsname names{};
  ::uname(&names);
  out.kernel = names.release;
  out.hostname = options.hollow ? options.node_name : names.nodename;
  out.architecture = std::string(names.machine) == "x86_64" ? "amd64" : std::string(names.machine) == "aarch64" ? "arm64" : names.machine;
  out.boot_id = first_line("/proc/sys/kernel/random/boot_id");
  out.machine_id = first_line("/etc/machine-id");
  out.system_uuid = first_line("/sys/class/dmi/id/product_uuid");
  if (out.system_uuid.empty()) out.system_uuid = out.machine_id;
  out.os_image = os_release_name();
  if (options.hollow) {
    out.cpus = options.hollow_cpu;
    out.memory = options.hollow_memory;
    out.disk = int64_t{100} << 30;
    return out;
  }
  out.cpus = std::max(1l, ::sysconf(_SC_NPROCESSORS_ONLN));
  out.memory = static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
  struct statvfs fs{};
  if (::statvfs(options.data_dir.c_str(), &fs) == 0) out.disk = static_cast<int64_t>(fs.f_blocks * fs.f_frsize);
  return out;
}

Node make_node(const AgentOptions& options, const HostFacts& host, const runtime::Runtime&) {
  Node node;
  node.metadata.name = options.node_name;
  auto& labels = node.metadata.labels;
  for (const char* prefix : {"", "beta."}) {
    labels[std::string(prefix) + "kubernetes.io/arch"] = host.architecture;
    labels[std::string(prefix) + "kubernetes.io/os"] = "linux";
  }
  labels["kubernetes.io/hostname"] = options.node_name;
  for (const auto& [name, value] : options.labels) labels[name] = value;
  if (!options.pod_cidrs.empty()) {
    node.spec.pod_cidr = options.pod_cidrs.front();
    node.spec.pod_cidrs = options.pod_cidrs;
  }
  return node;
}

bool update_node_status(Node& node, const AgentOptions& options, const HostFacts& host, const runtime::Runtime& runtime, const std::vector<NodeImage>& images,
                        api::Time now) {
  NodeStatus before = node.status;
  auto& status = node.status;
  using Format = api::Quantity::Format;
  auto set = [&](const char* name, api::Quantity quantity) { status.capacity[name] = status.allocatable[name] = quantity; };
  set("cpu", api::Quantity::from_int(host.cpus));
  set("memory", api::Quantity::from_int(host.memory / 1024 * 1024, Format::kBinarySi));
  set("pods", api::Quantity::from_int(options.max_pods));
  set("ephemeral-storage", api::Quantity::from_int(host.disk / 1024 * 1024, Format::kBinarySi));
  status.allocatable["ephemeral-storage"] = api::Quantity::from_int(host.disk / 10 * 9);
  for (const char* name : {"hugepages-1Gi", "hugepages-2Mi"}) set(name, api::Quantity());
  status.addresses.clear();
  for (const auto& ip : options.addresses) {
    auto& address = status.addresses.emplace_back();
    address.type = "InternalIP";
    address.address = ip;
  }
  auto& hostname = status.addresses.emplace_back();
  hostname.type = "Hostname";
  hostname.address = options.node_name;
  status.daemon_endpoints.kubelet_endpoint.port = options.kubelet_port;
  auto& info = status.node_info;
  info.machine_id = host.machine_id;
  info.system_uuid = host.system_uuid;
  info.boot_id = host.boot_id;
  info.kernel_version = host.kernel;
  info.os_image = host.os_image;
  info.container_runtime_version = runtime.name() + "://" + runtime.version();
  info.kubelet_version = info.kube_proxy_version = options.version;
  info.operating_system = "linux";
  info.architecture = host.architecture;
  status.images.clear();
  for (const auto& image : images) {
    if (status.images.size() == kImagesShown) break;
    auto& shown = status.images.emplace_back();
    shown.names = image.names;
    shown.size_bytes = static_cast<int64_t>(image.size);
  }
  bool changed = set_conditions(status, now);
  before.conditions = status.conditions;
  return changed || !(before == status);
}

std::string node_status_patch(const NodeStatus& status) {
  NodeStatus sent = status;
  sent.phase.clear();
  sent.volumes_attached.clear();
  std::erase_if(sent.conditions, [](const auto& condition) {
    return std::none_of(std::begin(kConditions), std::end(kConditions), [&](const auto& own) { return condition.type == own.type; });
  });
  api::Value patch = api::Value::object();
  auto& to = patch.set("status", api::to_value(api::type_of<NodeStatus>(), &sent));
  // Addresses are merged by type, so that of two of one type one would stay.
  if (auto* addresses = to.find("addresses")) addresses->items().insert(addresses->items().begin(), api::Value::object({{"$patch", "replace"}}));
  if (status.images.empty()) to.set("images", nullptr);
  for (const char* map : {"capacity", "allocatable"}) {
    std::vector<std::string> others;
    if (auto* resources = to.find(map)) {
      for (const auto& resource : resources->members())
        if (std::ranges::find(kResources, resource.key()) == std::end(kResources)) others.emplace_back(resource.key());
      for (const auto& name : others) resources->erase(name);
    }
  }
  return api::to_json(patch);
}

}  // namespace reigen::node
