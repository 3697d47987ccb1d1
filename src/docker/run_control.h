// Beginning and ending a container's runs: the wish is written, the controller and the node do the rest, and the result is told when the informer has
// seen it. The first part blocks on the API; `done` runs once, on any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "docker/call.h"
#include "docker/container_lookup.h"

namespace reigen::docker {

using RunDone = std::move_only_function<void(Status)>;

struct StopWish {
  std::optional<int64_t> grace_seconds;  // -1: for ever; nothing: the container's own, else 10
  std::string signal;                    // "": the container's own, else SIGTERM
};

// Starts it, or with `restart` ends the present run first. Errors of the start in Docker's words and with its status; 404 for a network that is not
// there; 304 when another start was under way and is through; kConflict when it was stopped before it began; kUnavailable when nothing happens for 60 s.
void begin_run(Engine& engine, const api::dockerv1::Container& container, const std::optional<StopWish>& restart, RunDone done);
// A start is under way: wished for and not told of by the node yet.
bool is_beginning(const api::dockerv1::Container& container);
// A handler of a request that acts on a container's process: run on `work` behind the starts under way that it meets, at once when there are none.
void run_behind_starts(Call call, void (*handler)(Call));
template <void (*handler)(Call)>
void behind_starts(Call call) {
  run_behind_starts(std::move(call), handler);
}
// The events of a stop's signals: the container's own now, SIGKILL when it still runs at the end of the grace.
void tell_signals(Engine& engine, const api::dockerv1::Container& container, const StopWish& wish);
// Done when it does not run any more, or is gone.
void end_run(Engine& engine, const api::dockerv1::Container& container, const StopWish& wish, RunDone done);

// What the user's wish comes to.
int64_t grace_of(const api::dockerv1::Config& config, const StopWish& wish);
std::string signal_of(const api::dockerv1::Config& config, const StopWish& wish);  // "15"

}  // namespace reigen::docker
