#include "node/stats_summary.h"

#include <fmt/core.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>

#include "api/corev1.h"
#include "base/files.h"
#include "node/pod_worker.h"

namespace reigen::node {
namespace {

constexpr auto kShortestSpan = std::chrono::seconds(1);

// "Name:   123 kB" of /proc/meminfo in bytes.
uint64_t memory_line(const std::string& text, const std::string& name) {
  auto at = text.find("\n" + name + ":");
  if (at == std::string::npos) return 0;
  return std::strtoull(text.c_str() + at + name.size() + 2, nullptr, 10) * 1024;
}

struct HostUsage {
  runtime::ContainerStats stats;
  uint64_t available = 0;
  WallTime booted{};
};

HostUsage read_host() {
  HostUsage out;
  std::string stat = read_file("/proc/stat", 1 << 20).value_or(""), memory = "\n" + read_file("/proc/meminfo", 1 << 16).value_or("");
  uint64_t user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft_irq = 0, steal = 0;
  std::sscanf(stat.c_str(), "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &user, &nice, &system, &idle,
              &wait, &irq, &soft_irq, &steal);
  uint64_t ticks = user + nice + system + irq + soft_irq + steal;
  out.stats.cpu_ns = ticks * (1'000'000'000 / static_cast<uint64_t>(::sysconf(_SC_CLK_TCK)));
  uint64_t total = memory_line(memory, "MemTotal");
  out.available = memory_line(memory, "MemAvailable");
  out.stats.memory_usage = total - memory_line(memory, "MemFree");
  out.stats.memory_working_set = total - out.available;
  out.stats.memory_rss = memory_line(memory, "AnonPages");
  if (auto at = stat.find("\nbtime "); at != std::string::npos) out.booted = WallTime(std::chrono::seconds(std::strtoll(stat.c_str() + at + 7, nullptr, 10)));
  return out;
}

std::string disk_json(const std::string& folder, const std::string& time) {
  struct statvfs fs{};
  if (folder.empty() || ::statvfs(folder.c_str(), &fs) != 0) return "";
  uint64_t capacity = fs.f_blocks * fs.f_frsize, available = fs.f_bavail * fs.f_frsize, used = capacity - fs.f_bfree * fs.f_frsize;
  return fmt::format("\"time\":\"{}\",\"availableBytes\":{},\"capacityBytes\":{},\"usedBytes\":{},\"inodesFree\":{},\"inodes\":{},\"inodesUsed\":{}", time,
                     available, capacity, used, fs.f_ffree, fs.f_files, fs.f_files - fs.f_ffree);
}

}  // namespace

StatsSummary::StatsSummary(runtime::Runtime& runtime, Clock& clock, std::string node_name, std::string disk)
    : runtime_(runtime), clock_(clock), node_name_(std::move(node_name)), disk_(std::move(disk)) {}

uint64_t StatsSummary::rate(const std::string& id, uint64_t cpu_ns, WallTime start) {
  auto [it, first] = samples_.try_emplace(id);
  Sample& sample = it->second;
  sample.round = round_;
  TimePoint now = clock_.now();
  Duration span = first ? clock_.wall() - start : now - sample.at;
  if (!first && (span < kShortestSpan || cpu_ns < sample.cpu_ns)) return sample.rate;
  uint64_t used = first ? cpu_ns : cpu_ns - sample.cpu_ns;
  double seconds = std::chrono::duration<double>(span).count();
  sample.rate = seconds > 0 ? static_cast<uint64_t>(static_cast<double>(used) / seconds) : 0;
  sample.at = now;
  sample.cpu_ns = cpu_ns;
  return sample.rate;
}

std::string StatsSummary::usage_json(const std::string& id, const runtime::ContainerStats& stats, WallTime start) {
  std::string time = api::Time(clock_.wall()).to_string();
  return fmt::format(
      "\"cpu\":{{\"time\":\"{0}\",\"usageNanoCores\":{1},\"usageCoreNanoSeconds\":{2}}},"
      "\"memory\":{{\"time\":\"{0}\",\"usageBytes\":{3},\"workingSetBytes\":{4},\"rssBytes\":{5},\"pageFaults\":{6},\"majorPageFaults\":{7}}},\"startTime\":\"{"
      "8}\"",
      time, rate(id, stats.cpu_ns, start), stats.cpu_ns, stats.memory_usage, stats.memory_working_set, stats.memory_rss, stats.page_faults,
      stats.major_page_faults, api::Time(start).to_string());
}

// "" when the pod has no sandbox.
std::string StatsSummary::pod_json(PodWorker& worker, runtime::ContainerStats& sum) {
  auto pod = worker.pod();
  auto stats = runtime_.sandbox_stats(worker.sandbox());
  if (!stats) return "";
  sum.cpu_ns += stats->cpu_ns;
  sum.memory_usage += stats->memory_usage;
  sum.memory_working_set += stats->memory_working_set;
  std::string containers;
  for (const auto& [name, handle] : worker.containers()) {
    if (!handle.running) continue;
    auto usage = runtime_.container_stats(handle.id, false);
    auto status = runtime_.container_status(handle.id);
    if (!usage || !status) continue;
    containers += fmt::format("{}{{\"name\":\"{}\",{}}}", containers.empty() ? "" : ",", name, usage_json(handle.id, *usage, status->started_at));
  }
  WallTime start = pod.status.start_time ? pod.status.start_time->wall() : clock_.wall();
  return fmt::format("{{\"podRef\":{{\"name\":\"{}\",\"namespace\":\"{}\",\"uid\":\"{}\"}},\"containers\":[{}],{}}}", pod.metadata.name,
                     pod.metadata.namespace_, pod.metadata.uid, containers, usage_json(pod.metadata.uid, *stats, start));
}

std::string StatsSummary::build(const std::vector<std::shared_ptr<PodWorker>>& workers) {
  std::lock_guard lock(mutex_);
  ++round_;
  std::string pods;
  HostUsage host;
  for (const auto& worker : workers) {
    std::string pod = pod_json(*worker, host.stats);
    if (!pod.empty()) pods += (pods.empty() ? "" : ",") + pod;
  }
  host.booted = clock_.wall();
  if (!disk_.empty()) host = read_host();
  std::string node = usage_json("", host.stats, host.booted), disk = disk_json(disk_, api::Time(clock_.wall()).to_string());
  if (host.available) node.insert(node.find("\"usageBytes\""), fmt::format("\"availableBytes\":{},", host.available));
  if (!disk.empty()) node += ",\"fs\":{" + disk + "},\"runtime\":{\"imageFs\":{" + disk + "}}";
  std::erase_if(samples_, [&](const auto& entry) { return entry.second.round != round_; });
  return fmt::format("{{\"node\":{{\"nodeName\":\"{}\",{}}},\"pods\":[{}]}}", node_name_, node, pods);
}

}  // namespace reigen::node
