#include "node/container_stats.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "api/value.h"
#include "base/files.h"
#include "node/container_times.h"

namespace reigen::node {
namespace {

using api::Value;

Value cpu_usage(const runtime::ContainerStats& usage) {
  Value out = Value::object({{"total_usage", usage.cpu_ns}});
  if (!usage.per_cpu_ns.empty()) {
    Value each = Value::array();
    for (uint64_t ns : usage.per_cpu_ns) each.push_back(ns);
    out["percpu_usage"] = std::move(each);
  }
  out["usage_in_kernelmode"] = usage.cpu_system_ns;
  out["usage_in_usermode"] = usage.cpu_user_ns;
  return out;
}

Value throttling(const runtime::ContainerStats& usage) {
  return Value::object({{"periods", usage.periods}, {"throttled_periods", usage.throttled_periods}, {"throttled_time", usage.throttled_ns}});
}

Value blocks(const std::vector<runtime::ContainerStats::Block>& list) {
  if (list.empty()) return nullptr;
  Value out = Value::array();
  for (const auto& entry : list) {
    out.push_back(Value::object({{"major", entry.major}, {"minor", entry.minor}, {"op", entry.op}, {"value", entry.value}}));
  }
  return out;
}

Value memory(const runtime::ContainerStats& usage, const StatsHost& host) {
  Value out = Value::object({{"usage", usage.memory_usage}});
  if (usage.memory_max > 0) out["max_usage"] = usage.memory_max;
  Value counters = Value::object();
  for (const auto& [name, value] : usage.memory_counters) counters[name] = value;
  if (counters.size() > 0) out["stats"] = std::move(counters);
  bool limited = usage.memory_limit > 0 && (host.memory == 0 || usage.memory_limit < host.memory);
  out["limit"] = limited ? usage.memory_limit : host.memory;
  return out;
}

}  // namespace

StatsHost read_stats_host() {
  StatsHost out;
  std::string stat = read_file("/proc/stat", 1 << 20).value_or("");
  // user nice system idle iowait irq softirq
  const char* at = stat.starts_with("cpu ") ? stat.c_str() + 4 : "";
  uint64_t ticks = 0;
  for (int i = 0; i < 7; ++i) {
    char* end = nullptr;
    ticks += std::strtoull(at, &end, 10);
    at = end;
  }
  auto hz = static_cast<uint64_t>(std::max(::sysconf(_SC_CLK_TCK), 1L));
  out.cpu_ns = ticks * (1'000'000'000 / hz);
  for (size_t line = stat.find("\ncpu"); line != std::string::npos; line = stat.find("\ncpu", line + 1)) ++out.cpus;
  out.memory = static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  return out;
}

std::string stats_json(const StatsSample& sample) {
  runtime::ContainerStats none;
  const auto& usage = sample.usage ? *sample.usage : none;
  bool runs = sample.usage.has_value();
  Value out = Value::object();
  out["name"] = sample.name;
  out["id"] = sample.id;
  out["read"] = runs ? docker_time(sample.read) : "0001-01-01T00:00:00Z";
  out["preread"] = "0001-01-01T00:00:00Z";
  Value pids = Value::object();
  if (usage.pids > 0) pids["current"] = usage.pids;
  if (usage.pids_limit > 0) pids["limit"] = usage.pids_limit;
  out["pids_stats"] = std::move(pids);
  out["blkio_stats"] = Value::object({{"io_service_bytes_recursive", blocks(usage.block_bytes)},
                                      {"io_serviced_recursive", blocks(usage.block_operations)},
                                      {"io_queue_recursive", nullptr},
                                      {"io_service_time_recursive", nullptr},
                                      {"io_wait_time_recursive", nullptr},
                                      {"io_merged_recursive", nullptr},
                                      {"io_time_recursive", nullptr},
                                      {"sectors_recursive", nullptr}});
  out["num_procs"] = 0;
  out["storage_stats"] = Value::object();
  Value cpu = Value::object({{"cpu_usage", cpu_usage(usage)}});
  if (runs) {
    cpu["system_cpu_usage"] = sample.host.cpu_ns;
    cpu["online_cpus"] = sample.host.cpus;
  }
  cpu["throttling_data"] = throttling(usage);
  out["cpu_stats"] = std::move(cpu);
  out["memory_stats"] = runs ? memory(usage, sample.host) : Value::object();
  if (!sample.networks.empty()) {
    Value networks = Value::object();
    for (const auto& link : sample.networks) {
      networks[link.name] = Value::object({{"rx_bytes", link.rx_bytes},
                                           {"rx_packets", link.rx_packets},
                                           {"rx_errors", link.rx_errors},
                                           {"rx_dropped", link.rx_dropped},
                                           {"tx_bytes", link.tx_bytes},
                                           {"tx_packets", link.tx_packets},
                                           {"tx_errors", link.tx_errors},
                                           {"tx_dropped", link.tx_dropped}});
    }
    out["networks"] = std::move(networks);
  }
  return api::to_json(out);
}

}  // namespace reigen::node
