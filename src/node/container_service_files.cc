// Docker's calls about files: cp both ways, export, changes, sizes, commit. A container that runs shows what it sees; one that does not, its
// layer with its volumes.
#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "api/json.h"
#include "api/value.h"
#include "apiserver/docker_error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/random.h"
#include "node/agent.h"
#include "node/container_service.h"
#include "node/container_times.h"
#include "node/pod_worker.h"
#include "runtime/archive.h"
#include "runtime/image_user.h"

namespace reigen::node {

using apiserver::ContainerTarget;
using apiserver::docker_error;
using apiserver::Done;

namespace {

constexpr size_t kWaiting = 1 << 20;
constexpr size_t kReadSize = 256 * 1024;

// A stream's calls made blocking, on a thread that is for that.
Status write_blocking(ByteStream& stream, std::string data) {
  std::mutex mutex;
  std::condition_variable ready;
  std::optional<Status> result;
  stream.write(std::move(data), [&](Status written) {
    std::lock_guard lock(mutex);
    result = std::move(written);
    ready.notify_one();
  });
  std::unique_lock lock(mutex);
  ready.wait(lock, [&] { return result.has_value(); });
  return *result;
}

class StreamSource final : public image::ByteSource {
 public:
  explicit StreamSource(std::shared_ptr<ByteStream> stream) : stream_(std::move(stream)) {}

  Result<size_t> read(char* buffer, size_t size) override {
    if (at_ == data_.size()) {
      if (ended_) return 0;
      TRY_ASSIGN(data_, next());
      at_ = 0;
      ended_ = data_.empty();
    }
    size_t count = std::min(size, data_.size() - at_);
    std::copy_n(data_.data() + at_, count, buffer);
    at_ += count;
    return count;
  }

 private:
  Result<std::string> next() {
    std::mutex mutex;
    std::condition_variable ready;
    std::optional<Result<std::string>> result;
    stream_->read(kReadSize, [&](Result<std::string> data) {
      std::lock_guard lock(mutex);
      result = std::move(data);
      ready.notify_one();
    });
    std::unique_lock lock(mutex);
    ready.wait(lock, [&] { return result.has_value(); });
    return std::move(*result);
  }

  std::shared_ptr<ByteStream> stream_;
  std::string data_;
  size_t at_ = 0;
  bool ended_ = false;
};

// A view and what was mounted for it.
class OwnedView final : public runtime::RootView {
 public:
  OwnedView(std::unique_ptr<runtime::RootView> view, std::function<void()> release) : view_(std::move(view)), release_(std::move(release)) {}
  ~OwnedView() override {
    view_.reset();
    if (release_) release_();
  }
  int fd() const override { return view_->fd(); }

 private:
  std::unique_ptr<runtime::RootView> view_;
  std::function<void()> release_;
};

Error path_error(Error error, const std::string& path, const std::string& id) {
  if (apiserver::docker_status(error)) return error;
  if (error.code() == Code::kNotFound) return docker_error(404, "Could not find the file " + path + " in container " + id);
  if (error.code() == Code::kPermissionDenied) return docker_error(403, "mounted volume is marked read-only");
  if (error.code() == Code::kUnavailable) return docker_error(409, error.message());
  return docker_error(error.code() == Code::kInvalidArgument ? 400 : 500, error.message());
}

// A container whose root is read-only may have volumes that are not.
bool below_writable_mount(const api::dockerv1::Container& container, const std::string& path) {
  std::string wanted = path.starts_with('/') ? path : "/" + path;
  return std::any_of(container.spec.mounts.begin(), container.spec.mounts.end(),
                     [&](const auto& point) { return point.rw && (wanted == point.destination || wanted.starts_with(point.destination + "/")); });
}

// As the client named it.
std::string id_of(const ContainerTarget& target) { return target.container.empty() ? target.id : target.container; }

}  // namespace

Result<runtime::Root> ContainerService::root_of(const Subject& subject) {
  if (!subject.object) {
    constexpr const char* kRuns = "the container belongs to a pod: only Docker's own can be exported or compared with their image";
    return fail(docker_error(409, subject.running ? kRuns : "the container belongs to a pod and does not run"));
  }
  TRY_ASSIGN(auto image, parts_.images.find_id(subject.object->spec.image_id));
  return runtime::Root{image.layers, subject.object->metadata.name};
}

Result<std::shared_ptr<runtime::RootView>> ContainerService::view_of(const Subject& subject, bool with_volumes) {
  if (subject.running && with_volumes) {
    TRY_ASSIGN(auto view, parts_.runtime.view_container(subject.runtime_id));
    return std::shared_ptr<runtime::RootView>(std::move(view));
  }
  TRY_ASSIGN(auto root, root_of(subject));
  if (!with_volumes) {
    TRY_ASSIGN(auto view, parts_.runtime.view_layer(root, {}));
    return std::shared_ptr<runtime::RootView>(std::move(view));
  }
  TRY_ASSIGN(auto docker, DockerView::of(subject.object));
  std::string user = "call-" + system_random().hex(8), folder = container_dir(root.retained);
  TRY_ASSIGN(auto mounts, prepare_docker_mounts({docker, *volumes_, parts_.runtime, root, folder, user}));
  auto release = [this, user, folder] { release_docker_mounts(*volumes_, user, folder); };
  auto view = parts_.runtime.view_layer(root, mounts.mounts);
  if (!view) {
    release();
    return fail(view.error());
  }
  return std::make_shared<OwnedView>(std::move(*view), std::move(release));
}

void ContainerService::stat_path(ContainerTarget target, std::string path, Done<std::string> done) {
  transfers_.post(tasks_->wrap([this, target, path, done = std::move(done)]() mutable {
    auto look = [&]() -> Result<std::string> {
      TRY_ASSIGN(auto found, subject(target));
      TRY_ASSIGN(auto view, view_of(found, true));
      auto stat = runtime::stat_path(*view, path);
      if (!stat) return fail(path_error(stat.error(), path, id_of(target)));
      return api::to_json(api::Value::object({{"name", stat->name},
                                              {"size", stat->size},
                                              {"mode", stat->mode},
                                              {"mtime", stat->modified == WallTime() ? "1970-01-01T00:00:00Z" : docker_time(stat->modified)},
                                              {"linkTarget", stat->link_target}}));
    };
    done(look());
  }));
}

// Lives on in what sends.
// NOLINTNEXTLINE(performance-unnecessary-value-param)
void ContainerService::send_files(ContainerTarget target, bool with_volumes, std::string path,
                                  std::function<Status(const runtime::RootView&, const Sink&)> produce, Done<std::shared_ptr<ByteStream>> done) {
  transfers_.post(tasks_->wrap([this, target, with_volumes, path, produce = std::move(produce), done = std::move(done)]() mutable {
    auto found = subject(target);
    if (!found) return done(fail(found.error()));
    auto view = view_of(*found, with_volumes);
    if (!view) return done(fail(path_error(view.error(), path, id_of(target))));
    // What is not there is told before the answer begins.
    if (!path.empty()) {
      if (auto there = runtime::stat_path(**view, path); !there) return done(fail(path_error(there.error(), path, id_of(target))));
    }
    auto [near, far] = make_stream_pair(kWaiting);
    if (!begin_transfer(near)) return done(fail(Code::kUnavailable, "the node stops"));
    done(far);
    far.reset();
    auto made = produce(**view, [&](std::string_view data) { return write_blocking(*near, std::string(data)); });
    // A cut archive is the only way to tell of an error now.
    if (made) near->close_write();
    else near->close();
    if (!made && made.error().code() != Code::kCancelled) LOG(kInfo, "docker", "files of container {}: {}", id_of(target), made.error().message());
  }));
}

void ContainerService::read_archive(ContainerTarget target, std::string path, Done<std::shared_ptr<ByteStream>> done) {
  auto produce = [path](const runtime::RootView& view, const Sink& sink) { return runtime::read_archive(view, path, sink); };
  send_files(std::move(target), true, path, produce, std::move(done));
}

void ContainerService::export_root(ContainerTarget target, Done<std::shared_ptr<ByteStream>> done) {
  auto produce = [](const runtime::RootView& view, const Sink& sink) { return runtime::export_root(view, sink); };
  send_files(std::move(target), false, "", produce, std::move(done));
}

void ContainerService::write_archive(ContainerTarget target, std::string path, bool keep_dir_kind, bool copy_owner, std::shared_ptr<ByteStream> tar,
                                     Done<void> done) {
  transfers_.post(tasks_->wrap([this, target, path, keep_dir_kind, copy_owner, tar = std::move(tar), done = std::move(done)]() mutable {
    auto unpack = [&]() -> Status {
      if (!begin_transfer(tar)) return fail(Code::kUnavailable, "the node stops");
      TRY_ASSIGN(auto found, subject(target));
      runtime::User user;
      if (found.object) {
        TRY_ASSIGN(auto docker, DockerView::of(found.object));
        user.name = docker.config.user;
        if (docker.host.readonly_rootfs && !below_writable_mount(*found.object, path)) {
          return fail(docker_error(403, "container rootfs is marked read-only"));
        }
      }
      TRY_ASSIGN(auto view, view_of(found, true));
      StreamSource source(tar);
      // Without a user of its own the container's files belong to whom the archive says.
      runtime::ExtractOptions options{.keep_dir_kind = keep_dir_kind, .copy_owner = copy_owner && !user.name.empty()};
      if (options.copy_owner) {
        TRY_ASSIGN(auto owner, runtime::resolve_user_in(user, "/proc/self/fd/" + std::to_string(view->fd())));
        options.uid = owner.uid;
        options.gid = owner.gid;
      }
      auto done = runtime::extract_archive(*view, path, source, options);
      if (!done) return fail(path_error(done.error(), path, id_of(target)));
      return {};
    };
    auto result = unpack();
    if (!result && !apiserver::docker_status(result.error())) result = fail(path_error(result.error(), path, id_of(target)));
    tar->close();
    done(std::move(result));
  }));
}

void ContainerService::size(ContainerTarget target, Done<apiserver::SizeResult> done) {
  transfers_.post(tasks_->wrap([this, target, done = std::move(done)]() mutable {
    if (target.id.empty()) {
      auto found = subject(target);
      if (!found) return done(fail(found.error()));
      auto usage = parts_.runtime.container_stats(found->runtime_id, true);
      if (!usage) return done(fail(usage.error()));
      return done(apiserver::SizeResult{usage->layer_bytes});
    }
    auto bytes = parts_.runtime.layer_bytes(target.id);
    if (!bytes && bytes.error().code() != Code::kNotFound) return done(fail(bytes.error()));
    done(apiserver::SizeResult{bytes.value_or(0)});
  }));
}

void ContainerService::changes(ContainerTarget target, Done<std::vector<std::pair<std::string, int>>> done) {
  transfers_.post(tasks_->wrap([this, target, done = std::move(done)]() mutable {
    auto look = [&]() -> Result<std::vector<std::pair<std::string, int>>> {
      TRY_ASSIGN(auto found, subject(target));
      TRY_ASSIGN(auto root, root_of(found));
      TRY_ASSIGN(auto changes, parts_.runtime.layer_changes(root));
      std::vector<std::pair<std::string, int>> out;
      for (auto& change : changes) out.emplace_back(std::move(change.path), static_cast<int>(change.kind));
      return out;
    };
    done(look());
  }));
}

void ContainerService::copy_layer(ContainerTarget target, bool pause, Done<std::string> done) {
  transfers_.post(tasks_->wrap([this, target, pause, done = std::move(done)]() mutable {
    auto copy = [&]() -> Result<std::string> {
      TRY_ASSIGN(auto found, subject(target));
      if (!found.object) return fail(docker_error(409, "the container belongs to a pod: only Docker's own can be committed"));
      // One that was never started has no layer yet: a view makes it.
      TRY_ASSIGN(auto view, view_of(found, false));
      std::string folder = parts_.images.scratch_directory() + "/commit-" + system_random().hex(8);
      bool freeze = pause && found.running && !found.paused;
      if (freeze) TRY(parts_.runtime.pause_container(found.runtime_id, true));
      auto copied = parts_.runtime.copy_layer(target.id, folder);
      if (freeze) (void)parts_.runtime.pause_container(found.runtime_id, false);
      if (copied) return folder;
      (void)remove_tree(folder);
      return fail(copied.error());
    };
    done(copy());
  }));
}

void ContainerService::take_layer(ContainerTarget target, std::string directory, int exit_code, Done<void> done) {
  transfers_.post(tasks_->wrap([this, target, directory, exit_code, done = std::move(done)]() mutable {
    auto take = [&]() -> Status {
      TRY_ASSIGN(auto found, subject(target));
      if (!found.object) return fail(docker_error(404, "No such container: " + id_of(target)));
      TRY(parts_.runtime.take_layer(target.id, directory));
      std::string now = docker_time(parts_.executor.clock().wall());
      found.entry->status->change([&](api::dockerv1::ContainerStatus& status) {
        status.state = "exited";
        status.exit_code = exit_code;
        if (status.started_at.empty()) status.started_at = now;
        status.finished_at = now;
      });
      return {};
    };
    done(take());
  }));
}

}  // namespace reigen::node
