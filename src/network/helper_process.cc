#include "network/helper_process.h"

#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>

#include <cstdio>

#include "base/fd.h"
#include "base/files.h"
#include "base/process.h"

namespace reigen::network {
namespace {
constexpr int kGraceMs = 2000;
std::string record_path(const std::string& run_directory) { return run_directory + "/helper.pid"; }
}  // namespace

Status write_helper_record(const std::string& run_directory, const HelperRecord& record) {
  return write_file(record_path(run_directory), fmt::format("{} {} {}\n", record.pid, record.start_time, record.version), 0644);
}

std::optional<HelperRecord> living_helper(const std::string& run_directory) {
  auto text = read_file(record_path(run_directory), 4096);
  if (!text) return std::nullopt;
  HelperRecord record;
  unsigned long long start = 0;
  if (std::sscanf(text->c_str(), "%d %llu %d", &record.pid, &start, &record.version) != 3 || record.pid <= 1) return std::nullopt;
  record.start_time = start;
  auto now = process_start_time(record.pid);
  if (!now || *now != record.start_time) return std::nullopt;
  // One that has ended keeps its number until its parent has looked.
  Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, record.pid, 0)));
  pollfd ended{pidfd.get(), POLLIN, 0};
  if (!pidfd || poll(&ended, 1, 0) > 0) return std::nullopt;
  return record;
}

Status stop_helper(const std::string& run_directory) {
  auto record = living_helper(run_directory);
  if (record) {
    Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, record->pid, 0)));
    // Between reading and opening it may have ended and its number be someone else's.
    if (pidfd && living_helper(run_directory)) {
      for (int signal : {SIGTERM, SIGKILL}) {
        if (syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) != 0) break;
        pollfd ended{pidfd.get(), POLLIN, 0};
        if (poll(&ended, 1, kGraceMs) > 0) break;
      }
    }
  }
  return remove_tree(record_path(run_directory));
}

}  // namespace reigen::network
