#include "base/poller.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

namespace reigen {

struct Poller::State {
  struct Watch {
    int fd;
    Ready ready;
    bool once = false;
    bool running = false;
  };

  Fd epoll{::epoll_create1(EPOLL_CLOEXEC)};
  Fd wake{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::mutex mutex;
  std::condition_variable idle;
  std::map<Handle, std::shared_ptr<Watch>> watches;
  Handle next = 1;
  bool stopping = false;
  std::thread thread;

  Result<Handle> add(int fd, uint32_t events, Ready ready, bool once) {
    auto watch = std::make_shared<Watch>();
    watch->fd = fd;
    watch->ready = std::move(ready);
    watch->once = once;
    std::lock_guard lock(mutex);
    Handle handle = next++;
    epoll_event event{.events = once ? events | EPOLLONESHOT : events, .data = {.u64 = handle}};
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) != 0) return fail_errno("watch a descriptor");
    watches.emplace(handle, std::move(watch));
    return handle;
  }

  void run() {
    epoll_event events[64];
    while (true) {
      int count = ::epoll_wait(epoll.get(), events, 64, -1);
      for (int i = 0; i < count; ++i) {
        if (events[i].data.u64 == 0) {
          std::lock_guard lock(mutex);
          if (stopping) return;
          continue;
        }
        call(events[i].data.u64, events[i].events);
      }
    }
  }

  void call(Handle handle, uint32_t events) {
    std::shared_ptr<Watch> watch;
    {
      std::lock_guard lock(mutex);
      auto found = watches.find(handle);
      if (found == watches.end()) return;
      watch = found->second;
      watch->running = true;
      // Before `ready`, which may close the descriptor or watch it anew.
      if (watch->once) ::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, watch->fd, nullptr);
    }
    watch->ready(events);
    {
      std::lock_guard lock(mutex);
      watch->running = false;
      if (watch->once) watches.erase(handle);
    }
    idle.notify_all();
  }
};

Poller::Poller() : state_(std::make_unique<State>()) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = 0}};
  ::epoll_ctl(state_->epoll.get(), EPOLL_CTL_ADD, state_->wake.get(), &event);
  state_->thread = std::thread([state = state_.get()] { state->run(); });
  ::pthread_setname_np(state_->thread.native_handle(), "poller");
}

Poller::~Poller() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(state_->wake.get(), &one, sizeof one);
  state_->thread.join();
}

Result<Poller::Handle> Poller::add(int fd, uint32_t events, Ready ready) { return state_->add(fd, events, std::move(ready), false); }

Result<Poller::Handle> Poller::once(int fd, uint32_t events, Ready ready) { return state_->add(fd, events, std::move(ready), true); }

void Poller::modify(Handle handle, uint32_t events) {
  std::lock_guard lock(state_->mutex);
  auto found = state_->watches.find(handle);
  if (found == state_->watches.end()) return;
  epoll_event event{.events = events, .data = {.u64 = handle}};
  ::epoll_ctl(state_->epoll.get(), EPOLL_CTL_MOD, found->second->fd, &event);
}

void Poller::remove(Handle handle) {
  std::unique_lock lock(state_->mutex);
  auto found = state_->watches.find(handle);
  if (found == state_->watches.end()) return;
  auto watch = found->second;
  state_->watches.erase(found);
  if (!(watch->once && watch->running)) ::epoll_ctl(state_->epoll.get(), EPOLL_CTL_DEL, watch->fd, nullptr);
  if (std::this_thread::get_id() == state_->thread.get_id()) return;
  state_->idle.wait(lock, [&] { return !watch->running; });
}

Result<Poller::Handle> Poller::on_exit(int pidfd, std::move_only_function<void()> exited) {
  return once(pidfd, EPOLLIN, [exited = std::move(exited)](uint32_t) mutable { exited(); });
}

namespace {

class FdStream final : public ByteStream, public std::enable_shared_from_this<FdStream> {
 public:
  FdStream(Poller& poller, Fd read_fd, Fd write_fd) : poller_(poller), read_fd_(std::move(read_fd)), write_fd_(std::move(write_fd)) {
    for (int fd : {read_fd_.get(), write_fd_.get()}) {
      if (fd >= 0) ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    }
  }
  ~FdStream() override { drop_watches(); }

  void read(size_t max, ReadDone done) override {
    std::unique_lock lock(mutex_);
    if (closed_ || !read_fd_) {
      lock.unlock();
      return done(closed_ ? Result<std::string>(fail(Code::kCancelled, "stream closed")) : Result<std::string>(""));
    }
    max_ = max;
    reader_ = std::move(done);
    lock.unlock();
    try_read();
  }

  void write(std::string data, WriteDone done) override {
    std::unique_lock lock(mutex_);
    if (closed_ || write_closed_) {
      lock.unlock();
      return done(fail(Code::kCancelled, "stream closed"));
    }
    pending_ = std::move(data);
    sent_ = 0;
    writer_ = std::move(done);
    lock.unlock();
    try_write();
  }

  void close_write() override {
    std::unique_lock lock(mutex_);
    if (write_closed_) return;
    write_closed_ = true;
    if (!write_fd_ && read_fd_) ::shutdown(read_fd_.get(), SHUT_WR);
    if (write_fd_ && !writer_) release_write(lock);
  }

  void close() override {
    std::unique_lock lock(mutex_);
    if (closed_) return;
    closed_ = write_closed_ = true;
    auto reader = std::exchange(reader_, nullptr);
    auto writer = std::exchange(writer_, nullptr);
    lock.unlock();
    drop_watches();
    lock.lock();
    read_fd_.reset();
    write_fd_.reset();
    lock.unlock();
    if (reader) reader(fail(Code::kCancelled, "stream closed"));
    if (writer) writer(fail(Code::kCancelled, "stream closed"));
  }

 private:
  int write_fd() const { return write_fd_ ? write_fd_.get() : read_fd_.get(); }

  void release_write(std::unique_lock<std::mutex>& lock) {
    auto handle = std::exchange(write_watch_, 0);
    lock.unlock();
    if (handle) poller_.remove(handle);
    lock.lock();
    write_fd_.reset();
  }

  void drop_watches() {
    Poller::Handle handles[2];
    {
      std::lock_guard lock(mutex_);
      handles[0] = std::exchange(read_watch_, 0);
      handles[1] = std::exchange(write_watch_, 0);
    }
    for (auto handle : handles) {
      if (handle) poller_.remove(handle);
    }
  }

  void try_read() {
    std::unique_lock lock(mutex_);
    if (!reader_) return;
    std::string data(max_, '\0');
    ssize_t count = ::read(read_fd_.get(), data.data(), data.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return watch_read(lock);
    // A terminal's master reads EIO when the last slave is closed: that is its end.
    if (count < 0 && errno == EIO) count = 0;
    int error = count < 0 ? errno : 0;
    auto done = std::exchange(reader_, nullptr);
    // One-shot watches stay registered and silent until armed again.
    lock.unlock();
    if (error) return done(fail_errno("read", error));
    data.resize(static_cast<size_t>(count));
    done(std::move(data));
  }

  void watch_read(std::unique_lock<std::mutex>& lock) {
    auto watched = watch(read_fd_.get(), EPOLLIN, read_watch_, &FdStream::try_read);
    if (watched) return;
    auto done = std::exchange(reader_, nullptr);
    lock.unlock();
    done(fail(std::move(watched).error()));
  }

  void watch_write(std::unique_lock<std::mutex>& lock) {
    auto watched = watch(write_fd(), EPOLLOUT, write_watch_, &FdStream::try_write);
    if (watched) return;
    auto done = std::exchange(writer_, nullptr);
    lock.unlock();
    done(std::move(watched));
  }

  void try_write() {
    std::unique_lock lock(mutex_);
    if (!writer_) return;
    int error = 0;
    while (sent_ < pending_.size() && error == 0) {
      ssize_t count = ::write(write_fd(), pending_.data() + sent_, pending_.size() - sent_);
      if (count >= 0) sent_ += static_cast<size_t>(count);
      else if (errno != EINTR) error = errno;
    }
    if (error == EAGAIN) return watch_write(lock);
    auto done = std::exchange(writer_, nullptr);
    if (write_closed_ && !closed_ && write_fd_) release_write(lock);
    lock.unlock();
    done(error ? Status(fail_errno("write", error)) : Status());
  }

  // One descriptor can stand only once in an epoll set, so a shared descriptor is watched for writing through a duplicate.
  Status watch(int fd, uint32_t events, Poller::Handle& handle, void (FdStream::*again)()) {
    if (handle) {
      poller_.modify(handle, events | EPOLLONESHOT);
      return {};
    }
    if (events == EPOLLOUT && !write_fd_) {
      duplicate_ = Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
      fd = duplicate_.get();
    }
    auto added = poller_.add(fd, events | EPOLLONESHOT, [weak = weak_from_this(), again](uint32_t) {
      if (auto self = weak.lock()) ((*self).*again)();
    });
    if (!added) return fail(std::move(added).error());
    handle = *added;
    return {};
  }

  Poller& poller_;
  std::mutex mutex_;
  Fd read_fd_, write_fd_, duplicate_;
  bool closed_ = false, write_closed_ = false;
  Poller::Handle read_watch_ = 0, write_watch_ = 0;
  size_t max_ = 0, sent_ = 0;
  std::string pending_;
  ReadDone reader_;
  WriteDone writer_;
};

}  // namespace

std::shared_ptr<ByteStream> make_fd_stream(Poller& poller, Fd read_fd, Fd write_fd) {
  return std::make_shared<FdStream>(poller, std::move(read_fd), std::move(write_fd));
}

}  // namespace reigen
