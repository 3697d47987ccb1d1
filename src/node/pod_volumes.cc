#include "node/pod_volumes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.h"
#include "linux/mount.h"
#include "node/payload_writer.h"

namespace reigen::node {
namespace {

using namespace api::corev1;

constexpr int64_t kTokenSeconds = 3607;

std::optional<gid_t> group_of(const Pod& pod) {
  if (!pod.spec.security_context || !pod.spec.security_context->fs_group) return std::nullopt;
  return static_cast<gid_t>(*pod.spec.security_context->fs_group);
}

// The user all containers run as, when they agree: then the token belongs to that user alone.
std::optional<uid_t> user_of(const Pod& pod) {
  std::optional<int64_t> base = pod.spec.security_context ? pod.spec.security_context->run_as_user : std::nullopt, common;
  for (const auto* list : {&pod.spec.init_containers, &pod.spec.containers}) {
    for (const auto& container : *list) {
      auto user = container.security_context && container.security_context->run_as_user ? container.security_context->run_as_user : base;
      if (!user || (common && *common != *user)) return std::nullopt;
      common = user;
    }
  }
  return common ? std::optional<uid_t>(static_cast<uid_t>(*common)) : std::nullopt;
}

template <class T>
Status add_items(const std::vector<KeyToPath>& items, const api::Map<T>& data, bool optional, mode_t mode, const std::string& what, Payload& out,
                 const auto& text_of) {
  if (items.empty()) {
    for (const auto& [key, value] : data) out[key] = {std::string(text_of(value)), mode, {}};
    return {};
  }
  for (const auto& item : items) {
    const auto* value = data.get(item.key);
    if (!value && optional) continue;
    if (!value) return fail(Code::kInvalidArgument, what + " references non-existent " + what.substr(0, what.find(' ')) + " key: " + item.key);
    out[item.path] = {std::string(text_of(*value)), static_cast<mode_t>(item.mode.value_or(static_cast<int32_t>(mode))), {}};
  }
  return {};
}

class Projector {
 public:
  Projector(const VolumeContext& context, mode_t mode, Payload& out) : context_(context), mode_(mode), out_(out) {}

  Status config_map(const std::string& name, const std::vector<KeyToPath>& items, bool optional) {
    auto map = context_.objects.config_map(context_.pod.metadata.namespace_, name);
    if (!map) return optional && map.error().code() == Code::kNotFound ? Status() : fail(map.error());
    api::Map<std::string> all = (*map)->data;
    for (const auto& [key, value] : (*map)->binary_data) all[key] = std::string(value.view());
    return add_items(items, all, optional, mode_, "configmap", out_, [](const std::string& text) -> const std::string& { return text; });
  }

  Status secret(const std::string& name, const std::vector<KeyToPath>& items, bool optional) {
    auto secret = context_.objects.secret(context_.pod.metadata.namespace_, name);
    if (!secret) return optional && secret.error().code() == Code::kNotFound ? Status() : fail(secret.error());
    return add_items(items, (*secret)->data, optional, mode_, "secret", out_, [](const api::Bytes& bytes) { return bytes.view(); });
  }

  Status downward(const std::vector<DownwardAPIVolumeFile>& items) {
    for (const auto& item : items) {
      std::string value;
      if (item.field_ref) {
        TRY_ASSIGN(value, field_value(context_.pod, item.field_ref->field_path, context_.facts, context_.pod_ips));
      }
      if (item.resource_field_ref) {
        static const Container none;
        TRY_ASSIGN(value, resource_value(context_.pod, none, *item.resource_field_ref, context_.facts));
      }
      out_[item.path] = {value, static_cast<mode_t>(item.mode.value_or(static_cast<int32_t>(mode_))), {}};
    }
    return {};
  }

  Status token(const ServiceAccountTokenProjection& source) {
    TRY_ASSIGN(auto token, context_.objects.token(context_.pod, source.audience, source.expiration_seconds.value_or(kTokenSeconds)));
    auto user = user_of(context_.pod);
    bool restricted = user || group_of(context_.pod);
    out_[source.path] = {token.token, restricted ? mode_t{0600} : mode_, user};
    return {};
  }

  Status projected(const ProjectedVolumeSource& source) {
    for (const auto& part : source.sources) {
      if (part.secret) TRY(secret(part.secret->name, part.secret->items, part.secret->optional.value_or(false)));
      if (part.config_map) TRY(config_map(part.config_map->name, part.config_map->items, part.config_map->optional.value_or(false)));
      if (part.downward_api) TRY(downward(part.downward_api->items));
      if (part.service_account_token) TRY(token(*part.service_account_token));
    }
    return {};
  }

 private:
  const VolumeContext& context_;
  mode_t mode_;
  Payload& out_;
};

Status own_group(const std::string& path, std::optional<gid_t> group) {
  if (!group) return {};
  if (::chown(path.c_str(), static_cast<uid_t>(-1), *group) != 0) return fail_errno("chown " + path);
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0 && ::chmod(path.c_str(), (info.st_mode & 07777) | 02770) != 0) return fail_errno("chmod " + path);
  return {};
}

Status prepare_empty_dir(const VolumeContext& context, const EmptyDirVolumeSource& source, const std::string& path) {
  if (!source.medium.empty() && source.medium != "Memory")
    return fail(Code::kUnimplemented, "emptyDir.medium " + source.medium + " is not supported by this node");
  bool fresh = !path_exists(path);
  TRY(make_directories(path, 0777));
  if (source.medium == "Memory" && !linux::is_mount_point(path)) {
    int64_t size = source.size_limit ? source.size_limit->value() : context.facts.memory_bytes;
    TRY(linux::mount_tmpfs(path, size > 0 ? "mode=0777,size=" + std::to_string(size) : "mode=0777"));
    fresh = true;
  }
  if (!fresh) return {};
  if (::chmod(path.c_str(), 0777) != 0) return fail_errno("chmod " + path);
  return own_group(path, group_of(context.pod));
}

Status check_host_path(const HostPathVolumeSource& source) {
  const std::string& path = source.path;
  std::string type = source.type.value_or("");
  struct stat info{};
  bool there = ::stat(path.c_str(), &info) == 0;
  if (type == "DirectoryOrCreate" && !there) return make_directories(path, 0755);
  if (type == "FileOrCreate" && !there) {
    Fd fd(::open(path.c_str(), O_CREAT | O_RDONLY | O_CLOEXEC, 0644));
    return fd ? Status() : fail_errno("create " + path);
  }
  auto wrong = [&](const char* what) { return fail(Code::kInvalidArgument, "hostPath type check failed: " + path + " is not a " + what); };
  if (type.starts_with("Directory") && (!there || !S_ISDIR(info.st_mode))) return wrong("directory");
  if (type.starts_with("File") && (!there || !S_ISREG(info.st_mode))) return wrong("file");
  if (type == "Socket" && (!there || !S_ISSOCK(info.st_mode))) return wrong("socket file");
  if (type == "CharDevice" && (!there || !S_ISCHR(info.st_mode))) return wrong("character device");
  if (type == "BlockDevice" && (!there || !S_ISBLK(info.st_mode))) return wrong("block device");
  if (type.empty() && !there) return make_directories(path, 0755);  // as container runtimes do for a missing bind source
  return {};
}

Status write_projection(const VolumeContext& context, const std::string& path, const Payload& payload, bool memory) {
  TRY(make_directories(path, 0755));
  if (memory && !linux::is_mount_point(path)) TRY(linux::mount_tmpfs(path, "mode=0755,size=64m"));
  auto group = group_of(context.pod);
  if (group && ::chown(path.c_str(), static_cast<uid_t>(-1), *group) != 0) return fail_errno("chown " + path);
  return write_payload(path, payload, group, context.unique);
}

Status prepare_volume(const VolumeContext& context, const Volume& volume) {
  std::string path = context.pod_dir + "/volumes/" + volume.name;
  Payload payload;
  auto projector = [&](const std::optional<int32_t>& mode) { return Projector(context, static_cast<mode_t>(mode.value_or(0644)), payload); };
  if (volume.host_path) return check_host_path(*volume.host_path);
  if (volume.config_map) {
    TRY(projector(volume.config_map->default_mode).config_map(volume.config_map->name, volume.config_map->items, volume.config_map->optional.value_or(false)));
    return write_projection(context, path, payload, false);
  }
  if (volume.secret) {
    TRY(projector(volume.secret->default_mode).secret(volume.secret->secret_name, volume.secret->items, volume.secret->optional.value_or(false)));
    return write_projection(context, path, payload, true);
  }
  if (volume.downward_api) {
    TRY(projector(volume.downward_api->default_mode).downward(volume.downward_api->items));
    return write_projection(context, path, payload, false);
  }
  if (volume.projected) {
    TRY(projector(volume.projected->default_mode).projected(*volume.projected));
    return write_projection(context, path, payload, true);
  }
  static const EmptyDirVolumeSource plain;
  return prepare_empty_dir(context, volume.empty_dir ? *volume.empty_dir : plain, path);
}

// Opens `path` below `root`, making missing folders with the mode of `root`, without ever following a link out of it.
Result<Fd> open_subpath(const std::string& root, const std::string& path) {
  auto there = linux::open_beneath(root, path);
  if (there || there.error().code() != Code::kNotFound) return there;
  TRY_ASSIGN(Fd volume, linux::open_beneath(root, ""));
  struct stat owner{};
  if (::fstat(volume.get(), &owner) != 0) return fail_errno("stat " + root);
  std::string done;
  for (size_t at = 0; at <= path.size();) {
    size_t end = std::min(path.find('/', at), path.size());
    std::string part = path.substr(at, end - at);
    at = end + 1;
    if (part.empty() || part == ".") continue;
    TRY_ASSIGN(Fd parent, linux::open_beneath(root, done));
    bool made = ::mkdirat(parent.get(), part.c_str(), 0700) == 0;
    if (!made && errno != EEXIST) return fail_errno("make " + part + " in " + root + "/" + done);
    // As open as the volume itself, so that a user who may write there may write here.
    if (made && ::fchmodat(parent.get(), part.c_str(), owner.st_mode & 07777, 0) != 0) return fail_errno("set the mode of " + part);
    done += (done.empty() ? "" : "/") + part;
  }
  return linux::open_beneath(root, path);
}

Status bind_subpath(const std::string& root, const std::string& subpath, const std::string& target) {
  TRY_ASSIGN(Fd fd, open_subpath(root, subpath));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return fail_errno("stat " + subpath);
  TRY(linux::unmount(target));
  TRY(make_directories(target.substr(0, target.rfind('/')), 0750));
  if (S_ISDIR(info.st_mode)) {
    TRY(make_directories(target, 0750));
  } else {
    Fd file(::open(target.c_str(), O_CREAT | O_RDONLY | O_CLOEXEC, 0640));
    if (!file) return fail_errno("create " + target);
  }
  return linux::bind_mount(fd.get(), target);
}

// A mount's subPath with its variables replaced and checked. All variables must have a value: a missing one would widen the mount.
Result<std::string> subpath_of(const VolumeMount& mount, const Environment& env) {
  std::string path = mount.sub_path;
  if (!mount.sub_path_expr.empty()) {
    std::set<std::string> missing;
    path = expand_variables(mount.sub_path_expr, env, {}, &missing);
    std::string names;
    for (const auto& name : missing) names += (names.empty() ? "" : ", ") + name;
    if (!names.empty()) return fail(Code::kInvalidArgument, "missing value for " + names);
  }
  if (path.starts_with('/')) return fail(Code::kInvalidArgument, "error SubPath `" + path + "` must not be an absolute path");
  for (size_t at = 0; at <= path.size();) {
    size_t end = std::min(path.find('/', at), path.size());
    if (path.substr(at, end - at) == "..") return fail(Code::kInvalidArgument, "unable to provision SubPath `" + path + "`: must not contain '..'");
    at = end + 1;
  }
  return path;
}

}  // namespace

bool has_refreshed_volumes(const Pod& pod) {
  for (const auto& volume : pod.spec.volumes) {
    if (volume.config_map || volume.secret || volume.downward_api || volume.projected) return true;
  }
  return false;
}

Status prepare_volumes(const VolumeContext& context) {
  TRY(make_directories(context.pod_dir + "/volumes", 0750));
  for (const auto& volume : context.pod.spec.volumes) {
    auto done = prepare_volume(context, volume);
    if (!done) return fail(done.error().context("MountVolume.SetUp failed for volume \"" + volume.name + "\" "));
  }
  return {};
}

Result<std::vector<runtime::Mount>> container_mounts(const VolumeContext& context, const Container& container, const Environment& env) {
  std::vector<runtime::Mount> out;
  int index = -1;
  for (const auto& mount : container.volume_mounts) {
    ++index;
    const Volume* volume = nullptr;
    for (const auto& candidate : context.pod.spec.volumes) {
      if (candidate.name == mount.name) volume = &candidate;
    }
    if (!volume) return fail(Code::kInvalidArgument, "cannot find volume \"" + mount.name + "\" to mount into container \"" + container.name + "\"");
    runtime::Mount result;
    result.source = volume->host_path ? volume->host_path->path : context.pod_dir + "/volumes/" + volume->name;
    TRY_ASSIGN(std::string subpath, subpath_of(mount, env));
    if (!subpath.empty()) {
      std::string target = context.pod_dir + "/subpaths/" + container.name + "/" + std::to_string(index);
      if (auto bound = bind_subpath(result.source, subpath, target); !bound) {
        return fail(Code::kInvalidArgument,
                    "failed to prepare subPath for volumeMount \"" + mount.name + "\" of container \"" + container.name + "\": " + bound.error().message());
      }
      result.source = target;
    }
    result.destination = mount.mount_path.starts_with('/') ? mount.mount_path : "/" + mount.mount_path;
    std::string propagation = mount.mount_propagation.value_or("None");
    result.options = {"rbind", propagation == "Bidirectional" ? "rshared" : propagation == "HostToContainer" ? "rslave" : "rprivate"};
    bool content = volume->config_map || volume->secret || volume->downward_api || volume->projected;
    result.options.push_back(mount.read_only || content ? "ro" : "rw");
    out.push_back(std::move(result));
  }
  return out;
}

Status remove_subpaths(const std::string& pod_dir, const std::string& container) {
  std::string folder = pod_dir + "/subpaths/" + container;
  if (!path_exists(folder)) return {};
  TRY_ASSIGN(auto mounts, linux::mounts_below(folder));
  for (const auto& mount : mounts) TRY(linux::unmount(mount));
  return remove_tree(folder);
}

Status remove_pod_dir(const std::string& pod_dir) {
  if (!path_exists(pod_dir)) return {};
  TRY_ASSIGN(auto mounts, linux::mounts_below(pod_dir));
  for (const auto& mount : mounts) TRY(linux::unmount(mount));
  return remove_tree(pod_dir);
}

}  // namespace reigen::node
