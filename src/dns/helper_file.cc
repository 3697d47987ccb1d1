#include "dns/helper_file.h"

#include <atomic>
#include <mutex>
#include <utility>

#include "base/files.h"
#include "base/guarded.h"
#include "base/log.h"

namespace reigen::dns {

namespace {
constexpr auto kGather = std::chrono::milliseconds(10);
constexpr auto kRetry = std::chrono::seconds(1);
constexpr int kPause = 4;  // times what a write took
}  // namespace

struct HelperFile::State : std::enable_shared_from_this<State> {
  State(Executor& executor, std::string path_in, std::function<std::string()> build_in)
      : path(std::move(path_in)), build(std::move(build_in)), executor(executor), strand(executor) {}

  struct Work {
    bool scheduled = false;
    TimePoint not_before{};
  };

  void schedule(Work& access, Duration delay) {
    if (access.scheduled) return;
    access.scheduled = true;
    strand.after(delay, tasks.wrap([self = shared_from_this()] { self->write(); }));
  }

  void write() {
    TimePoint begun = executor.clock().now();
    {
      auto access = work.lock();
      access->scheduled = false;
      if (begun < access->not_before) return schedule(*access, access->not_before - begun);
    }
    bool done = write_now();
    TimePoint ended = executor.clock().now();
    auto access = work.lock();
    access->not_before = ended + kPause * (ended - begun);
    if (!done) schedule(*access, kRetry);
  }

  bool write_now() {
    std::lock_guard lock(writing);
    std::string text = build();
    Status done = ready && text == last ? Status() : write_file(path, text, 0644);
    if (!done) {
      LOG(kError, "dns", "{}", done.error().message());
      return false;
    }
    last = std::move(text);
    ready = true;
    return true;
  }

  const std::string path;
  const std::function<std::string()> build;
  Executor& executor;
  Strand strand;
  Guarded<Work> work;
  std::mutex writing;  // one writer at a time
  std::string last;    // guarded by writing
  std::atomic<bool> ready = false;
  TaskGroup tasks;
};

HelperFile::HelperFile(Executor& executor, std::string path, std::function<std::string()> build)
    : state_(std::make_shared<State>(executor, std::move(path), std::move(build))) {}

HelperFile::~HelperFile() { stop(); }

void HelperFile::changed() { state_->schedule(*state_->work.lock(), kGather); }

void HelperFile::write_soon() { state_->schedule(*state_->work.lock(), Duration::zero()); }

void HelperFile::write_now() {
  if (!state_->write_now()) state_->schedule(*state_->work.lock(), kRetry);
}

void HelperFile::stop() { state_->tasks.stop(); }

bool HelperFile::ready() const { return state_->ready; }

}  // namespace reigen::dns
