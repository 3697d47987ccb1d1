#include "runtime/image_user.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "linux/mount.h"

namespace reigen::runtime {
namespace {

constexpr size_t kFileLimit = 1 << 20;

std::vector<std::string_view> split(std::string_view line, char separator) {
  std::vector<std::string_view> out;
  for (size_t at = 0;;) {
    size_t end = line.find(separator, at);
    out.push_back(line.substr(at, end == std::string_view::npos ? end : end - at));
    if (end == std::string_view::npos) return out;
    at = end + 1;
  }
}

std::optional<uint32_t> number(std::string_view text) {
  uint32_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty() || value > 0x7fffffff) return std::nullopt;
  return value;
}

// A number, but none of an id.
bool out_of_range(std::string_view text) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool whole = !text.empty() && end == text.data() + text.size();
  return whole && (error == std::errc::result_out_of_range || value < 0 || value > 0x7fffffff);
}

struct PasswdEntry {
  std::string name, home;
  uint32_t uid = 0, gid = 0;
};

std::optional<PasswdEntry> find_passwd(std::string_view passwd, std::string_view name, std::optional<uint32_t> uid) {
  for (auto line : split(passwd, '\n')) {
    auto fields = split(line, ':');
    if (fields.size() < 6) continue;
    auto entry_uid = number(fields[2]), entry_gid = number(fields[3]);
    if (!entry_uid || !entry_gid) continue;
    if (uid ? *entry_uid == *uid : fields[0] == name) return PasswdEntry{std::string(fields[0]), std::string(fields[5]), *entry_uid, *entry_gid};
  }
  return std::nullopt;
}

std::optional<uint32_t> find_group(std::string_view group, std::string_view name) {
  for (auto line : split(group, '\n')) {
    auto fields = split(line, ':');
    if (fields.size() >= 3 && fields[0] == name) return number(fields[2]);
  }
  return std::nullopt;
}

void add_memberships(std::string_view group, std::string_view name, std::vector<uint32_t>& out) {
  for (auto line : split(group, '\n')) {
    auto fields = split(line, ':');
    if (fields.size() < 4) continue;
    auto members = split(fields[3], ',');
    if (std::find(members.begin(), members.end(), name) == members.end()) continue;
    if (auto gid = number(fields[2])) out.push_back(*gid);
  }
}

std::string read_below(const std::string& root, const std::string& path) {
  auto fd = linux::open_in_root(root, path, O_RDONLY | O_NONBLOCK);
  if (!fd) return "";
  std::string out(kFileLimit, '\0');
  ssize_t count = ::read(fd->get(), out.data(), out.size());
  out.resize(count > 0 ? static_cast<size_t>(count) : 0);
  return out;
}

}  // namespace

Result<ResolvedUser> resolve_user(const User& user, std::string_view passwd, std::string_view group) {
  std::string_view name = user.name, group_name;
  if (size_t colon = name.find(':'); colon != std::string_view::npos) {
    group_name = name.substr(colon + 1);
    name = name.substr(0, colon);
  }
  ResolvedUser out;
  if (out_of_range(name) || out_of_range(group_name)) return fail(Code::kInvalidArgument, "uids and gids must be in range 0-2147483647");
  std::optional<uint32_t> uid = number(name);
  if (user.uid) uid = static_cast<uint32_t>(*user.uid);
  if (!uid && name.empty()) uid = 0;
  auto entry = find_passwd(passwd, name, uid);
  if (!uid && !entry) return fail(Code::kInvalidArgument, "unable to find user " + std::string(name) + ": no matching entries in passwd file");
  out.uid = entry ? entry->uid : *uid;
  out.gid = entry ? entry->gid : 0;
  out.home = entry && !entry->home.empty() ? entry->home : "/";
  if (user.gid) {
    out.gid = static_cast<uint32_t>(*user.gid);
  } else if (!group_name.empty() && !user.uid) {
    auto gid = number(group_name);
    if (!gid) gid = find_group(group, group_name);
    if (!gid) return fail(Code::kInvalidArgument, "unable to find group " + std::string(group_name) + ": no matching entries in group file");
    out.gid = *gid;
  }
  if (user.groups_of_image && entry) add_memberships(group, entry->name, out.groups);
  out.groups.push_back(out.gid);  // so that a file's group "web: none" holds for its members too (CVE-2022-2995)
  for (int64_t gid : user.supplementary) out.groups.push_back(static_cast<uint32_t>(gid));
  for (const auto& wanted : user.supplementary_names) {
    auto gid = find_group(group, wanted);
    if (!gid) return fail(Code::kInvalidArgument, "Unable to find group " + wanted + ": no matching entries in group file");
    out.groups.push_back(*gid);
  }
  std::sort(out.groups.begin(), out.groups.end());
  out.groups.erase(std::unique(out.groups.begin(), out.groups.end()), out.groups.end());
  return out;
}

Result<ResolvedUser> resolve_user_in(const User& user, const std::string& root) {
  return resolve_user(user, read_below(root, "etc/passwd"), read_below(root, "etc/group"));
}

}  // namespace reigen::runtime
