#include "compose/runner.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "base/executor.h"

namespace reigen::compose {

Status run_graph(const std::vector<std::vector<size_t>>& after, const std::function<Status(size_t)>& run, const GraphOptions& options) {
  size_t count = after.size();
  if (count == 0) return {};
  std::vector<size_t> waiting(count);
  std::vector<std::vector<size_t>> next(count);
  for (size_t i = 0; i < count; ++i) {
    waiting[i] = after[i].size();
    for (size_t before : after[i]) next[before].push_back(i);
  }
  std::mutex mutex;
  std::condition_variable changed;
  size_t in_progress = 0, done = 0;
  std::optional<Error> first;
  std::deque<size_t> ready;
  for (size_t i = 0; i < count; ++i)
    if (waiting[i] == 0) ready.push_back(i);
  ThreadExecutor executor(static_cast<unsigned>(std::clamp<size_t>(count, 1, static_cast<size_t>(std::max(options.parallel, 1)))), "compose");
  std::unique_lock lock(mutex);
  for (;;) {
    bool stop = first.has_value() || (options.cancelled && (*options.cancelled)());
    while (!stop && !ready.empty()) {
      size_t i = ready.front();
      ready.pop_front();
      ++in_progress;
      executor.post([&, i] {
        auto status = run(i);
        std::lock_guard inside(mutex);
        --in_progress;
        ++done;
        if (!status && !first) first = std::move(status).error();
        if (status)
          for (size_t later : next[i])
            if (--waiting[later] == 0) ready.push_back(later);
        changed.notify_one();
      });
    }
    if (in_progress == 0) break;
    changed.wait(lock);
  }
  lock.unlock();
  executor.stop();
  if (first) return fail(std::move(*first));
  if (done < count) return fail(Code::kCancelled, "canceled");
  return {};
}

Status run_all(size_t count, const std::function<Status(size_t)>& run, int parallel) {
  std::mutex mutex;
  std::optional<Error> first;
  auto each = [&](size_t i) -> Status {
    auto status = run(i);
    std::lock_guard lock(mutex);
    if (!status && !first) first = std::move(status).error();
    return {};
  };
  TRY(run_graph(std::vector<std::vector<size_t>>(count), each, {.parallel = parallel}));
  return first ? Status(fail(std::move(*first))) : Status();
}

}  // namespace reigen::compose
