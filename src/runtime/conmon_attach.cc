#include "runtime/conmon_attach.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>

namespace reigen::runtime {
namespace {

constexpr size_t kPacket = 8192 + 1;  // conmon's STDIO_BUF_SIZE and the stream's byte
constexpr size_t kInputChunk = 8192;
constexpr size_t kBuffer = 256 * 1024;  // of output not yet read; then conmon has to wait

// Lives until the socket has ended and both directions let go.
class Attachment : public std::enable_shared_from_this<Attachment> {
 public:
  Attachment(Poller& poller, Fd socket, bool tty, AttachInput in) : poller_(poller), socket_(std::move(socket)), input_(in) {
    std::tie(out_near_, out_far_) = make_stream_pair(kBuffer);
    if (!tty) std::tie(err_near_, err_far_) = make_stream_pair(kBuffer);
    if (in != AttachInput::kNone) std::tie(in_near_, in_far_) = make_stream_pair(kBuffer);
  }
  ~Attachment() { stop(); }

  Status start() {
    auto handle = poller_.add(socket_.get(), EPOLLIN | EPOLLONESHOT, [weak = weak_from_this()](uint32_t) {
      if (auto self = weak.lock()) self->receive();
    });
    if (!handle) return fail(handle.error());
    std::lock_guard lock(mutex_);
    handle_ = *handle;
    return {};
  }
  void start_input() {
    if (in_near_) forward_input();
  }
  void stop() {
    Poller::Handle handle;
    {
      std::lock_guard lock(mutex_);
      handle = std::exchange(handle_, 0);
    }
    if (handle) poller_.remove(handle);
    end();
  }
  void wait(std::move_only_function<void(Result<int>)> done) {
    {
      std::lock_guard lock(mutex_);
      if (!ended_) {
        done_ = std::move(done);
        return;
      }
    }
    done(0);
  }

  std::shared_ptr<ByteStream> out_far_, err_far_, in_far_;

 private:
  Poller& poller_;
  Fd socket_;
  AttachInput input_;
  std::mutex mutex_;
  Poller::Handle handle_ = 0;
  bool ended_ = false;
  std::move_only_function<void(Result<int>)> done_;
  std::shared_ptr<ByteStream> out_near_, err_near_, in_near_;

  // On the poller's thread: one packet, then wait until it was taken.
  void receive() {
    std::string packet(kPacket, '\0');
    ssize_t count = ::recv(socket_.get(), packet.data(), packet.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return arm();
    if (count <= 0) return end();
    packet.resize(static_cast<size_t>(count));
    auto& to = packet[0] == 3 && err_near_ ? err_near_ : out_near_;
    packet.erase(0, 1);
    to->write(std::move(packet), [weak = weak_from_this()](Status) {
      if (auto self = weak.lock()) self->arm();
    });
  }
  void arm() {
    std::lock_guard lock(mutex_);
    if (handle_) poller_.modify(handle_, EPOLLIN | EPOLLONESHOT);
  }
  void end() {
    std::move_only_function<void(Result<int>)> done;
    {
      std::lock_guard lock(mutex_);
      if (std::exchange(ended_, true)) return;
      done = std::move(done_);
    }
    out_near_->close_write();
    if (err_near_) err_near_->close_write();
    if (done) done(0);
  }

  void forward_input() {
    in_near_->read(kInputChunk, [weak = weak_from_this()](Result<std::string> data) {
      auto self = weak.lock();
      if (!self) return;
      if (!data) return;
      if (data->empty()) {
        if (self->input_ == AttachInput::kLeavesOpen) return self->stop();
        ::shutdown(self->socket_.get(), SHUT_WR);
        return;
      }
      self->send(std::move(*data));
    });
  }
  void send(std::string data) {
    // A full socket means that the program does not read. Polling twice for one socket needs a second descriptor.
    if (::send(socket_.get(), data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return forward_input();
    if (errno != EAGAIN && errno != EINTR) return;
    auto fd = std::make_shared<Fd>(::fcntl(socket_.get(), F_DUPFD_CLOEXEC, 0));
    (void)poller_.once(fd->get(), EPOLLOUT, [weak = weak_from_this(), fd, data = std::move(data)](uint32_t) mutable {
      if (auto self = weak.lock()) self->send(std::move(data));
    });
  }
};

class AttachSession final : public Session {
 public:
  AttachSession(std::shared_ptr<Attachment> attachment, std::string control) : attachment_(std::move(attachment)), control_(std::move(control)) {}
  ~AttachSession() override { attachment_->stop(); }
  std::shared_ptr<ByteStream> input() override { return attachment_->in_far_; }
  std::shared_ptr<ByteStream> output() override { return attachment_->out_far_; }
  std::shared_ptr<ByteStream> errors() override { return attachment_->err_far_; }
  void resize(int width, int height) override { resize_by_conmon(control_, width, height); }
  void wait(std::move_only_function<void(Result<int>)> done) override { attachment_->wait(std::move(done)); }

 private:
  std::shared_ptr<Attachment> attachment_;
  std::string control_;
};

}  // namespace

void resize_by_conmon(const std::string& control, int width, int height) {
  Fd fifo(::open(control.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  std::string message = "1 " + std::to_string(height) + " " + std::to_string(width) + "\n";
  if (fifo && ::write(fifo.get(), message.data(), message.size()) < 0) return;
}

Result<std::unique_ptr<Session>> attach_to_conmon(Poller& poller, const std::string& bundle, bool tty, AttachInput in) {
  Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string path = bundle + "/attach";
  Fd folder;
  if (path.size() >= sizeof address.sun_path) {
    folder = Fd(::open(bundle.c_str(), O_PATH | O_CLOEXEC));
    path = "/proc/self/fd/" + std::to_string(folder.get()) + "/attach";
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return fail_errno("connect to conmon at " + bundle + "/attach");
  auto attachment = std::make_shared<Attachment>(poller, std::move(socket), tty, in);
  TRY(attachment->start());
  attachment->start_input();
  return std::unique_ptr<Session>(std::make_unique<AttachSession>(std::move(attachment), bundle + "/ctl"));
}

}  // namespace reigen::runtime
