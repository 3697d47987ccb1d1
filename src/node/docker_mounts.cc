#include "node/docker_mounts.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <cstring>

#include "api/docker_names.h"
#include "apiserver/docker_error.h"
#include "base/files.h"
#include "base/log.h"
#include "linux/mount.h"
#include "node/tree_copy.h"

namespace reigen::node {
namespace {

using api::dockerv1::MountPoint;

std::vector<std::string> split(std::string_view text, char by) {
  std::vector<std::string> out;
  for (size_t at = 0; at <= text.size();) {
    size_t end = std::min(text.find(by, at), text.size());
    if (end > at) out.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

Result<Fd> open_folder(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail_errno("open " + path);
  return fd;
}

Error with_status(int status, std::string text) { return apiserver::docker_error(status, std::move(text)); }

// The mount that holds a path, and its optional fields ("shared:1 master:2").
std::pair<std::string, std::string> mount_of(const std::string& path) {
  std::string best, fields;
  std::string table = read_file("/proc/self/mountinfo").value_or("");
  for (const auto& line : split(table, '\n')) {
    auto words = split(line, ' ');
    if (words.size() < 7) continue;
    const std::string& point = words[4];
    bool holds = point == "/" || path == point || path.starts_with(point + "/");
    if (!holds || point.size() < best.size()) continue;
    best = point;
    fields.clear();
    for (size_t i = 6; i < words.size() && words[i] != "-"; ++i) fields += words[i] + " ";
  }
  return {best, fields};
}

Status check_propagation(const std::string& source, const std::string& propagation) {
  bool shared = propagation == "shared" || propagation == "rshared", slave = propagation == "slave" || propagation == "rslave";
  if (!shared && !slave) return {};
  char resolved[PATH_MAX];
  if (!::realpath(source.c_str(), resolved)) return fail_errno("resolve " + source);
  auto [point, fields] = mount_of(resolved);
  bool is_shared = fields.find("shared:") != std::string::npos, is_slave = fields.find("master:") != std::string::npos;
  if (is_shared || (slave && is_slave)) return {};
  return fail(with_status(500, "path " + source + " is mounted on " + point + " but it is not a shared" + (slave ? " or slave" : "") + " mount"));
}

// --- one kind of mount each ---

bool is_folder(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// A volume that is read-only is so with all below it, a bind when it says so (docker/mount_points); both where the kernel can.
Result<std::vector<std::string>> bind_options(const MountPoint& point, const std::string& source) {
  std::vector<std::string> out = {point.non_recursive ? "bind" : "rbind"};
  if (!point.rw) {
    bool forced = std::find(point.options.begin(), point.options.end(), "rro=forced") != point.options.end();
    bool can = linux::has_recursive_read_only(), folder = is_folder(source);  // below a file there is nothing
    if (forced && !can) return fail(with_status(500, "the kernel can make no mount recursively read-only (5.12 or newer can)"));
    out.emplace_back(can && folder && (point.type == "volume" || !point.options.empty()) ? "rro" : "ro");
  }
  std::string propagation = point.propagation.empty() ? "rprivate" : point.propagation;
  // crun takes the r of rprivate for one of rbind, too.
  if (point.non_recursive && propagation.starts_with('r')) propagation.erase(0, 1);
  out.push_back(std::move(propagation));
  return out;
}

Result<std::string> bind_source(const MountPoint& point) {
  if (path_exists(point.source)) return point.source;
  if (!point.create_source) {
    return fail(with_status(400, "invalid mount config for type \"bind\": bind source path does not exist: " + point.source));
  }
  if (auto made = make_directories(point.source, 0755); !made) {
    return fail(with_status(500, "error while creating mount source path '" + point.source + "': " + made.error().message()));
  }
  return point.source;
}

// A part of a volume, whatever links its users put there, bound where nobody can change it.
Result<std::string> bind_subpath(const std::string& folder, const std::string& subpath, const std::string& target) {
  auto opened = linux::open_beneath(folder, subpath);
  if (!opened) return fail(with_status(400, "cannot access path " + folder + "/" + subpath + ": " + opened.error().message()));
  struct stat info{};
  if (::fstat(opened->get(), &info) != 0) return fail_errno("stat " + subpath);
  TRY(make_directories(target.substr(0, target.rfind('/')), 0700));
  if (S_ISDIR(info.st_mode)) TRY(make_directories(target, 0700));
  else if (!path_exists(target)) TRY(write_file(target, ""));
  TRY(linux::bind_mount(opened->get(), target));
  return target;
}

Status check_tmpfs(const std::vector<std::string>& options) {
  static const std::set<std::string_view> kWords = {
      "defaults", "ro",      "rw",      "suid",   "nosuid", "dev",        "nodev",       "exec",       "noexec",     "sync",        "async",
      "dirsync",  "remount", "mand",    "nomand", "atime",  "noatime",    "diratime",    "nodiratime", "bind",       "rbind",       "private",
      "rprivate", "shared",  "rshared", "slave",  "rslave", "unbindable", "runbindable", "relatime",   "norelatime", "strictatime", "nostrictatime"};
  static const std::set<std::string_view> kKeys = {"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"};
  for (const std::string& option : options) {
    size_t equals = option.find('=');
    if (equals == std::string::npos ? kWords.contains(option) : kKeys.contains(option.substr(0, equals))) continue;
    std::string shown = '"' + option + '"';
    if (equals != std::string::npos) shown = '"' + option.substr(0, equals) + "\" \"" + option.substr(equals + 1) + '"';
    return fail(with_status(400, "invalid tmpfs option [" + shown + "]"));
  }
  return {};
}

class Preparation {
 public:
  explicit Preparation(const DockerMountsInput& input) : input_(input) {}

  Result<DockerMounts> run() {
    for (const auto& point : input_.view.object->spec.mounts) TRY(add(point));
    for (const auto& [destination, options] : input_.view.host.tmpfs) {
      TRY(check_tmpfs(split(options, ',')));
      out_.mounts.push_back({"tmpfs", destination, "tmpfs", tmpfs_options(split(options, ','))});
    }
    if (!input_.files_dir.empty()) add_files();
    return std::move(out_);
  }

 private:
  Status add(const MountPoint& point) {
    if (point.destination.empty() || point.destination.front() != '/') {
      return fail(with_status(400, "invalid mount path: '" + point.destination + "' mount path must be absolute"));
    }
    if (point.type == "tmpfs") {
      auto options = tmpfs_options(point.options);
      if (!point.rw) options.emplace_back("ro");
      out_.mounts.push_back({"tmpfs", point.destination, "tmpfs", std::move(options)});
      return {};
    }
    std::string source;
    if (point.type == "volume") {
      TRY_ASSIGN(source, volume_source(point));
    } else if (point.type == "bind") {
      TRY_ASSIGN(source, bind_source(point));
      TRY(check_propagation(source, point.propagation));
    } else {
      return fail(with_status(400, "invalid mount config for type \"" + point.type + "\": mount type unknown"));
    }
    out_.sources[point.destination] = source;
    TRY_ASSIGN(auto options, bind_options(point, source));
    out_.mounts.push_back({source, point.destination, "bind", std::move(options)});
    return {};
  }

  Result<std::string> volume_source(const MountPoint& point) {
    TRY_ASSIGN(std::string folder, input_.volumes.acquire(point.name, input_.user));
    if (!point.no_copy && point.subpath.empty()) TRY(fill(point));
    if (point.subpath.empty()) return folder;
    return bind_subpath(folder, point.subpath, input_.container_dir + "/subpaths/" + input_.user + "/" + std::to_string(out_.mounts.size()));
  }

  Status fill(const MountPoint& point) {
    if (!out_.view) {
      TRY_ASSIGN(out_.view, input_.runtime.view_layer(input_.root, {}));
    }
    TRY(input_.volumes.copy_up(point.name, *out_.view, point.destination));
    // The runtime would make what is missing with a mode of its own. What is in the way it tells better.
    (void)linux::make_folders_in_root(out_.view->fd(), point.destination, 0755);
    return {};
  }

  void add_files() {
    const auto& host = input_.view.host;
    for (const char* name : {"resolv.conf", "hostname", "hosts"}) {
      std::string destination = std::string("/etc/") + name;
      bool taken = std::any_of(out_.mounts.begin(), out_.mounts.end(), [&](const auto& mount) { return mount.destination == destination; });
      if (taken) continue;
      std::vector<std::string> options = {"rbind", host.readonly_rootfs ? "ro" : "rw", "rprivate"};
      out_.mounts.push_back({input_.files_dir + "/" + name, destination, "bind", std::move(options)});
    }
  }

  const DockerMountsInput& input_;
  DockerMounts out_;
};

// --- options of the local driver ---

struct Flag {
  const char* name;
  unsigned long set = 0, clear = 0;
};
constexpr Flag kFlags[] = {{"defaults"},
                           {"ro", MS_RDONLY},
                           {"rw", 0, MS_RDONLY},
                           {"nosuid", MS_NOSUID},
                           {"suid", 0, MS_NOSUID},
                           {"nodev", MS_NODEV},
                           {"dev", 0, MS_NODEV},
                           {"noexec", MS_NOEXEC},
                           {"exec", 0, MS_NOEXEC},
                           {"sync", MS_SYNCHRONOUS},
                           {"async", 0, MS_SYNCHRONOUS},
                           {"dirsync", MS_DIRSYNC},
                           {"remount", 0},
                           {"mand", MS_MANDLOCK},
                           {"nomand", 0, MS_MANDLOCK},
                           {"noatime", MS_NOATIME},
                           {"atime", 0, MS_NOATIME},
                           {"nodiratime", MS_NODIRATIME},
                           {"diratime", 0, MS_NODIRATIME},
                           {"relatime", MS_RELATIME},
                           {"norelatime", 0, MS_RELATIME},
                           {"strictatime", MS_STRICTATIME},
                           {"nostrictatime", 0, MS_STRICTATIME},
                           {"bind", MS_BIND},
                           {"rbind", MS_BIND | MS_REC}};

Status mount_local(const api::dockerv1::Volume& volume, const std::string& target) {
  const auto& opts = volume.spec.driver_opts;
  std::string type = opts.value_or("type", ""), device = opts.value_or("device", "");
  LocalOptions options = parse_local_options(opts.value_or("o", ""));
  if (type == "none" && !(options.flags & MS_BIND)) type.clear();
  const char* data = options.data.empty() ? nullptr : options.data.c_str();
  auto failed = [&](int error) {
    return fail(with_status(500, "error while mounting volume '" + target + "': failed to mount local volume: mount " + device + ":" + target +
                                     (options.flags ? ", flags: 0x" + fmt::format("{:x}", options.flags) : "") +
                                     (options.data.empty() ? "" : ", data: " + options.data) + ": " + ::strerror(error)));
  };
  if (::mount(device.c_str(), target.c_str(), type.c_str(), options.flags, data) != 0) return failed(errno);
  // A bind takes the other flags only when it is mounted again.
  unsigned long rest = options.flags & ~(MS_BIND | MS_REC);
  if ((options.flags & MS_BIND) && rest && ::mount(nullptr, target.c_str(), nullptr, MS_BIND | MS_REMOUNT | rest, nullptr) != 0) {
    int error = errno;
    (void)linux::unmount(target);
    return failed(error);
  }
  return {};
}

bool has_options(const api::dockerv1::Volume& volume) { return volume.spec.driver_opts.contains("device") || volume.spec.driver_opts.contains("type"); }

}  // namespace

std::vector<std::string> tmpfs_options(const std::vector<std::string>& given) {
  static const std::vector<std::pair<std::string, std::string>> opposites = {{"noexec", "exec"}, {"nosuid", "suid"},   {"nodev", "dev"},
                                                                             {"ro", "rw"},       {"noatime", "atime"}, {"sync", "async"}};
  std::vector<std::string> out = {"noexec", "nosuid", "nodev", "rprivate"};
  for (const auto& option : given) {
    std::string key = option.substr(0, option.find('='));
    std::erase_if(out, [&](const std::string& other) {
      if (other.substr(0, other.find('=')) == key) return true;
      return std::any_of(opposites.begin(), opposites.end(),
                         [&](const auto& pair) { return (pair.first == key && pair.second == other) || (pair.second == key && pair.first == other); });
    });
    out.push_back(option);
  }
  return out;
}

LocalOptions parse_local_options(const std::string& text) {
  LocalOptions out;
  for (const auto& word : split(text, ',')) {
    auto known = std::find_if(std::begin(kFlags), std::end(kFlags), [&](const Flag& flag) { return word == flag.name; });
    if (known == std::end(kFlags)) {
      out.data += (out.data.empty() ? "" : ",") + word;
    } else {
      out.flags = (out.flags | known->set) & ~known->clear;
    }
  }
  return out;
}

DockerVolumes::DockerVolumes(std::string data_dir, Find find) : data_dir_(std::move(data_dir)), find_(std::move(find)) {}

std::string DockerVolumes::path(const api::dockerv1::Volume& volume) const { return data_dir_ + "/volumes/" + volume.metadata.uid + "/_data"; }

std::shared_ptr<DockerVolumes::Entry> DockerVolumes::entry(const std::string& uid) {
  std::lock_guard lock(mutex_);
  auto& found = entries_[uid];
  if (!found) found = std::make_shared<Entry>();
  return found;
}

Result<std::string> DockerVolumes::acquire(const std::string& docker_name, const std::string& user) {
  auto volume = find_(docker_name);
  if (!volume) return fail(with_status(404, "get " + docker_name + ": no such volume"));
  std::string folder = path(*volume);
  auto held = entry(volume->metadata.uid);
  std::lock_guard lock(held->mutex);
  if (held->doomed) return fail(with_status(404, "get " + docker_name + ": no such volume"));
  if (!path_exists(folder)) {
    TRY(make_directories(data_dir_ + "/volumes", 0711));
    TRY(make_directories(folder.substr(0, folder.rfind('/')), 0711));
    TRY(make_directories(folder, 0755));
  }
  if (has_options(*volume) && !held->mounted) {
    if (!linux::is_mount_point(folder)) TRY(mount_local(*volume, folder));
    held->mounted = true;
  }
  held->users.insert(user);
  return folder;
}

void DockerVolumes::adopt(const std::string& docker_name, const std::string& user) {
  auto volume = find_(docker_name);
  if (!volume) return;
  auto held = entry(volume->metadata.uid);
  std::lock_guard lock(held->mutex);
  held->users.insert(user);
  held->mounted = has_options(*volume) && linux::is_mount_point(path(*volume));
}

void DockerVolumes::release(const std::string& user) {
  std::vector<std::pair<std::string, std::shared_ptr<Entry>>> all;
  {
    std::lock_guard lock(mutex_);
    all.assign(entries_.begin(), entries_.end());
  }
  for (const auto& [uid, held] : all) {
    std::lock_guard lock(held->mutex);
    if (!held->users.erase(user) || !held->users.empty()) continue;
    if (held->doomed) {
      if (auto done = remove_folder(uid, *held); !done) LOG(kWarning, "docker", "volume {}: {}", uid, done.error().message());
      continue;
    }
    if (!held->mounted) continue;
    if (auto done = linux::unmount(data_dir_ + "/volumes/" + uid + "/_data"); !done) LOG(kWarning, "docker", "{}", done.error().message());
    held->mounted = false;
  }
}

Status DockerVolumes::copy_up(const std::string& docker_name, const runtime::RootView& root, const std::string& destination) {
  auto volume = find_(docker_name);
  if (!volume) return fail(with_status(404, "get " + docker_name + ": no such volume"));
  auto held = entry(volume->metadata.uid);
  std::lock_guard lock(held->mutex);
  TRY_ASSIGN(Fd target, open_folder(path(*volume)));
  TRY_ASSIGN(bool empty, is_empty_folder(target.get()));
  if (!empty) return {};
  auto source = linux::open_in_root("/proc/self/fd/" + std::to_string(root.fd()), destination, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
  if (!source) return {};  // the image has nothing there, or no folder
  auto copied = copy_tree(source->get(), target.get());
  if (!copied) return fail(std::move(copied).error().context("failed to copy the image's content to volume " + docker_name));
  return {};
}

std::vector<std::string> DockerVolumes::on_disk() const { return list_directory(data_dir_ + "/volumes").value_or(std::vector<std::string>()); }

Status DockerVolumes::remove(const std::string& uid) {
  auto held = entry(uid);
  std::lock_guard lock(held->mutex);
  held->doomed = true;
  return held->users.empty() ? remove_folder(uid, *held) : Status();
}

Status DockerVolumes::remove_folder(const std::string& uid, Entry& held) {
  std::string folder = data_dir_ + "/volumes/" + uid;
  TRY(linux::unmount(folder + "/_data"));
  held.mounted = false;
  TRY(remove_tree(folder));
  std::lock_guard lock(mutex_);
  entries_.erase(uid);
  return {};
}

void DockerVolumes::collect(const std::set<std::string>& live) {
  for (const auto& uid : on_disk()) {
    if (live.contains(uid)) continue;
    if (auto done = remove(uid); !done) LOG(kWarning, "docker", "volume {}: {}", uid, done.error().message());
  }
}

std::vector<std::pair<std::string, uint64_t>> DockerVolumes::usage() {
  std::vector<std::pair<std::string, uint64_t>> out;
  for (const auto& uid : on_disk()) {
    auto folder = open_folder(data_dir_ + "/volumes/" + uid + "/_data");
    if (folder) out.emplace_back(uid, tree_bytes(folder->get()));
  }
  return out;
}

Result<DockerMounts> prepare_docker_mounts(const DockerMountsInput& input) {
  auto made = Preparation(input).run();
  if (!made) release_docker_mounts(input.volumes, input.user, input.container_dir);
  return made;
}

void release_docker_mounts(DockerVolumes& volumes, const std::string& user, const std::string& container_dir) {
  std::string folder = container_dir + "/subpaths/" + user;
  for (const auto& name : list_directory(folder).value_or(std::vector<std::string>())) (void)linux::unmount(fmt::format("{}/{}", folder, name));
  (void)remove_tree(folder);
  volumes.release(user);
}

}  // namespace reigen::node
