#include "http/io_loop.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "base/check.h"

namespace reigen::http {

namespace {
// What is done in bulk between two looks at the sockets: with TLS some 0.2 ms.
constexpr size_t kBulkSlice = 16;
}  // namespace

struct IoLoop::Entry {
  int fd;
  uint32_t events;
  Watched* watched;
};

IoLoop::IoLoop(std::string name)
    : name_(std::move(name)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      read_buffer_(new char[kReadBuffer]),
      now_(system_clock().now()) {
  CHECK(epoll_.get() >= 0 && event_.get() >= 0);
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  CHECK(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, event_.get(), &event) == 0);
}

std::shared_ptr<IoLoop> IoLoop::start(std::string name) {
  std::shared_ptr<IoLoop> loop(new IoLoop(std::move(name)));
  IoLoop* raw = loop.get();
  loop->thread_ = std::thread([raw] {
    raw->thread_id_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    pthread_setname_np(pthread_self(), raw->name_.substr(0, 15).c_str());
    raw->run();
  });
  return loop;
}

IoLoop::~IoLoop() { stop(); }

void IoLoop::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    awake_ = true;
  }
  ring();
  if (!thread_.joinable()) return;
  // The last owner may be a task of the loop itself; its thread then ends on its own.
  if (in_loop()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

void IoLoop::wake(std::unique_lock<std::mutex> lock) {
  bool first = !std::exchange(awake_, true);
  // The loop takes the lock first thing.
  lock.unlock();
  if (first) ring();
}

void IoLoop::ring() {
  uint64_t one = 1;
  [[maybe_unused]] ssize_t n = ::write(event_.get(), &one, sizeof one);
}

bool IoLoop::post(Fn fn) {
  std::unique_lock lock(mutex_);
  if (stopped_) return false;
  posted_.push_back({std::move(fn), nullptr});
  wake(std::move(lock));
  return true;
}

bool IoLoop::post(std::shared_ptr<Runnable> runnable) {
  std::unique_lock lock(mutex_);
  if (stopped_) return false;
  posted_.push_back({nullptr, std::move(runnable)});
  wake(std::move(lock));
  return true;
}

bool IoLoop::post_bulk(std::shared_ptr<Runnable> runnable) {
  std::unique_lock lock(mutex_);
  if (stopped_) return false;
  posted_bulk_.push_back(std::move(runnable));
  wake(std::move(lock));
  return true;
}

IoLoop::Entry* IoLoop::add(int fd, uint32_t events, Watched* watched) {
  auto* entry = new Entry{fd, events, watched};
  epoll_event event{.events = events, .data = {.ptr = entry}};
  CHECK(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0);
  return entry;
}

void IoLoop::modify(Entry* entry, uint32_t events) {
  if (entry->events == events) return;
  entry->events = events;
  epoll_event event{.events = events, .data = {.ptr = entry}};
  CHECK(epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, entry->fd, &event) == 0);
}

void IoLoop::remove(Entry* entry) {
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, entry->fd, nullptr);
  entry->watched = nullptr;
  graveyard_.emplace_back(entry);  // events of this round may still point to it
}

IoLoop::Timer IoLoop::after(Duration delay, Fn fn) { return timers_.emplace(now_ + delay, std::move(fn)); }
void IoLoop::cancel(Timer timer) { timers_.erase(timer); }

const std::string& IoLoop::http_date() {
  int64_t second = std::chrono::duration_cast<std::chrono::seconds>(system_clock().wall().time_since_epoch()).count();
  if (second != date_second_) {
    date_second_ = second;
    time_t t = second;
    tm parts{};
    gmtime_r(&t, &parts);
    char text[40];
    size_t n = strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    date_.assign(text, n);
  }
  return date_;
}

int IoLoop::timeout_ms() const {
  if (timers_.empty()) return -1;
  auto left = timers_.begin()->first - now_;
  if (left <= Duration::zero()) return 0;
  return static_cast<int>(std::min<int64_t>(std::chrono::ceil<std::chrono::milliseconds>(left).count(), 60'000));
}

size_t IoLoop::run_posted() {
  std::vector<Posted> batch;
  {
    std::lock_guard lock(mutex_);
    batch.swap(posted_);
    if (bulk_.empty()) {
      bulk_.swap(posted_bulk_);
    } else {
      std::move(posted_bulk_.begin(), posted_bulk_.end(), std::back_inserter(bulk_));
      posted_bulk_.clear();
    }
    awake_ = look_ = !bulk_.empty();
  }
  for (Posted& posted : batch) {
    if (posted.fn) {
      posted.fn();
    } else {
      posted.runnable->run_on_loop();
    }
  }
  return batch.size();
}

void IoLoop::run_timers() {
  while (!timers_.empty() && timers_.begin()->first <= now_) {
    Fn fn = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    fn();
  }
}

void IoLoop::run_round_end() {
  for (size_t i = 0; i < round_end_.size(); ++i) {  // they may add to it
    auto runnable = std::move(round_end_[i]);
    runnable->run_on_loop();
  }
  round_end_.clear();
}

// A slice is at least as much as the round had of other things, so that neither starves.
void IoLoop::run_bulk(size_t others) {
  size_t end = std::min(bulk_.size(), bulk_head_ + std::max(kBulkSlice, others));
  for (; bulk_head_ < end; ++bulk_head_) {
    // Of a thousand streams none is in the cache any more.
    if (bulk_head_ + 2 < end) __builtin_prefetch(bulk_[bulk_head_ + 2].get());
    auto runnable = std::move(bulk_[bulk_head_]);
    runnable->run_on_loop();
  }
  if (bulk_head_ < bulk_.size()) return;
  bulk_.clear();
  bulk_head_ = 0;
}

size_t IoLoop::handle_events(std::span<const epoll_event> events) {
  bool posted = look_;
  for (const epoll_event& event : events) {
    auto* entry = static_cast<Entry*>(event.data.ptr);
    if (!entry) {
      uint64_t count;
      [[maybe_unused]] ssize_t got = ::read(event_.get(), &count, sizeof count);
      posted = true;
    } else if (entry->watched) {
      entry->watched->on_events(event.events);
    }
  }
  return events.size() + (posted ? run_posted() : 0);
}

void IoLoop::run() {
  epoll_event events[256];
  for (;;) {
    int n = epoll_wait(epoll_.get(), events, 256, look_ ? 0 : timeout_ms());
    if (n < 0) CHECK(errno == EINTR);
    now_ = system_clock().now();
    size_t done = handle_events({events, n > 0 ? static_cast<size_t>(n) : 0});
    run_timers();
    run_round_end();
    if (!bulk_.empty()) {
      run_bulk(done);
      run_round_end();
    }
    graveyard_.clear();
    std::lock_guard lock(mutex_);
    if (stopping_ && posted_.empty() && posted_bulk_.empty() && bulk_.empty()) break;
  }
  std::vector<Posted> dropped;
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    dropped.swap(posted_);
  }
  timers_.clear();
}

}  // namespace reigen::http
