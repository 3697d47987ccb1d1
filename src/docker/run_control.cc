#include "docker/run_control.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>

#include "apiserver/docker_error.h"
#include "docker/container_remove.h"
#include "docker/create_checks.h"
#include "docker/network_requests.h"
#include "docker/object_writes.h"

namespace reigen::docker {

using api::dockerv1::Container;

namespace {

constexpr Duration kControllerLimit = std::chrono::seconds(60);
constexpr int64_t kForEver = int64_t{1} << 31;  // seconds; what grace -1 means
constexpr int64_t kDefaultGrace = 10;

// A network that was made again under its name has another id. For one that is not there the run is begun all the same: it fails, and is told so.
void find_networks(Engine& engine, Container& container) {
  for (auto& request : container.spec.networks) {
    if (!request.network_id.empty() && engine.networks.get("", request.network_id)) continue;
    auto network = find_network(engine, request.network);
    request.network_id = network ? (*network)->metadata.name : std::string();
  }
}

Status result_of(const Container& container) {
  const auto& status = container.status;
  if (status.error_code == 0) return {};
  return fail(apiserver::docker_error(status.error_code, status.error));
}

Error no_controller(const std::string& id) {
  return {Code::kUnavailable, fmt::format("container {}: the container-controller or the node did not act within 60 s", id)};
}

// What a request that waits for a run's begin is answered; nothing: it waits on.
std::optional<Status> begun(const ContainerPtr& now, const std::string& id, int64_t number) {
  if (!now) return fail(Code::kNotFound, fmt::format("No such container: {}", id));
  if (now->status.run_number == number) return result_of(*now);
  if (now->status.run_number > number) return Status();
  const auto& wish = now->spec.run;
  if (wish.number == number && !wish.wanted) return fail(Code::kConflict, fmt::format("container {} was stopped before it began", id));
  return std::nullopt;
}

// A request that waits for a run's begin; when that failed and the container goes with it (--rm), for that too, as the client drops its own wait for the
// removal when it has this answer. The wait stands before the wish is written: the run of a container with --rm may fail, be told and be removed
// with it before the writer is back.
struct Beginning {
  std::atomic<int64_t> number = 0;   // of the run that is waited for; 0: not known yet
  std::atomic<bool> others = false;  // someone else's start, that is waited for
  std::atomic<bool> answered = false;
  bool failed = false;  // and its container goes with it; by the wait's predicate
  Status result;        // what the wait saw; likewise
  RunDone done;

  void answer(Status status) {
    if (!answered.exchange(true)) done(std::move(status));
  }
};

ContainerWaits::Id wait_for_begin(Engine& engine, const std::string& id, const std::shared_ptr<Beginning>& beginning, Duration limit) {
  return engine.waits.until(
      id,
      [beginning, id](const ContainerPtr& now) {
        int64_t number = beginning->number;
        if (number == 0) return false;
        if (beginning->failed) return !now;
        auto answer = begun(now, id, number);
        if (!answer) return false;
        beginning->result = std::move(*answer);
        beginning->failed = !beginning->result && now && host_config_of(*now).auto_remove;
        return !beginning->failed;
      },
      [beginning, id](Result<ContainerPtr> waited) {
        if (!waited && !beginning->failed)
          return beginning->answer(fail(waited.error().code() == Code::kDeadlineExceeded ? no_controller(id) : waited.error()));
        if (beginning->result && beginning->others) return beginning->answer(fail(apiserver::docker_error(304, "it runs")));
        beginning->answer(std::move(beginning->result));
      },
      limit);
}

}  // namespace

int64_t grace_of(const api::dockerv1::Config& config, const StopWish& wish) {
  int64_t grace = wish.grace_seconds.value_or(config.stop_timeout.value_or(kDefaultGrace));
  return grace < 0 ? kForEver : grace;
}

std::string signal_of(const api::dockerv1::Config& config, const StopWish& wish) {
  for (const auto& text : {wish.signal, config.stop_signal}) {
    if (text.empty()) continue;
    if (auto number = parse_signal(text)) return std::to_string(*number);
  }
  return "15";
}

bool is_beginning(const Container& container) { return container.spec.run.wanted && container.status.run_number < container.spec.run.number; }

void begin_run(Engine& engine, const Container& container, const std::optional<StopWish>& restart, RunDone done) {
  std::string id = container.metadata.name;
  auto config = config_of(container);
  Duration limit = kControllerLimit;
  if (restart) limit += std::chrono::seconds(std::min<int64_t>(grace_of(config, *restart), 1'000'000'000));
  auto beginning = std::make_shared<Beginning>();
  engine.starts.begin(id);
  beginning->done = [&engine, id, done = std::move(done)](Status status) mutable {
    done(std::move(status));
    engine.starts.end(id);
  };
  auto wait = wait_for_begin(engine, id, beginning, limit);
  if (beginning->answered) return;
  auto changed = change_container(engine, id, [&](Container& object) -> Result<bool> {
    bool others = !restart && is_beginning(object);
    beginning->others = others;
    beginning->number = object.spec.run.number + (others ? 0 : 1);
    if (others) return false;
    find_networks(engine, object);
    object.spec.run = {};
    object.spec.run.wanted = true;
    object.spec.run.number = beginning->number;
    if (restart) {
      object.spec.run.grace_seconds = grace_of(config, *restart);
      object.spec.run.signal = signal_of(config, *restart);
    }
    return true;
  });
  if (!changed) {
    engine.waits.cancel(wait);
    // A run that could not begin is over, for who waits for the container's removal too.
    if (!restart && host_config_of(container).auto_remove) (void)delete_container(engine, container, true);
    return beginning->answer(fail(changed.error()));
  }
  if (!beginning->others) return;
  // Its begin may have been told before it was known what to wait for.
  engine.waits.cancel(wait);
  if (!beginning->answered) wait_for_begin(engine, id, beginning, limit);
}

void run_behind_starts(Call call, void (*handler)(Call)) {
  auto found = find_container(call.engine, call.params[0]);
  if (!found || is_running(**found)) return handler(std::move(call));
  Engine& engine = call.engine;
  const std::string& id = (*found)->metadata.name;
  auto shared = std::make_shared<Call>(std::move(call));
  // An end is told on the informer's strand, which must not block on the API.
  StartsUnderWay::Then then = [shared, handler] { shared->engine.work.post([shared, handler] { handler(std::move(*shared)); }); };
  if (engine.starts.after(id, then)) return;
  if (!is_beginning(**found)) return handler(std::move(*shared));
  // Wished for by someone who does not wait for it any more.
  engine.waits.until(
      id, [](const ContainerPtr& now) { return !now || !is_beginning(*now); }, [then = std::move(then)](const Result<ContainerPtr>&) mutable { then(); },
      kControllerLimit);
}

void tell_signals(Engine& engine, const Container& container, const StopWish& wish) {
  if (!has_process(container)) return;
  auto config = config_of(container);
  engine.events.add(container_event(container, "kill", {{"signal", signal_of(config, wish)}}));
  // The node kills when the grace is over, which began after this.
  engine.waits.until(
      container.metadata.name, [exits = container.status.exits](const ContainerPtr& now) { return !now || now->status.exits > exits || !has_process(*now); },
      [&engine, container](const Result<ContainerPtr>& waited) {
        if (!waited && waited.error().code() == Code::kDeadlineExceeded) engine.events.add(container_event(container, "kill", {{"signal", "9"}}));
      },
      std::chrono::seconds(grace_of(config, wish)));
}

void end_run(Engine& engine, const Container& container, const StopWish& wish, RunDone done) {
  std::string id = container.metadata.name;
  auto config = config_of(container);
  int64_t grace = grace_of(config, wish);
  auto changed = change_container(engine, id, [&](Container& object) -> Result<bool> {
    object.spec.run.wanted = false;
    object.spec.run.stopped_by_user = true;
    object.spec.run.grace_seconds = grace;
    object.spec.run.signal = signal_of(config, wish);
    return true;
  });
  if (!changed) return done(fail(changed.error()));
  engine.waits.until(
      id, [](const ContainerPtr& now) { return !now || !is_running(*now); },
      [id, done = std::move(done)](Result<ContainerPtr> waited) mutable {
        if (!waited && waited.error().code() == Code::kDeadlineExceeded) return done(fail(no_controller(id)));
        done(waited ? Status() : fail(waited.error()));
      },
      kControllerLimit + std::chrono::seconds(std::min<int64_t>(grace, 1'000'000'000)));
}

}  // namespace reigen::docker
