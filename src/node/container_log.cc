#include "node/container_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstring>
#include <optional>
#include <vector>

#include "base/fd.h"

namespace reigen::node {
namespace {

// The file is read, not mapped: an administrator may truncate it at any time.
constexpr size_t kChunk = 256 * 1024;
constexpr size_t kWaiting = 512 * 1024;
constexpr size_t kLineLimit = 1 << 20;
constexpr int kTurns = 32;  // chunks in a row, then others have the thread
constexpr auto kFirstPause = std::chrono::milliseconds(10);
constexpr auto kLastPause = std::chrono::milliseconds(160);
constexpr size_t kGathered = 32 * 1024;
constexpr size_t kTimeLength = 29;  // "2016-10-06T00:17:09.669794202"
constexpr int kMaxFiles = 1000;

std::string utc_text(WallTime time) {
  auto since_epoch = time.time_since_epoch().count();
  time_t seconds = since_epoch / 1'000'000'000;
  int64_t nanos = since_epoch % 1'000'000'000;
  if (nanos < 0) {
    nanos += 1'000'000'000;
    --seconds;
  }
  tm parts{};
  ::gmtime_r(&seconds, &parts);
  char date[40], whole[64];
  ::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  ::snprintf(whole, sizeof whole, "%s.%09lld", date, static_cast<long long>(nanos));
  return whole;
}

std::optional<int> number_at(std::string_view text, size_t at, size_t count) {
  unsigned value = 0;  // unsigned: no digit's place takes a sign
  if (at + count > text.size()) return std::nullopt;
  auto [end, error] = std::from_chars(text.data() + at, text.data() + at + count, value);
  if (error != std::errc() || end != text.data() + at + count) return std::nullopt;
  return static_cast<int>(value);
}

// Years well inside of what WallTime can hold: it counts nanoseconds in 64 bits.
constexpr int kFirstYear = 1679, kLastYear = 2260;

// conmon writes local time with its offset ("+02:00"). As 29 characters of UTC.
std::optional<std::string> to_utc(std::string_view stamp) {
  if (stamp.size() != kTimeLength + 6) return std::nullopt;
  auto hours = number_at(stamp, 30, 2), minutes = number_at(stamp, 33, 2);
  tm parts{};
  auto year = number_at(stamp, 0, 4), month = number_at(stamp, 5, 2), day = number_at(stamp, 8, 2);
  auto hour = number_at(stamp, 11, 2), minute = number_at(stamp, 14, 2), second = number_at(stamp, 17, 2), nanos = number_at(stamp, 20, 9);
  char sign = stamp[29];
  if (!hours || !minutes || !year || !month || !day || !hour || !minute || !second || !nanos || (sign != '+' && sign != '-')) return std::nullopt;
  if (*year < kFirstYear || *year > kLastYear || *month < 1 || *month > 12) return std::nullopt;
  parts.tm_year = *year - 1900;
  parts.tm_mon = *month - 1;
  parts.tm_mday = *day;
  parts.tm_hour = *hour;
  parts.tm_min = *minute;
  parts.tm_sec = *second;
  int64_t offset = *hours * 3600 + *minutes * 60;
  int64_t seconds = ::timegm(&parts) - (sign == '+' ? offset : -offset);
  return utc_text(WallTime(std::chrono::seconds(seconds) + std::chrono::nanoseconds(*nanos)));
}

bool is_utc(std::string_view stamp) {
  if (stamp.size() < kTimeLength) return false;
  std::string_view zone = stamp.substr(kTimeLength);
  return zone == "Z" || zone == "+00:00";
}

// Whether a line of the log ends one of the program's lines or is a part of one.
bool ends_line(std::string_view line) {
  size_t first = line.find(' ');
  size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  return second == std::string_view::npos || second + 1 >= line.size() || line[second + 1] != 'P';
}

struct TailStart {
  size_t file = 0;
  off_t offset = 0;
};

// Looks backwards through one file for the place where the last lines begin; nothing when it has too few. `seen` counts over files.
class TailSearch {
 public:
  TailSearch(int fd, int64_t wanted, int64_t& seen) : fd_(fd), wanted_(wanted), seen_(seen), buffer_(kChunk, '\0') {}

  std::optional<off_t> find() {
    struct stat info{};
    off_t line_end = ::fstat(fd_, &info) == 0 ? info.st_size : 0;
    at_ = line_end;
    while (at_ > 0) {
      size_t want = static_cast<size_t>(std::min<off_t>(at_, static_cast<off_t>(kChunk)));
      at_ -= static_cast<off_t>(want);
      count_ = ::pread(fd_, buffer_.data(), want, at_);
      if (count_ <= 0) return 0;
      for (ssize_t i = count_ - 1; i >= 0; --i) {
        if (buffer_[static_cast<size_t>(i)] != '\n') continue;
        off_t begin = at_ + i + 1;
        if (begin < line_end && take(begin, line_end)) return newer_;
        line_end = begin;
      }
    }
    if (line_end > 0 && take(0, line_end)) return newer_;
    return std::nullopt;
  }

 private:
  // The parts of a line come before its end: they are reached after it and belong to it.
  bool take(off_t begin, off_t end) {
    bool whole = is_whole(begin, end);
    if (whole && seen_ == wanted_) return true;
    if (whole) ++seen_;
    newer_ = begin;
    return false;
  }

  bool is_whole(off_t begin, off_t end) {
    char head[64];
    size_t size = static_cast<size_t>(std::min<off_t>(sizeof head, end - begin));
    if (begin >= at_ && begin + static_cast<off_t>(size) <= at_ + count_) {
      return ends_line(std::string_view(buffer_).substr(static_cast<size_t>(begin - at_), size));
    }
    ssize_t got = ::pread(fd_, head, size, begin);
    return got <= 0 || ends_line(std::string_view(head, static_cast<size_t>(got)));
  }

  int fd_;
  int64_t wanted_;
  int64_t& seen_;
  std::string buffer_;
  off_t at_ = 0, newer_ = 0;
  ssize_t count_ = 0;
};

class Reader : public std::enable_shared_from_this<Reader> {
 public:
  Reader(Executor& executor, std::string path, ContainerLogQuery query, std::function<bool()> ended, std::shared_ptr<ByteStream> out)
      : executor_(executor), path_(std::move(path)), query_(query), format_(std::move(query)), ended_(std::move(ended)), out_(std::move(out)) {}

  void start() {
    watch_client();
    open_all();
    if (query_.tail >= 0) skip_to_tail();
    step();
  }

 private:
  // The oldest first. All are opened at once, so that a rotation between two of them loses nothing.
  void open_all() {
    std::vector<Fd> newest_first;
    for (int i = 0; i < kMaxFiles; ++i) {
      Fd fd(::open(i == 0 ? path_.c_str() : (path_ + "." + std::to_string(i)).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
      if (!fd && i > 0) break;
      if (fd) newest_first.push_back(std::move(fd));
    }
    for (auto it = newest_first.rbegin(); it != newest_first.rend(); ++it) files_.push_back(std::move(*it));
  }

  void skip_to_tail() {
    int64_t seen = 0;
    TailStart start;
    if (query_.tail == 0) {
      start.file = files_.empty() ? 0 : files_.size() - 1;
      if (!files_.empty()) start.offset = ::lseek(files_.back().get(), 0, SEEK_END);
    }
    for (size_t i = files_.size(); query_.tail > 0 && i-- > 0;) {
      auto at = TailSearch(files_[i].get(), query_.tail, seen).find();
      start = {i, at.value_or(0)};
      if (at) break;
      if (seen == query_.tail) break;
    }
    files_.erase(files_.begin(), files_.begin() + static_cast<ptrdiff_t>(std::min(start.file, files_.size())));
    if (!files_.empty()) ::lseek(files_.front().get(), start.offset, SEEK_SET);
  }

  void step() {
    for (int turn = 0; turn < kTurns; ++turn) {
      if (gone_) return out_->close();
      std::string text;
      bool more = fill(text);
      if (text.empty()) {
        if (more && !over_) continue;
        return at_end();
      }
      pause_ = kFirstPause;
      if (!write(std::move(text))) return;
      if (over_) return out_->close_write();
    }
    executor_.post([self = shared_from_this()] { self->step(); });
  }

  // True: taken at once. Else step() goes on when it is, unless the client has gone.
  bool write(std::string text) {
    auto met = std::make_shared<std::atomic<bool>>(false);
    auto failed = std::make_shared<std::atomic<bool>>(false);
    out_->write(std::move(text), [self = shared_from_this(), met, failed](Status written) {
      *failed = !written;
      if (!met->exchange(true)) return;  // before write() has returned
      if (!written) return self->out_->close();
      self->executor_.post([self] { self->over_ ? self->out_->close_write() : self->step(); });
    });
    if (!met->exchange(true)) return false;
    if (*failed) out_->close();
    return !*failed;
  }

  // Reads one chunk of the files. False at their end.
  bool fill(std::string& text) {
    if (buffer_.empty()) buffer_.resize(kLineLimit + kChunk);
    while (!files_.empty()) {
      ssize_t count = ::read(files_.front().get(), buffer_.data() + filled_, kChunk);
      if (count > 0) {
        filled_ += static_cast<size_t>(count);
        take_lines(text);
        return true;
      }
      if (files_.size() == 1) return false;
      files_.erase(files_.begin());
      filled_ = 0;
    }
    return false;
  }

  void take_lines(std::string& text) {
    std::string_view all(buffer_.data(), filled_);
    size_t end = all.rfind('\n');
    if (end == std::string_view::npos) {
      if (filled_ >= kLineLimit) filled_ = 0;  // none of conmon's
      return;
    }
    text.reserve(end + end / 4);
    if (!format_.append(all.substr(0, end + 1), text)) over_ = true;
    filled_ -= end + 1;
    std::memmove(buffer_.data(), buffer_.data() + end + 1, filled_);
  }

  // Another file has the name by now: the old one was read to its end, go on with the new one.
  bool rotated() {
    struct stat mine{}, named{};
    bool there = ::stat(path_.c_str(), &named) == 0;
    if (files_.empty()) return there;
    return there && ::fstat(files_.front().get(), &mine) == 0 && mine.st_ino != named.st_ino;
  }

  void truncated() {
    struct stat mine{};
    if (files_.empty() || ::fstat(files_.front().get(), &mine) != 0) return;
    if (mine.st_size < ::lseek(files_.front().get(), 0, SEEK_CUR)) ::lseek(files_.front().get(), 0, SEEK_SET);
  }

  void at_end() {
    if (over_ || !query_.follow || last_look_) return out_->close_write();
    if (rotated()) {
      files_.clear();
      filled_ = 0;
      if (Fd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)); fd) files_.push_back(std::move(fd));
      return executor_.post([self = shared_from_this()] { self->step(); });
    }
    truncated();
    if (ended_()) {
      last_look_ = true;  // once more: it may have written between our read and its end
      return step();
    }
    executor_.after(pause_, [self = shared_from_this()] { self->step(); });
    pause_ = std::min<Duration>(pause_ * 2, kLastPause);
  }

  // The client never writes: what it sends is its end.
  void watch_client() {
    out_->read(1, [weak = weak_from_this()](Result<std::string>) {
      if (auto self = weak.lock()) self->gone_ = true;
    });
  }

  Executor& executor_;
  std::string path_;
  ContainerLogQuery query_;
  ContainerLogFormat format_;
  std::function<bool()> ended_;
  std::shared_ptr<ByteStream> out_;
  std::vector<Fd> files_;
  std::string buffer_;
  size_t filled_ = 0;  // of the buffer: the begin of a line whose end is not there yet
  Duration pause_ = kFirstPause;
  bool over_ = false, last_look_ = false;
  std::atomic<bool> gone_ = false;
};

}  // namespace

void append_frame(std::string& out, bool error_stream, std::string_view text) {
  size_t size = text.size();
  char head[8] = {static_cast<char>(error_stream ? 2 : 1),
                  0,
                  0,
                  0,
                  static_cast<char>(size >> 24),
                  static_cast<char>(size >> 16),
                  static_cast<char>(size >> 8),
                  static_cast<char>(size)};
  out.append(head, sizeof head);
  out.append(text);
}

ContainerLogFormat::ContainerLogFormat(ContainerLogQuery query) : query_(std::move(query)) {
  if (query_.since != WallTime()) since_ = utc_text(query_.since);
  if (query_.until != WallTime()) until_ = utc_text(query_.until);
}

bool ContainerLogFormat::append(std::string_view lines, std::string& out) {
  frame_ = std::string::npos;
  while (!lines.empty()) {
    const void* found = std::memchr(lines.data(), '\n', lines.size());
    if (!found) return true;
    size_t size = static_cast<size_t>(static_cast<const char*>(found) - lines.data());
    if (!append_line(lines.substr(0, size + 1), out)) return false;
    lines.remove_prefix(size + 1);
  }
  return true;
}

// `line` has its end: a whole line's text is sent with it.
bool ContainerLogFormat::append_line(std::string_view line, std::string& out) {
  size_t first = line.find(' ');
  if (first == std::string_view::npos || first < 20 || line.size() < first + 10) return true;
  std::string_view stream = line.substr(first + 1, 7);
  bool error = stream == "stderr ";
  if (!error && stream != "stdout ") return true;
  bool partial = line[first + 8] == 'P';
  size_t text = line.find(' ', first + 8);
  if (text == std::string_view::npos) text = line.size() - 2;  // an empty line may lack the blank
  std::string_view stamp = line.substr(0, first);
  if (!since_.empty() || !until_.empty() || (query_.timestamps && !is_utc(stamp))) {
    std::string utc;
    if (is_utc(stamp)) {
      stamp = stamp.substr(0, kTimeLength);
    } else {
      auto converted = to_utc(stamp);
      if (!converted) return true;
      utc = std::move(*converted);
      stamp = utc;
    }
    if (!since_.empty() && stamp < since_) return true;
    if (!until_.empty() && stamp > until_) return false;
    if (error ? query_.err : query_.out) put(error, stamp, line.substr(text + 1), partial, out);
    return true;
  }
  if (error ? query_.err : query_.out) put(error, stamp.substr(0, kTimeLength), line.substr(text + 1), partial, out);
  return true;
}

// Whether the frame begun last can take what would make it end at `end`.
bool ContainerLogFormat::gathers(bool error_stream, size_t end) const {
  return query_.gather && frame_ != std::string::npos && frame_is_error_ == error_stream && end - frame_ <= kGathered;
}

void ContainerLogFormat::put(bool error_stream, std::string_view timestamp, std::string_view text, bool partial, std::string& out) {
  if (partial) text.remove_suffix(1);
  bool begins = !in_partial_[error_stream];
  in_partial_[error_stream] = partial;
  if (text.empty()) return;
  size_t at = out.size();
  if (gathers(error_stream, at + text.size() + timestamp.size() + query_.details.size())) at = frame_;
  else if (query_.framed) out.append(8, '\0');
  if (begins && query_.timestamps) out.append(timestamp).append("Z ");
  if (begins && query_.with_details) out.append(query_.details).append(1, ' ');
  out.append(text);
  if (!query_.framed) return;
  frame_ = at;
  frame_is_error_ = error_stream;
  size_t size = out.size() - at - 8;
  out[at] = static_cast<char>(error_stream ? 2 : 1);
  for (size_t i = 0; i < 4; ++i) out[at + 4 + i] = static_cast<char>(size >> (24 - 8 * i));
}

std::shared_ptr<ByteStream> read_container_log(Executor& executor, const std::string& path, ContainerLogQuery query, std::function<bool()> ended) {
  auto [near, far] = make_stream_pair(kWaiting);
  auto reader = std::make_shared<Reader>(executor, path, std::move(query), std::move(ended), std::move(near));
  executor.post([reader] { reader->start(); });
  return far;
}

}  // namespace reigen::node
