// What a control group has used.
#include "linux/cgroup.h"

#include "base/files.h"
#include "linux/cgroup_text.h"

namespace reigen::linux {
namespace {

constexpr uint64_t kNoLimit = 1ull << 62;  // v1 writes a number near 2^63
constexpr size_t kStatLimit = 1 << 16;

std::pair<int64_t, int64_t> device_of(std::string_view text) {
  auto colon = text.find(':');
  if (colon == std::string_view::npos) return {0, 0};
  return {static_cast<int64_t>(number_of(text.substr(0, colon))), static_cast<int64_t>(number_of(text.substr(colon + 1)))};
}

// "8:0 Read 4096"; the last line, "Total 4096", is no device's.
void read_blocks_v1(const std::string& file, std::vector<CgroupUsage::Block>& out) {
  each_line(read_file(file, kStatLimit).value_or(""), [&](std::string_view line) {
    auto parts = words(line);
    if (parts.size() != 3) return;
    auto [major, minor] = device_of(parts[0]);
    out.push_back({major, minor, parts[1], number_of(parts[2])});
  });
}

// "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0"
void read_blocks_v2(const std::string& file, CgroupUsage& out) {
  each_line(read_file(file, kStatLimit).value_or(""), [&](std::string_view line) {
    auto parts = words(line);
    if (parts.empty()) return;
    auto [major, minor] = device_of(parts[0]);
    for (const auto& part : parts) {
      auto equals = part.find('=');
      if (equals == std::string::npos || equals < 2) continue;
      std::string_view key = std::string_view(part).substr(0, equals);
      const char* op = key[0] == 'r' ? "read" : key[0] == 'w' ? "write" : key[0] == 'd' ? "discard" : nullptr;
      if (!op) continue;
      uint64_t value = number_of(std::string_view(part).substr(equals + 1));
      if (key.substr(1) == "bytes") out.block_bytes.push_back({major, minor, op, value});
      if (key.substr(1) == "ios") out.block_operations.push_back({major, minor, op, value});
    }
  });
}

void read_counters(const std::string& text, CgroupUsage& out) {
  each_line(text, [&](std::string_view line) {
    auto blank = line.find(' ');
    if (blank != std::string_view::npos) out.memory_counters.emplace_back(line.substr(0, blank), number_of(line.substr(blank + 1)));
  });
}

uint64_t counter(const CgroupUsage& usage, std::string_view name) {
  for (const auto& [key, value] : usage.memory_counters) {
    if (key == name) return value;
  }
  return 0;
}

void usage_v2(const std::string& at, CgroupUsage& out) {
  std::string cpu = read_file(at + "/cpu.stat", kStatLimit).value_or("");
  out.cpu_ns = field_in(cpu, "usage_usec") * 1000;
  out.cpu_user_ns = field_in(cpu, "user_usec") * 1000;
  out.cpu_system_ns = field_in(cpu, "system_usec") * 1000;
  out.periods = field_in(cpu, "nr_periods");
  out.throttled_periods = field_in(cpu, "nr_throttled");
  out.throttled_ns = field_in(cpu, "throttled_usec") * 1000;
  out.memory = number_in(at + "/memory.current");
  out.memory_max = number_in(at + "/memory.peak");
  out.memory_limit = number_in(at + "/memory.max");  // "max" reads as 0
  read_counters(read_file(at + "/memory.stat", kStatLimit).value_or(""), out);
  out.rss = counter(out, "anon");
  out.page_faults = counter(out, "pgfault");
  out.major_page_faults = counter(out, "pgmajfault");
  read_blocks_v2(at + "/io.stat", out);
}

void usage_v1(const std::string& memory, const std::string& cpuacct, const std::string& cpu, const std::string& blkio, CgroupUsage& out) {
  out.cpu_ns = number_in(cpuacct + "/cpuacct.usage");
  out.cpu_user_ns = number_in(cpuacct + "/cpuacct.usage_user");
  out.cpu_system_ns = number_in(cpuacct + "/cpuacct.usage_sys");
  for (const auto& word : words(read_file(cpuacct + "/cpuacct.usage_percpu", kStatLimit).value_or(""))) out.per_cpu_ns.push_back(number_of(word));
  std::string stat = read_file(cpu + "/cpu.stat", 4096).value_or("");
  out.periods = field_in(stat, "nr_periods");
  out.throttled_periods = field_in(stat, "nr_throttled");
  out.throttled_ns = field_in(stat, "throttled_time");
  out.memory = number_in(memory + "/memory.usage_in_bytes");
  out.memory_max = number_in(memory + "/memory.max_usage_in_bytes");
  out.memory_limit = number_in(memory + "/memory.limit_in_bytes");
  if (out.memory_limit >= kNoLimit) out.memory_limit = 0;
  read_counters(read_file(memory + "/memory.stat", kStatLimit).value_or(""), out);
  out.rss = counter(out, "total_rss");
  out.page_faults = counter(out, "total_pgfault");
  out.major_page_faults = counter(out, "total_pgmajfault");
  if (blkio.empty()) return;
  // BFQ's counters stay empty where another scheduler works; then those of throttling have it.
  read_blocks_v1(blkio + "/blkio.bfq.io_service_bytes_recursive", out.block_bytes);
  read_blocks_v1(blkio + "/blkio.bfq.io_serviced_recursive", out.block_operations);
  if (!out.block_bytes.empty()) return;
  out.block_operations.clear();
  read_blocks_v1(blkio + "/blkio.throttle.io_service_bytes_recursive", out.block_bytes);
  read_blocks_v1(blkio + "/blkio.throttle.io_serviced_recursive", out.block_operations);
}

}  // namespace

Result<CgroupUsage> Cgroups::usage(const std::string& path) const {
  CgroupUsage out;
  bool v2 = mode_ == Mode::kV2;
  std::string memory = folder("memory", path), cpu = folder("cpu", path), cpuacct = folder("cpuacct", path), pids = folder("pids", path);
  if (!path_exists(memory.empty() ? cpu : memory)) return fail(Code::kNotFound, "no cgroup " + path);
  if (v2) usage_v2(memory, out);
  else usage_v1(memory, cpuacct, cpu, folder("blkio", path), out);
  uint64_t inactive = counter(out, v2 ? "inactive_file" : "total_inactive_file");
  out.working_set = out.memory > inactive ? out.memory - inactive : 0;
  out.pids = number_in(pids + "/pids.current");
  out.pids_limit = number_in(pids + "/pids.max");
  return out;
}

}  // namespace reigen::linux
