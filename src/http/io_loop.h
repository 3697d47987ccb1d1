// IoLoop: one thread that waits for sockets (epoll), runs timers and what other threads post. Internal to http.
//
// Everything of a connection runs on its loop's thread; other threads only post. Many posts between two rounds cost one wake-up.
// What is posted in bulk, such as an event for each of a thousand watchers, is done a slice a round, so that a request that comes
// meanwhile waits for a slice and not for all of it; and what comes for a stream that still waits leaves with it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/fd.h"
#include "base/result.h"

struct epoll_event;

namespace reigen::http {

class IoLoop : public std::enable_shared_from_this<IoLoop> {
 public:
  // Something with a descriptor in the loop.
  class Watched {
   public:
    virtual ~Watched() = default;
    virtual void on_events(uint32_t events) = 0;
  };
  // Something that wants to run on the loop without allocating a closure.
  class Runnable {
   public:
    virtual ~Runnable() = default;
    virtual void run_on_loop() = 0;
  };
  struct Entry;  // a descriptor in the loop

  static std::shared_ptr<IoLoop> start(std::string name);
  ~IoLoop();

  // Any thread. False when the loop has stopped: fn is dropped.
  bool post(Fn fn);
  bool post(std::shared_ptr<Runnable> runnable);
  // In order among themselves, but after what post() was given.
  bool post_bulk(std::shared_ptr<Runnable> runnable);
  bool in_loop() const { return std::this_thread::get_id() == thread_id_.load(std::memory_order_relaxed); }
  // Runs what is posted, then ends the thread. Not from the loop's thread.
  void stop();

  // Loop thread only from here on.
  Entry* add(int fd, uint32_t events, Watched* watched);
  void modify(Entry* entry, uint32_t events);
  void remove(Entry* entry);  // no event reaches `watched` afterwards

  using Timer = std::multimap<TimePoint, Fn>::iterator;
  Timer after(Duration delay, Fn fn);
  void cancel(Timer timer);               // only of a timer that has not run
  TimePoint now() const { return now_; }  // of the start of this round
  // Runs at the end of this round, after all events and posts were handled.
  void at_round_end(std::shared_ptr<Runnable> runnable) { round_end_.push_back(std::move(runnable)); }
  const std::string& http_date();  // "Sun, 06 Nov 1994 08:49:37 GMT", renewed each second

  static constexpr size_t kReadBuffer = 64 << 10;
  char* read_buffer() { return read_buffer_.get(); }  // scratch of kReadBuffer bytes, valid until the next read

 private:
  explicit IoLoop(std::string name);
  void run();
  size_t handle_events(std::span<const epoll_event> events);  // how much was done
  size_t run_posted();
  void run_bulk(size_t others);
  void run_timers();
  void run_round_end();
  void wake(std::unique_lock<std::mutex> lock);
  void ring();
  int timeout_ms() const;

  struct Posted {
    Fn fn;
    std::shared_ptr<Runnable> runnable;
  };

  std::string name_;
  Fd epoll_;
  Fd event_;
  std::unique_ptr<char[]> read_buffer_;
  TimePoint now_;
  std::multimap<TimePoint, Fn> timers_;
  std::vector<std::shared_ptr<Runnable>> round_end_;
  std::vector<std::shared_ptr<Runnable>> bulk_;  // from bulk_head_ on: not done yet
  size_t bulk_head_ = 0;
  bool look_ = false;  // posted_ is looked at in the next round, which does not wait
  std::vector<std::unique_ptr<Entry>> graveyard_;
  std::string date_;
  int64_t date_second_ = -1;

  std::mutex mutex_;
  std::vector<Posted> posted_;
  std::vector<std::shared_ptr<Runnable>> posted_bulk_;
  bool awake_ = false;  // a wake-up is on its way, or the loop will look at posted_ anyway
  bool stopping_ = false;
  bool stopped_ = false;
  std::atomic<std::thread::id> thread_id_{};
  std::thread thread_;
};

}  // namespace reigen::http
