// Retained layers, mounted once for all who have them, and views of containers' files.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/files.h"
#include "base/log.h"
#include "linux/mount.h"
#include "linux/pidfd.h"
#include "runtime/crun_state.h"
#include "runtime/layer_changes.h"
#include "runtime/layer_copy.h"

namespace reigen::runtime {
namespace {

// What Docker puts into a root when the image lacks it, so that mounts find their places. It lies below the image's layers: what those
// have wins, and the writable layer does not show it.
Status make_base_layer(const std::string& path) {
  if (path_exists(path)) return {};
  std::string made = path + ".new";
  TRY(remove_tree(made));
  for (const char* name : {"/dev/pts", "/dev/shm", "/etc", "/proc", "/sys"}) TRY(make_directories(made + name, 0755));
  for (const char* name : {"/.dockerenv", "/dev/console", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"}) {
    Fd fd(::open((made + name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0755));
    if (!fd || ::fchmod(fd.get(), 0755) != 0) return fail_errno("create " + made + name);
  }
  for (const char* name : {"", "/dev", "/dev/pts", "/dev/shm", "/etc", "/proc", "/sys"}) {
    if (::chmod((made + name).c_str(), 0755) != 0) return fail_errno("chmod " + made + name);
  }
  if (::symlink("/proc/mounts", (made + "/etc/mtab").c_str()) != 0) return fail_errno("link " + made + "/etc/mtab");
  if (::rename(made.c_str(), path.c_str()) != 0) return fail_errno("rename " + made);
  return {};
}

class RunningView final : public RootView {
 public:
  RunningView(Fd root, std::function<void()> release) : root_(std::move(root)), release_(std::move(release)) {}
  ~RunningView() override {
    root_.reset();
    if (release_) release_();
  }
  int fd() const override { return root_.get(); }

 private:
  Fd root_;
  std::function<void()> release_;
};

class LayerView final : public RootView {
 public:
  explicit LayerView(std::function<void()> release) : release_(std::move(release)) {}
  ~LayerView() override {
    root_.reset();
    if (!folder_.empty()) {
      if (auto done = linux::unmount(folder_); !done) LOG(kWarning, "runtime", "{}", done.error().message());
      ::rmdir(folder_.c_str());
    }
    release_();
  }
  int fd() const override { return root_.get(); }
  Status open(const std::string& root) {
    root_ = Fd(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    return root_ ? Status() : fail_errno("open " + root);
  }
  // A private copy of the mount, so that what is mounted below is seen through this view only.
  Status open_with_mounts(const std::string& root, const std::string& folder, const std::vector<Mount>& mounts) {
    TRY(make_directories(folder, 0711));
    folder_ = folder;
    TRY(linux::bind_mount(root, folder, false));
    TRY(linux::make_private(folder));
    TRY(open(folder));
    for (const auto& mount : mounts) {
      if (mount.type == "bind") TRY(bind(mount));
    }
    return {};
  }

 private:
  std::function<void()> release_;
  std::string folder_;  // its own mount; empty: the layer's
  Fd root_;

  Result<Fd> place_for(const std::string& destination, bool folder);
  Status bind(const Mount& mount);
};

bool has_option(const Mount& mount, const char* name) { return std::find(mount.options.begin(), mount.options.end(), name) != mount.options.end(); }

// Opens the place of a mount, made when it is missing: folders, and a file at the end for a file.
Result<Fd> LayerView::place_for(const std::string& destination, bool folder) {
  for (size_t end = destination.find('/', 1);; end = destination.find('/', end + 1)) {
    std::string part = destination.substr(0, end);
    bool last = end == std::string::npos;
    auto there = linux::open_in_root(root_.get(), part, O_PATH);
    if (!there && there.error().code() != Code::kNotFound) return there;
    if (there && last) return there;
    if (!there) {
      size_t slash = part.rfind('/');
      TRY_ASSIGN(Fd parent, linux::open_in_root(root_.get(), part.substr(0, slash), O_PATH | O_DIRECTORY));
      std::string base = part.substr(slash + 1);
      if (!last || folder) {
        if (::mkdirat(parent.get(), base.c_str(), 0755) != 0 && errno != EEXIST) return fail_errno("make " + part);
      } else {
        Fd made(::openat(parent.get(), base.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
        if (!made) return fail_errno("make " + part);
      }
      if (last) return linux::open_in_root(root_.get(), part, O_PATH);
    }
  }
}

Status LayerView::bind(const Mount& mount) {
  struct stat source{};
  if (::stat(mount.source.c_str(), &source) != 0) return fail_errno("mount source " + mount.source);
  std::string destination = mount.destination;
  while (destination.size() > 1 && destination.back() == '/') destination.pop_back();
  if (destination.size() < 2 || destination[0] != '/') return fail(Code::kInvalidArgument, "mount destination " + mount.destination);
  TRY_ASSIGN(Fd place, place_for(destination, S_ISDIR(source.st_mode)));
  TRY(linux::bind_mount(mount.source, "/proc/self/fd/" + std::to_string(place.get()), !has_option(mount, "bind")));
  // The descriptor names what the mount now hides, so the place is opened anew.
  TRY_ASSIGN(Fd mounted, linux::open_in_root(root_.get(), destination, O_PATH));
  std::string target = "/proc/self/fd/" + std::to_string(mounted.get());
  TRY(linux::make_private(target));
  if (has_option(mount, "ro") && ::mount(nullptr, target.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) != 0) {
    return fail_errno("make read-only " + mount.destination);
  }
  if (has_option(mount, "rro")) TRY(linux::make_read_only(mounted.get()));
  return {};
}

}  // namespace

std::vector<std::string> CrunRuntime::State::layers_below(const Root& root) const {
  std::vector<std::string> layers = root.layers;
  if (!root.retained.empty()) layers.insert(layers.begin(), base_layer());
  return layers;
}

Status CrunRuntime::State::acquire_layer(const Root& root) {
  TRY(check_id(root.retained));
  std::lock_guard lock(layer_mutex);
  auto [it, first] = layer_uses.emplace(root.retained, 0);
  if (first) {
    auto mount = [&]() -> Status {
      std::string layer = retained_dir(root.retained), target = retained_root(root.retained);
      TRY(make_base_layer(base_layer()));
      TRY(make_directories(layer + "/upper", 0755));
      TRY(make_directories(layer + "/work", 0700));
      TRY(make_directories(target, 0711));
      return linux::mount_overlay(target, layers_below(root), layer + "/upper", layer + "/work");
    };
    if (auto mounted = mount(); !mounted) {
      layer_uses.erase(it);
      ::rmdir(retained_root(root.retained).c_str());
      return fail(mounted.error().context("layer " + root.retained));
    }
  }
  ++it->second;
  return {};
}

void CrunRuntime::State::release_layer(const std::string& retained) {
  std::lock_guard lock(layer_mutex);
  auto it = layer_uses.find(retained);
  if (it == layer_uses.end() || --it->second > 0) return;
  layer_uses.erase(it);
  std::string target = retained_root(retained);
  if (auto done = linux::unmount(target); !done) LOG(kWarning, "runtime", "{}", done.error().message());
  ::rmdir(target.c_str());
}

void CrunRuntime::State::drop_stale_mounts() {
  auto drop = [](const std::string& path) {
    if (auto done = linux::unmount(path); !done) LOG(kWarning, "runtime", "{}", done.error().message());
    ::rmdir(path.c_str());
  };
  for (const auto& name : list_directory(options.run_dir + "/v").value_or(std::vector<std::string>())) drop(options.run_dir + "/v/" + name);
  for (const auto& name : list_directory(options.run_dir + "/l").value_or(std::vector<std::string>())) {
    if (!layer_uses.contains(name)) drop(options.run_dir + "/l/" + name);
  }
}

Result<std::unique_ptr<RootView>> CrunRuntime::view_container(const std::string& id) {
  TRY_ASSIGN(auto container, state_->find_container(id));
  std::lock_guard lock(state_->mutex);
  const auto& status = container->status;
  if (status.state != ContainerState::kRunning || !container->process) return fail(Code::kUnavailable, "container " + id + " is not running");
  std::string path = "/proc/" + std::to_string(status.pid) + "/root";
  Fd root(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  // Its pid was its own all the time when it has not ended by now.
  if (!root || linux::process_ended(container->process.get())) return fail(Code::kUnavailable, "container " + id + " is not running");
  if (!container->holds_layer) return std::unique_ptr<RootView>(std::make_unique<RunningView>(std::move(root), nullptr));
  // The descriptor keeps the overlay alive when the container has ended: the next to have the layer must get the same mount.
  std::lock_guard layers(state_->layer_mutex);
  ++state_->layer_uses[container->retained];
  auto release = [state = state_.get(), retained = container->retained] { state->release_layer(retained); };
  return std::unique_ptr<RootView>(std::make_unique<RunningView>(std::move(root), std::move(release)));
}

Result<std::unique_ptr<RootView>> CrunRuntime::view_layer(const Root& root, const std::vector<Mount>& mounts) {
  TRY(state_->acquire_layer(root));
  auto view = std::make_unique<LayerView>([state = state_.get(), id = root.retained] { state->release_layer(id); });
  std::string path = state_->retained_root(root.retained);
  if (mounts.empty()) {
    TRY(view->open(path));
  } else {
    TRY(view->open_with_mounts(path, state_->options.run_dir + "/v/" + std::to_string(state_->next_view++), mounts));
  }
  return std::unique_ptr<RootView>(std::move(view));
}

Result<std::vector<LayerChange>> CrunRuntime::layer_changes(const Root& root) {
  TRY(check_id(root.retained));
  std::string upper = state_->retained_dir(root.retained) + "/upper";
  if (!path_exists(upper)) return std::vector<LayerChange>();
  return changes_of_layer(upper, state_->layers_below(root));
}

Status CrunRuntime::copy_layer(const std::string& retained, const std::string& directory) {
  TRY(check_id(retained));
  if (::mkdir(directory.c_str(), 0755) != 0) return fail_errno("make " + directory);
  std::string upper = state_->retained_dir(retained) + "/upper";
  if (!path_exists(upper)) return {};
  return copy_tree(upper, directory);
}

Status CrunRuntime::take_layer(const std::string& retained, const std::string& directory) {
  TRY(check_id(retained));
  std::lock_guard lock(state_->layer_mutex);
  std::string layer = state_->retained_dir(retained);
  if (::mkdir(layer.c_str(), 0755) != 0) return fail_errno("make layer " + layer);
  if (::rename(directory.c_str(), (layer + "/upper").c_str()) != 0) {
    int error = errno;
    ::rmdir(layer.c_str());
    return fail_errno("move " + directory + " to " + layer, error);
  }
  return {};
}

Result<uint64_t> CrunRuntime::layer_bytes(const std::string& retained) {
  TRY(check_id(retained));
  std::string upper = state_->retained_dir(retained) + "/upper";
  if (!path_exists(upper)) return 0;
  return tree_bytes(upper);
}

std::vector<std::string> CrunRuntime::list_layers() { return list_directory(state_->options.data_dir + "/layers").value_or(std::vector<std::string>()); }

Status CrunRuntime::remove_layer(const std::string& retained) {
  TRY(check_id(retained));
  std::lock_guard lock(state_->layer_mutex);
  if (state_->layer_uses.contains(retained)) return fail(Code::kConflict, "layer " + retained + " is in use");
  return remove_tree(state_->retained_dir(retained));
}

}  // namespace reigen::runtime
