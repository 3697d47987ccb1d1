#include "compose/terminal.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <mutex>

#include "compose/engine_client.h"

namespace reigen::compose {
namespace {

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

// Copies standard input to a stream on a thread of its own until stop().
class InputPump {
 public:
  InputPump(std::shared_ptr<ByteStream> stream, const AttachOptions& options)
      : stream_(std::move(stream)), options_(options), wake_(::eventfd(0, EFD_CLOEXEC)) {
    executor_.post([this] { run(); });
  }
  ~InputPump() {
    uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
    executor_.stop();
  }

 private:
  void run() {
    bool open = options_.input;
    std::pair<int, int> size{-1, -1};
    for (;;) {
      if (options_.resize) {
        if (auto now = terminal_size(); now != size && now.first > 0) options_.resize(now.first, now.second);
        size = terminal_size();
      }
      pollfd fds[2] = {{wake_.get(), POLLIN, 0}, {open ? 0 : -1, POLLIN, 0}};
      // The size is looked at twice a second: no signal handler, which would be the process', not this stream's.
      int ready = ::poll(fds, 2, options_.resize ? 500 : -1);
      if (ready < 0 || fds[0].revents) return;
      if (ready == 0 || !fds[1].revents) continue;
      char buffer[16384];
      ssize_t n = ::read(0, buffer, sizeof buffer);
      if (n <= 0) {
        stream_->close_write();
        open = false;
        continue;
      }
      if (!send({buffer, static_cast<size_t>(n)})) open = false;
    }
  }

  bool send(std::string bytes) {
    struct Wait {
      std::mutex mutex;
      std::condition_variable changed;
      std::optional<bool> done;
    };
    auto wait = std::make_shared<Wait>();
    stream_->write(std::move(bytes), [wait](Status status) {
      std::lock_guard lock(wait->mutex);
      wait->done = status.has_value();
      wait->changed.notify_one();
    });
    std::unique_lock lock(wait->mutex);
    wait->changed.wait(lock, [&] { return wait->done.has_value(); });
    return *wait->done;
  }

  std::shared_ptr<ByteStream> stream_;
  const AttachOptions& options_;
  Fd wake_;
  ThreadExecutor executor_{1, "input"};
};

}  // namespace

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

std::pair<int, int> terminal_size() {
  winsize size{};
  if (::ioctl(1, TIOCGWINSZ, &size) != 0 && ::ioctl(0, TIOCGWINSZ, &size) != 0) return {0, 0};
  return {size.ws_col, size.ws_row};
}

RawTerminal::RawTerminal() {
  termios now{};
  if (::tcgetattr(0, &now) != 0) return;
  before_ = now;
  ::cfmakeraw(&now);
  ::tcsetattr(0, TCSADRAIN, &now);
}

RawTerminal::~RawTerminal() {
  if (before_) ::tcsetattr(0, TCSADRAIN, &*before_);
}

Status attach_terminal(std::shared_ptr<ByteStream> stream, const AttachOptions& options) {
  std::optional<RawTerminal> raw;
  if (options.tty && options.input && is_terminal(0)) raw.emplace();
  InputPump input(stream, options);
  FrameReader frames(options.tty);
  Status result;
  for (;;) {
    auto piece = read_piece(*stream);
    if (!piece && piece.error().code() != Code::kCancelled) result = Fail(piece.error());
    if (!piece || piece->empty()) break;
    frames.feed(*piece, [](int to, std::string_view bytes) { write_all(to == 2 ? 2 : 1, bytes); });
  }
  stream->close();
  return result;
}

Fd block_end_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  ::sigaddset(&set, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return Fd(::signalfd(-1, &set, SFD_CLOEXEC));
}

int wait_signal(const Fd& signals, Duration limit) {
  pollfd fd{signals.get(), POLLIN, 0};
  int ms = limit < Duration::zero() ? -1 : static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(limit).count());
  if (::poll(&fd, 1, ms) <= 0) return 0;
  signalfd_siginfo info{};
  return ::read(signals.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

}  // namespace reigen::compose
