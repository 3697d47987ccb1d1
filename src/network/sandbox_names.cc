#include "network/sandbox_names.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/files.h"
#include "base/log.h"

namespace reigen::network {
namespace {

constexpr size_t kMaxFile = 64 << 20;
constexpr size_t kMaxSandboxes = 65536;

// The text up to the separator, which is taken off too; all of it where there is none.
std::string_view take(std::string_view& text, char separator) {
  auto at = std::min(text.find(separator), text.size());
  std::string_view part = text.substr(0, at);
  text.remove_prefix(std::min(text.size(), at + 1));
  return part;
}

bool is_word(std::string_view text, std::string_view forbidden = {}) {
  return !text.empty() &&
         std::ranges::all_of(text, [&](unsigned char c) { return c > ' ' && c < 127 && forbidden.find(static_cast<char>(c)) == std::string_view::npos; });
}

bool is_writable(const SandboxNames& names) {
  return is_word(names.sandbox) && is_word(names.netns) && std::ranges::all_of(names.networks, [](const auto& network) { return is_word(network, ",-"); });
}

std::string line_of(const SandboxNames& names) {
  std::string networks, servers;
  for (const std::string& network : names.networks) networks += (networks.empty() ? "" : ",") + network;
  for (const IpAddress& server : names.servers) servers += (servers.empty() ? "" : ",") + server.str();
  std::string line =
      fmt::format("{} {} {} {} {}", names.sandbox, names.netns, networks.empty() ? "-" : networks, servers.empty() ? "-" : servers, names.forward ? 1 : 0);
  for (const auto& [alias, id] : names.links)
    if (is_word(alias, "=") && is_word(id, "=")) line += fmt::format(" {}={}", alias, id);
  return line + "\n";
}

bool parse_line(std::string_view line, SandboxNames& names) {
  names.sandbox = take(line, ' ');
  names.netns = take(line, ' ');
  std::string_view networks = take(line, ' '), servers = take(line, ' '), forward = take(line, ' ');
  if (!is_word(names.sandbox) || !is_word(names.netns) || networks.empty() || servers.empty() || (forward != "0" && forward != "1")) return false;
  while (networks != "-" && !networks.empty()) {
    std::string_view network = take(networks, ',');
    if (!is_word(network, "-")) return false;
    names.networks.emplace_back(network);
  }
  while (servers != "-" && !servers.empty()) {
    auto server = IpAddress::parse(take(servers, ','));
    if (!server) return false;
    names.servers.push_back(*server);
  }
  names.forward = forward == "1";
  while (!line.empty()) {
    std::string_view link = take(line, ' ');
    std::string_view alias = take(link, '=');
    if (!is_word(alias) || !is_word(link, "=")) return false;
    names.links.emplace_back(alias, link);
  }
  return true;
}

}  // namespace

std::string sandbox_names_path(const std::string& run_directory) { return run_directory + "/docker-sandboxes"; }

std::string format_sandbox_names(std::span<const SandboxNames> sandboxes) {
  std::string text;
  for (const SandboxNames& names : sandboxes)
    if (is_writable(names)) text += line_of(names);
  return text;
}

std::vector<SandboxNames> parse_sandbox_names(std::string_view text) {
  std::vector<SandboxNames> sandboxes;
  while (!text.empty() && sandboxes.size() < kMaxSandboxes) {
    SandboxNames names;
    if (parse_line(take(text, '\n'), names)) sandboxes.push_back(std::move(names));
  }
  return sandboxes;
}

SandboxNamesFile::SandboxNamesFile(const std::string& run_directory) : path_(sandbox_names_path(run_directory)) {
  auto text = read_file(path_, kMaxFile);
  if (!text) return;
  for (SandboxNames& names : parse_sandbox_names(*text)) sandboxes_[names.sandbox] = std::move(names);
}

Status SandboxNamesFile::write() {
  std::vector<SandboxNames> all;
  for (const auto& [sandbox, names] : sandboxes_) all.push_back(names);
  return write_file(path_, format_sandbox_names(all), 0644);
}

Status SandboxNamesFile::set(SandboxNames names) {
  if (!is_writable(names)) return fail(Code::kInvalidArgument, "names of sandbox " + names.sandbox + ": an id or path cannot be written");
  std::lock_guard lock(mutex_);
  auto known = sandboxes_.find(names.sandbox);
  if (known != sandboxes_.end() && known->second == names) return {};
  sandboxes_[names.sandbox] = std::move(names);
  return write();
}

Status SandboxNamesFile::remove(const std::string& sandbox) {
  std::lock_guard lock(mutex_);
  return sandboxes_.erase(sandbox) > 0 ? write() : Status();
}

Status SandboxNamesFile::collect(const std::set<std::string>& live) {
  std::lock_guard lock(mutex_);
  return std::erase_if(sandboxes_, [&](const auto& entry) { return !live.contains(entry.first); }) > 0 ? write() : Status();
}

}  // namespace reigen::network
