#include "dns/event_loop.h"

#include <sys/epoll.h>

#include <algorithm>

namespace reigen::dns {
namespace {
constexpr int kEventsAtOnce = 64;
}

Result<std::unique_ptr<EventLoop>> EventLoop::make() {
  Fd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return fail_errno("epoll");
  return std::unique_ptr<EventLoop>(new EventLoop(std::move(epoll)));
}

Status EventLoop::add(int fd, uint32_t events, Ready ready) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return fail_errno("epoll");
  handlers_[fd] = std::make_shared<Ready>(std::move(ready));
  return {};
}

void EventLoop::modify(int fd, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::remove(int fd) {
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  handlers_.erase(fd);
}

void EventLoop::on_deadline(std::function<TimePoint()> next, std::function<void(TimePoint)> passed) {
  deadlines_.emplace_back(std::move(next), std::move(passed));
}

int EventLoop::wait_ms(TimePoint now) const {
  TimePoint first = TimePoint::max();
  for (const auto& [next, passed] : deadlines_) first = std::min(first, next());
  if (first == TimePoint::max()) return -1;
  if (first <= now) return 0;
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(first - now).count()) + 1;
}

void EventLoop::run() {
  running_ = true;
  epoll_event events[kEventsAtOnce];
  while (running_) {
    int count = epoll_wait(epoll_.get(), events, kEventsAtOnce, wait_ms(now()));
    for (int i = 0; i < count && running_; i++) {
      auto found = handlers_.find(events[i].data.fd);
      if (found == handlers_.end()) continue;
      auto handler = found->second;  // it may remove itself
      (*handler)(events[i].events);
    }
    TimePoint at = now();
    for (const auto& [next, passed] : deadlines_)
      if (next() <= at) passed(at);
  }
}

}  // namespace reigen::dns
