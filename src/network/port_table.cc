#include "network/port_table.h"

#include <algorithm>

#include "base/files.h"
#include "base/log.h"
#include "network/port_file.h"

namespace reigen::network {
namespace {
constexpr size_t kMaxFile = 8 << 20;
}

bool ports_collide(const PortMapping& a, const PortMapping& b) {
  if (a.port.protocol != b.port.protocol || a.port.host_port != b.port.host_port) return false;
  if (a.port.host_ip == b.port.host_ip) return true;
  auto covers = [](const PortMapping& all, const PortMapping& other) {
    return all.port.host_ip.is_any() && (!all.docker || all.port.host_ip.family() == other.port.host_ip.family());
  };
  return covers(a, b) || covers(b, a);
}

Result<std::shared_ptr<PortTable>> PortTable::open(const std::string& run_directory) {
  TRY(make_directories(run_directory, 0755));
  std::shared_ptr<PortTable> table(new PortTable(run_directory));
  if (auto text = read_file(port_file_path(run_directory), kMaxFile)) table->ports_ = parse_ports(*text);
  return table;
}

Status PortTable::check(const std::string& sandbox, std::span<const PortMapping> ports) const {
  for (const PortMapping& port : ports) {
    if (protocol_number(port.port.protocol) == 0) return fail(Code::kInvalidArgument, "host port with protocol " + port.port.protocol);
    for (const auto* all : {&ports_, &held_})
      for (const PortMapping& other : *all)
        if (other.sandbox != sandbox && ports_collide(other, port))
          return fail(Code::kAlreadyExists,
                      "host port " + std::to_string(port.port.host_port) + "/" + port.port.protocol + " is taken by sandbox " + other.sandbox);
  }
  return {};
}

Status PortTable::write(const std::vector<PortMapping>& ports) { return write_file(port_file_path(run_directory_), format_ports(ports), 0644); }

Status PortTable::would_collide(std::span<const PortMapping> ports) const {
  std::lock_guard lock(mutex_);
  return check("", ports);
}

Status PortTable::hold(const std::string& sandbox, std::span<const PortMapping> ports) {
  std::lock_guard lock(mutex_);
  TRY(check("", ports));
  for (const PortMapping& port : ports) held_.emplace_back(port).sandbox = sandbox;
  return {};
}

void PortTable::let_go(const std::string& sandbox) {
  std::lock_guard lock(mutex_);
  std::erase_if(held_, [&](const PortMapping& mapping) { return mapping.sandbox == sandbox; });
}

Status PortTable::claim(const std::string& sandbox, std::span<const PortMapping> ports) {
  std::lock_guard lock(mutex_);
  std::erase_if(held_, [&](const PortMapping& mapping) { return mapping.sandbox == sandbox; });
  TRY(check("", ports));
  if (ports.empty()) return {};
  std::vector<PortMapping> next = ports_;
  next.insert(next.end(), ports.begin(), ports.end());
  for (size_t i = ports_.size(); i < next.size(); i++) next[i].sandbox = sandbox;
  TRY(write(next));
  ports_ = std::move(next);
  return {};
}

Status PortTable::replace(const std::string& sandbox, std::span<const PortMapping> ports) {
  std::lock_guard lock(mutex_);
  TRY(check(sandbox, ports));
  std::vector<PortMapping> next = ports_;
  std::erase_if(next, [&](const PortMapping& mapping) { return mapping.sandbox == sandbox; });
  for (const PortMapping& port : ports) next.emplace_back(port).sandbox = sandbox;
  if (next == ports_) return {};
  TRY(write(next));
  ports_ = std::move(next);
  return {};
}

// What stays in the file when the disk refuses is dropped at the next start: nobody has that sandbox then.
void PortTable::release(const std::string& sandbox) {
  std::lock_guard lock(mutex_);
  if (std::erase_if(ports_, [&](const PortMapping& mapping) { return mapping.sandbox == sandbox; }) == 0) return;
  if (Status done = write(ports_); !done) LOG(kWarning, "network", "give ports back: {}", done.error().message());
}

std::vector<PortMapping> PortTable::of(const std::string& sandbox) const {
  std::lock_guard lock(mutex_);
  std::vector<PortMapping> found;
  for (const PortMapping& mapping : ports_)
    if (mapping.sandbox == sandbox) found.push_back(mapping);
  return found;
}

std::vector<PortMapping> PortTable::all(bool docker) const {
  std::lock_guard lock(mutex_);
  std::vector<PortMapping> found;
  for (const PortMapping& mapping : ports_)
    if (mapping.docker == docker) found.push_back(mapping);
  return found;
}

void PortTable::keep(bool docker, const std::function<bool(const PortMapping&)>& wanted) {
  std::lock_guard lock(mutex_);
  if (std::erase_if(ports_, [&](const PortMapping& mapping) { return mapping.docker == docker && !wanted(mapping); }) == 0) return;
  if (Status done = write(ports_); !done) LOG(kWarning, "network", "forget stale ports: {}", done.error().message());
}

}  // namespace reigen::network
