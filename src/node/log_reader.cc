#include "node/log_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <deque>

#include "base/fd.h"

namespace reigen::node {
namespace {

constexpr size_t kChunk = 32 * 1024;
constexpr auto kPollPeriod = std::chrono::milliseconds(100);
constexpr size_t kLineLimit = 1 << 20;

// Where the last `lines` lines begin; 0 when there are fewer.
off_t tail_offset(int fd, int64_t lines) {
  off_t end = ::lseek(fd, 0, SEEK_END);
  if (lines <= 0) return end;
  std::string buffer(kChunk, '\0');
  off_t at = end;
  int64_t seen = 0;
  while (at > 0) {
    size_t want = static_cast<size_t>(std::min<off_t>(at, static_cast<off_t>(kChunk)));
    at -= static_cast<off_t>(want);
    ssize_t count = ::pread(fd, buffer.data(), want, at);
    for (ssize_t i = count - 1; i >= 0; --i) {
      if (buffer[static_cast<size_t>(i)] != '\n') continue;
      bool last = at + i + 1 == end;
      if (!last && ++seen == lines) return at + i + 1;
    }
  }
  return 0;
}

class LogPump : public std::enable_shared_from_this<LogPump> {
 public:
  LogPump(Executor& executor, std::string path, LogQuery query, std::function<bool()> running, std::shared_ptr<ByteStream> out)
      : executor_(executor), path_(std::move(path)), query_(std::move(query)), running_(std::move(running)), out_(std::move(out)) {}

  void start() {
    open();
    if (fd_ && query_.tail_lines) ::lseek(fd_.get(), tail_offset(fd_.get(), *query_.tail_lines), SEEK_SET);
    step();
  }

 private:
  void open() { fd_ = Fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)); }

  // Another file has the name by now: the old one was read to its end, go on with the new one.
  bool rotated() {
    struct stat mine{}, named{};
    if (!fd_) return ::stat(path_.c_str(), &named) == 0;
    return ::fstat(fd_.get(), &mine) == 0 && ::stat(path_.c_str(), &named) == 0 && mine.st_ino != named.st_ino;
  }

  void step() {
    std::string raw(kChunk, '\0');
    ssize_t count = fd_ ? ::read(fd_.get(), raw.data(), raw.size()) : 0;
    if (count < 0) return out_->close_write();
    if (count == 0) return at_end();
    pending_.append(raw, 0, static_cast<size_t>(count));
    std::string text = take_lines();
    if (text.empty()) return again(Duration::zero());
    out_->write(std::move(text), [self = shared_from_this()](Status written) {
      if (written && !self->done_) self->again(Duration::zero());
      else self->out_->close_write();
    });
  }

  void at_end() {
    if (rotated()) {
      open();
      return again(Duration::zero());
    }
    if (!query_.follow || last_look_) return out_->close_write();
    if (!running_()) last_look_ = true;  // once more: it may have written between our read and its end
    again(last_look_ ? Duration::zero() : Duration(kPollPeriod));
  }

  void again(Duration delay) {
    if (delay == Duration::zero()) {
      executor_.post([self = shared_from_this()] { self->step(); });
    } else if (client_gone()) {
      out_->close_write();
    } else {
      executor_.after(delay, [self = shared_from_this()] { self->step(); });
    }
  }

  // An empty write fails once the reader has closed; its answer may come later.
  bool client_gone() {
    out_->write("", [self = shared_from_this()](Status status) {
      if (!status) self->gone_ = true;
    });
    return gone_;
  }

  std::string take_lines() {
    std::string out;
    size_t at = 0;
    for (size_t end; !done_ && (end = pending_.find('\n', at)) != std::string::npos; at = end + 1) {
      append(std::string_view(pending_).substr(at, end - at), out);
    }
    pending_.erase(0, at);
    if (pending_.size() > kLineLimit) pending_.clear();
    return out;
  }

  void append(std::string_view raw, std::string& out) {
    auto line = parse_log_line(raw);
    if (!line) return;
    if (query_.stream == "Stdout" && line->stream != "stdout") return;
    if (query_.stream == "Stderr" && line->stream != "stderr") return;
    if (!query_.since.empty() && line->timestamp.substr(0, 19) < std::string_view(query_.since).substr(0, 19)) return;
    std::string text;
    if (query_.timestamps && !in_partial_) text = std::string(line->timestamp) + " ";
    text += line->text;
    in_partial_ = line->partial;
    if (!line->partial) text += '\n';
    if (query_.limit_bytes) {
      int64_t room = *query_.limit_bytes - sent_;
      if (static_cast<int64_t>(text.size()) >= room) {
        text.resize(static_cast<size_t>(std::max<int64_t>(room, 0)));
        done_ = true;
      }
    }
    sent_ += static_cast<int64_t>(text.size());
    out += text;
  }

  Executor& executor_;
  std::string path_;
  LogQuery query_;
  std::function<bool()> running_;
  std::shared_ptr<ByteStream> out_;
  Fd fd_;
  std::string pending_;
  bool in_partial_ = false, done_ = false, last_look_ = false;
  std::atomic<bool> gone_ = false;
  int64_t sent_ = 0;
};

}  // namespace

std::optional<LogLine> parse_log_line(std::string_view line) {
  LogLine out;
  size_t first = line.find(' ');
  if (first == std::string_view::npos || first < 20) return std::nullopt;
  size_t second = line.find(' ', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  size_t third = line.find(' ', second + 1);
  std::string_view tags = line.substr(second + 1, third == std::string_view::npos ? third : third - second - 1);
  out.timestamp = line.substr(0, first);
  out.stream = line.substr(first + 1, second - first - 1);
  if (out.stream != "stdout" && out.stream != "stderr") return std::nullopt;
  out.partial = tags.substr(0, tags.find(':')) == "P";
  out.text = third == std::string_view::npos ? std::string_view() : line.substr(third + 1);
  return out;
}

std::shared_ptr<ByteStream> read_log(Executor& executor, const std::string& path, LogQuery query, std::function<bool()> running) {
  auto [near, far] = make_stream_pair(64 * 1024);
  auto pump = std::make_shared<LogPump>(executor, path, std::move(query), std::move(running), std::move(near));
  executor.post([pump] { pump->start(); });
  return far;
}

}  // namespace reigen::node
