#include "docker/build_containers.h"

#include <condition_variable>
#include <mutex>

#include "base/log.h"
#include "docker/container_create.h"
#include "docker/container_remove.h"
#include "docker/stream_frames.h"
#include "docker/version_table.h"
#include "image/docker_image.h"

namespace reigen::docker {
namespace {

using api::Value;

constexpr auto kLook = std::chrono::milliseconds(200);  // for a client that has gone
constexpr size_t kPiece = 64 << 10;

// What a callback tells, for a thread that waits for it.
template <class T>
class Told {
 public:
  auto done() {
    return [state = state_](Result<T> result) {
      std::lock_guard lock(state->mutex);
      state->result = std::move(result);
      state->changed.notify_all();
    };
  }
  // kCancelled when `gone` is set first.
  Result<T> wait(const std::atomic<bool>* gone) {
    std::unique_lock lock(state_->mutex);
    while (!state_->changed.wait_for(lock, kLook, [&] { return state_->result.has_value(); }))
      if (gone && gone->load()) return fail(Code::kCancelled, "cancelled");
    return std::move(*state_->result);
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Result<T>> result;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

Value mount_of(const runtime::Mount& mount) {
  bool read_only = std::ranges::find(mount.options, "ro") != mount.options.end();
  auto out = Value::object({{"Type", mount.type}, {"Target", mount.destination}, {"ReadOnly", read_only}});
  if (mount.type != "tmpfs") {
    out.set("Source", mount.source);
    return out;
  }
  auto options = Value::object({{"Mode", 01777}});
  for (const auto& option : mount.options)
    if (option.starts_with("size=")) options.set("SizeBytes", static_cast<int64_t>(std::strtoull(option.c_str() + 5, nullptr, 10)));
  out.set("TmpfsOptions", std::move(options));
  return out;
}

}  // namespace

Result<ContainerPtr> BuildContainers::make(const build::StepContainer& step) {
  TRY_ASSIGN(auto body, api::parse_json(image::encode_run_config(step.config)));
  body.set("Image", step.image);
  if (body.find("Entrypoint")->is_null()) body.set("Entrypoint", Value::array({""}));  // not the image's either
  auto host = request_.host;
  if (!step.network) host.set("NetworkMode", "none");
  auto mounts = Value::array();
  for (const auto& mount : step.mounts) mounts.push_back(mount_of(mount));
  if (mounts.size() > 0) host.set("Mounts", std::move(mounts));
  body.set("HostConfig", std::move(host));
  TRY_ASSIGN(auto request, read_create_request(body, since::kBuilders, host_facts()));
  TRY(create_container(engine_, std::move(request), step.id));
  made_.insert(step.id);
  return find_container(engine_, step.id);
}

Status BuildContainers::create(const build::StepContainer& step) {
  TRY(make(step));
  return {};
}

Status BuildContainers::read_output(const std::shared_ptr<ByteStream>& output, const build::StepContainer& step) {
  FrameReader frames;
  while (true) {
    Told<std::string> told;
    output->read(kPiece, told.done());
    TRY_ASSIGN(auto piece, told.wait(&gone_));
    if (piece.empty()) return {};
    std::string_view rest = piece, payload;
    for (Channel channel{}; frames.next(rest, channel, payload);) step.output(payload, channel == Channel::kStderr);
  }
}

Result<build::StepEnd> BuildContainers::run_made(const ContainerPtr& container, const build::StepContainer& step) {
  Told<apiserver::ContainerStreams> attached;
  apiserver::AttachRequest request;
  request.target = target_of(*container);
  request.out = request.err = request.stream = true;
  engine_.nodes.attach(std::move(request), attached.done());
  TRY_ASSIGN(auto streams, attached.wait(nullptr));
  engine_.events.add(container_event(*container, "attach"));
  Told<void> started;
  begin_run(engine_, *container, std::nullopt, started.done());
  TRY(started.wait(nullptr));
  TRY(read_output(streams.output, step));
  Told<ContainerPtr> ended;
  auto is_over = [](const ContainerPtr& now) { return !now || (now->status.exits > 0 && !is_running(*now)); };
  auto wait = engine_.waits.until(step.id, is_over, ended.done());
  auto last = ended.wait(&gone_);
  if (!last) {
    engine_.waits.cancel(wait);
    return fail(std::move(last).error());
  }
  if (!*last) return fail(Code::kNotFound, "No such container: " + step.id);
  build::StepEnd out;
  out.exit_code = (*last)->status.exit_code;
  if (out.exit_code != 0) return out;
  Told<std::string> copied;
  engine_.nodes.copy_layer(target_of(**last), false, copied.done());
  TRY_ASSIGN(out.layer, copied.wait(nullptr));
  return out;
}

Result<build::StepEnd> BuildContainers::run(const build::StepContainer& step) {
  TRY_ASSIGN(auto container, make(step));
  auto out = run_made(container, step);
  if (!out && out.error().code() == Code::kCancelled) remove(step.id);
  return out;
}

void BuildContainers::remove(const std::string& id) {
  if (made_.erase(id) == 0) return;
  auto container = find_container(engine_, id);
  if (!container) return;  // someone was faster
  Told<void> removed;
  remove_container(engine_, *container, true, true, removed.done());
  if (auto done = removed.wait(nullptr); !done) LOG(kWarning, "docker", "container {} of a build: {}", id, done.error().message());
}

}  // namespace reigen::docker
