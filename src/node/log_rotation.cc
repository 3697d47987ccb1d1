#include "node/log_rotation.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/descriptors.h"
#include "base/files.h"

namespace reigen::node {
namespace {

constexpr int kReopenTries = 200;
constexpr int kReopenPause = 1;  // ms
constexpr size_t kChunk = 1 << 20;
constexpr int64_t kLineLimit = 64 << 10;

struct Part {
  int64_t begin = 0, end = 0;
};

std::string numbered(const std::string& path, size_t number) { return path + "." + std::to_string(number); }

// Whole lines, each part below the limit as far as lines are; at most the last `most` parts.
Result<std::vector<Part>> cut(int file, int64_t size, int64_t limit, size_t most) {
  std::vector<Part> out;
  std::string buffer(static_cast<size_t>(kLineLimit), '\0');
  // Earlier parts would be dropped anyway.
  int64_t begin = std::max<int64_t>(0, size - limit * static_cast<int64_t>(most));
  auto line_end = [&](int64_t at) -> Result<int64_t> {
    ssize_t count = ::pread(file, buffer.data(), buffer.size(), at);
    if (count < 0) return fail_errno("read a log");
    size_t found = std::string_view(buffer.data(), static_cast<size_t>(count)).find('\n');
    return found == std::string_view::npos ? at + count : at + static_cast<int64_t>(found) + 1;
  };
  if (begin > 0) {
    TRY_ASSIGN(begin, line_end(begin));
  }
  while (begin < size) {
    int64_t end = size;
    if (size - begin > limit) {
      TRY_ASSIGN(end, line_end(begin + limit - 1));
    }
    out.push_back({begin, std::max(end, begin + 1)});
    begin = out.back().end;
  }
  if (out.size() > most) out.erase(out.begin(), out.end() - static_cast<ptrdiff_t>(most));
  return out;
}

Status copy_part(int from, const Part& part, const std::string& path, mode_t mode) {
  Fd to(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!to) return fail_errno("open " + path);
  off_t at = part.begin;
  while (at < part.end) {
    size_t left = std::min(kChunk, static_cast<size_t>(part.end - at));
    ssize_t count = ::copy_file_range(from, &at, to.get(), nullptr, left, 0);
    if (count < 0) return fail_errno("copy to " + path);
    if (count == 0) break;
  }
  return {};
}

// The older files move up by `count`; what falls off the end goes.
void shift(const std::string& path, size_t count, size_t last) {
  for (size_t i = last; i >= 1; --i) {
    std::string from = numbered(path, i);
    if (i + count <= last) (void)::rename(from.c_str(), numbered(path, i + count).c_str());
    else (void)::unlink(from.c_str());
  }
}

// conmon opens its new file when it reads the message; only then does nothing more come into the old one.
void wait_for(const std::string& path) {
  for (int i = 0; i < kReopenTries && !path_exists(path); ++i) (void)::poll(nullptr, 0, kReopenPause);
}

}  // namespace

Status rotate_log_files(const std::string& path, const LogRotation& limits, const std::function<Status()>& reopen) {
  struct stat info{};
  if (limits.max_bytes <= 0 || ::stat(path.c_str(), &info) != 0 || info.st_size < limits.max_bytes) return {};
  auto older = static_cast<size_t>(limits.max_files) - 1;
  if (!reopen && older == 0) return {};
  std::string whole = path + ".cut";
  if (::rename(path.c_str(), whole.c_str()) != 0) return fail_errno("rename " + path);
  Status reopened = reopen ? reopen() : Status();
  if (reopen && reopened) wait_for(path);
  // Readers look for a file of this name.
  Fd next(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, info.st_mode & 0777));
  Fd file(::open(whole.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  ::unlink(whole.c_str());
  if (!file || ::fstat(file.get(), &info) != 0) return fail_errno("open " + whole);
  if (older == 0) return reopened;
  TRY_ASSIGN(auto parts, cut(file.get(), info.st_size, limits.max_bytes, older));
  shift(path, parts.size(), older);
  for (size_t i = 0; i < parts.size(); ++i) TRY(copy_part(file.get(), parts[i], numbered(path, parts.size() - i), info.st_mode & 0777));
  return reopened;
}

}  // namespace reigen::node
