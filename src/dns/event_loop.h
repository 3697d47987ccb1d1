// One thread that waits for descriptors and deadlines: the whole of the helper process, which must stay tiny.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"

namespace reigen::dns {

class EventLoop {
 public:
  using Ready = std::function<void(uint32_t events)>;

  static Result<std::unique_ptr<EventLoop>> make();

  // Level-triggered. A handler may add and remove any descriptor, its own too.
  Status add(int fd, uint32_t events, Ready ready);
  void modify(int fd, uint32_t events);
  void remove(int fd);

  // Asked before each wait for the next deadline (TimePoint::max(): none) and called when one may have passed.
  void on_deadline(std::function<TimePoint()> next, std::function<void(TimePoint now)> passed);

  void run();  // until stop()
  void stop() { running_ = false; }
  TimePoint now() const { return system_clock().now(); }

 private:
  explicit EventLoop(Fd epoll) : epoll_(std::move(epoll)) {}
  int wait_ms(TimePoint now) const;

  Fd epoll_;
  bool running_ = false;
  std::unordered_map<int, std::shared_ptr<Ready>> handlers_;
  std::vector<std::pair<std::function<TimePoint()>, std::function<void(TimePoint)>>> deadlines_;
};

}  // namespace reigen::dns
