#include "base/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

namespace reigen {
namespace {

Status write_all(int fd, std::string_view data, const std::string& path) {
  while (!data.empty()) {
    ssize_t count = ::write(fd, data.data(), data.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("write " + path);
    data.remove_prefix(static_cast<size_t>(count));
  }
  return {};
}

std::string parent_of(const std::string& path) {
  auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status remove_at(int parent, const char* name, dev_t device, const std::string& shown) {
  struct stat info{};
  if (::fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT ? Status() : fail_errno("remove " + shown);
  }
  if (!S_ISDIR(info.st_mode)) {
    if (::unlinkat(parent, name, 0) != 0 && errno != ENOENT) return fail_errno("remove " + shown);
    return {};
  }
  if (info.st_dev != device) return fail(Code::kUnavailable, "remove " + shown + ": something is mounted there");
  Fd fd(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return fail_errno("remove " + shown);
  std::unique_ptr<DIR, int (*)(DIR*)> dir(::fdopendir(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)), ::closedir);
  if (!dir) return fail_errno("remove " + shown);
  while (dirent* entry = ::readdir(dir.get())) {
    std::string_view child = entry->d_name;
    if (child == "." || child == "..") continue;
    TRY(remove_at(fd.get(), entry->d_name, device, shown + "/" + entry->d_name));
  }
  if (::unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT) return fail_errno("remove " + shown);
  return {};
}

}  // namespace

Result<std::string> read_file(const std::string& path, size_t limit) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("open " + path);
  std::string out;
  char buffer[65536];
  while (true) {
    ssize_t count = ::read(fd.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("read " + path);
    if (count == 0) return out;
    if (out.size() + static_cast<size_t>(count) > limit) return fail(Code::kResourceExhausted, path + " is larger than " + std::to_string(limit) + " bytes");
    out.append(buffer, static_cast<size_t>(count));
  }
}

Status write_file(const std::string& path, std::string_view data, mode_t mode, bool durable) {
  std::string temporary = path + ".new.XXXXXX";
  Fd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return fail_errno("write " + path);
  auto written = write_all(fd.get(), data, path);
  if (written && ::fchmod(fd.get(), mode) != 0) written = fail_errno("chmod " + path);
  if (written && durable && ::fsync(fd.get()) != 0) written = fail_errno("sync " + path);
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) written = fail_errno("write " + path);
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  if (durable) {
    Fd folder(::open(parent_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder && ::fsync(folder.get()) != 0) return fail_errno("sync the folder of " + path);
  }
  return {};
}

Status write_existing(const std::string& path, std::string_view data) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return fail_errno("open " + path);
  ssize_t count;
  do count = ::write(fd.get(), data.data(), data.size());
  while (count < 0 && errno == EINTR);
  if (count < 0) return fail_errno("write " + path);
  return {};
}

Status make_directories(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0) return {};
  if (errno == EEXIST) {
    struct stat info{};
    if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
    return fail(Code::kAlreadyExists, path + " exists and is not a folder");
  }
  if (errno != ENOENT) return fail_errno("make folder " + path);
  auto parent = parent_of(path);
  if (parent == path) return fail_errno("make folder " + path);
  TRY(make_directories(parent, mode));
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return fail_errno("make folder " + path);
  return {};
}

Status remove_tree(const std::string& path) {
  struct stat info{};
  if (::lstat(parent_of(path).c_str(), &info) != 0) return errno == ENOENT ? Status() : fail_errno("remove " + path);
  if (::lstat(path.c_str(), &info) != 0) return errno == ENOENT ? Status() : fail_errno("remove " + path);
  return remove_at(AT_FDCWD, path.c_str(), info.st_dev, path);
}

Result<std::vector<std::string>> list_directory(const std::string& path) {
  std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), ::closedir);
  if (!dir) return fail_errno("read folder " + path);
  std::vector<std::string> names;
  while (dirent* entry = ::readdir(dir.get())) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool path_exists(const std::string& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0;
}

Result<std::string> make_temporary_directory(const std::string& parent, std::string_view prefix) {
  std::string path = parent + "/" + std::string(prefix) + "XXXXXX";
  if (!::mkdtemp(path.data())) return fail_errno("make a folder in " + parent);
  return path;
}

Result<FileLock> FileLock::acquire(const std::string& path) {
  FileLock lock;
  lock.fd_ = Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.fd_) return fail_errno("open " + path);
  if (::flock(lock.fd_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return fail(Code::kAlreadyExists, path + " is locked by another process");
    return fail_errno("lock " + path);
  }
  return lock;
}

}  // namespace reigen
