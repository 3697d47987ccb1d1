#include "node/host_logs.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <vector>

#include "base/byte_stream.h"
#include "base/fd.h"
#include "base/files.h"
#include "http/message.h"

namespace reigen::node {

using apiserver::NodeHttpResponse;

namespace {

constexpr size_t kChunk = 64 * 1024;
constexpr size_t kSniffed = 512;

// The first `size` bytes of an open file, as a stream.
class FileStream final : public ByteStream, public std::enable_shared_from_this<FileStream> {
 public:
  FileStream(Executor& executor, Fd fd, off_t size) : executor_(executor), fd_(std::move(fd)), size_(size) {}

  void read(size_t max, ReadDone done) override {
    executor_.post([self = shared_from_this(), max, done = std::move(done)]() mutable { done(self->take(max)); });
  }
  void write(std::string, WriteDone done) override { done(fail(Code::kUnimplemented, "a file that is only read")); }
  void close_write() override {}
  void close() override {
    std::lock_guard lock(mutex_);
    fd_.reset();
  }

 private:
  Result<std::string> take(size_t max) {
    std::lock_guard lock(mutex_);
    if (!fd_) return fail(Code::kCancelled, "closed");
    std::string out(std::min({max, kChunk, static_cast<size_t>(size_ - at_)}), '\0');
    ssize_t count = out.empty() ? 0 : ::pread(fd_.get(), out.data(), out.size(), at_);
    if (count < 0) return fail_errno("read a log");
    out.resize(static_cast<size_t>(count));
    at_ += count;
    return out;
  }

  Executor& executor_;
  std::mutex mutex_;
  Fd fd_;
  off_t size_, at_ = 0;
};

// Without "." and "..", which lead nowhere above the root.
std::string clean(std::string_view path) {
  std::vector<std::string_view> parts;
  for (size_t at = 0; at <= path.size();) {
    size_t end = std::min(path.find('/', at), path.size());
    std::string_view part = path.substr(at, end - at);
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
    at = end + 1;
  }
  std::string out;
  for (auto part : parts) out.append("/").append(part);
  return out;
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&#34;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string escape_path(std::string_view text) {
  constexpr std::string_view kPlain = "-_.~$&+:=@/!'()*,;";
  std::string out;
  for (char c : text) {
    bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || kPlain.find(c) != std::string_view::npos;
    if (plain) out += c;
    else out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string list_page(const std::string& folder, const std::vector<std::string>& names) {
  std::string out = "<!doctype html>\n<meta name=\"viewport\" content=\"width=device-width\">\n<pre>\n";
  for (std::string name : names) {
    struct stat info{};
    if (::lstat((folder + "/" + name).c_str(), &info) == 0 && S_ISDIR(info.st_mode)) name += '/';
    // A colon in the first part of a relative link would be read as a scheme.
    std::string link = name.find(':') < name.find('/') ? "./" + escape_path(name) : escape_path(name);
    out += "<a href=\"" + escape_html(link) + "\">" + escape_html(name) + "</a>\n";
  }
  return out + "</pre>\n";
}

// As text, unless its first bytes hold what no text has.
std::string content_type(int fd) {
  char head[kSniffed];
  ssize_t count = ::pread(fd, head, sizeof head, 0);
  bool binary = std::any_of(head, head + std::max<ssize_t>(count, 0), [](char raw) {
    auto c = static_cast<unsigned char>(raw);
    return c <= 0x08 || c == 0x0b || (c >= 0x0e && c <= 0x1a) || (c >= 0x1c && c <= 0x1f);
  });
  return binary ? "application/octet-stream" : "text/plain; charset=utf-8";
}

NodeHttpResponse refused(int status, std::string text) { return {.status = status, .content_type = "text/plain; charset=utf-8", .body = text + "\n"}; }

NodeHttpResponse refused_for(int error) {
  if (error == ENOENT || error == ENOTDIR || error == ENXIO) return refused(404, "404 page not found");
  if (error == EACCES || error == EPERM) return refused(403, "403 Forbidden");
  return refused(500, "500 Internal Server Error");
}

}  // namespace

NodeHttpResponse serve_host_log(Executor& executor, const std::string& root, std::string_view path) {
  std::string decoded;
  if (!http::percent_decode(path, decoded) || decoded.find('\0') != std::string::npos) return refused(400, "400 Bad Request");
  std::string name = clean(decoded), full = root + name;
  bool asks_folder = name.empty() || decoded.ends_with('/');
  // A pipe in the folder must not hold anybody up.
  Fd fd(::open(full.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat info{};
  if (!fd || ::fstat(fd.get(), &info) != 0) return refused_for(errno);
  if (S_ISDIR(info.st_mode)) {
    if (!asks_folder) return {.status = 301, .content_type = "", .body = "", .location = escape_path(name.substr(name.rfind('/') + 1)) + "/"};
    auto names = list_directory(full);
    if (!names) return refused(500, "Error reading directory");
    return {.status = 200, .content_type = "text/html; charset=utf-8", .body = list_page(full, *names)};
  }
  if (!S_ISREG(info.st_mode)) return refused(404, "404 page not found");
  if (asks_folder) return {.status = 301, .content_type = "", .body = "", .location = "../" + escape_path(name.substr(name.rfind('/') + 1))};
  NodeHttpResponse response{.status = 200, .content_type = content_type(fd.get()), .body = ""};
  response.stream = std::make_shared<FileStream>(executor, std::move(fd), info.st_size);
  return response;
}

}  // namespace reigen::node
