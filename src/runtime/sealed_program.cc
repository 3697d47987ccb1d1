#include "runtime/sealed_program.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/log.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace reigen::runtime {
namespace {

// Exactly these make crun trust the copy.
constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

std::string path_of(int fd) { return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd); }

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

Result<Fd> sealed_copy(const std::string& file, size_t size) {
  Fd from(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!from) return fail_errno("open " + file);
  char magic[4] = {};
  if (::pread(from.get(), magic, sizeof magic, 0) != sizeof magic || std::memcmp(magic, "\177ELF", 4) != 0)
    return fail(Code::kInvalidArgument, file + " is no program of its own");
  int made = ::memfd_create("reigen-program", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  if (made < 0 && errno == EINVAL) made = ::memfd_create("reigen-program", MFD_CLOEXEC | MFD_ALLOW_SEALING);  // a kernel before 6.3
  Fd to(made);
  if (!to) return fail_errno("memfd_create");
  for (size_t at = 0; at < size;) {
    ssize_t count = ::sendfile(to.get(), from.get(), nullptr, size - at);
    if (count < 0) return fail_errno("copy " + file);
    if (count == 0) return fail(Code::kUnavailable, file + " is being changed");
    at += static_cast<size_t>(count);
  }
  if (::fcntl(to.get(), F_ADD_SEALS, kSeals) != 0) return fail_errno("seal a copy of " + file);
  Fd out(::open(path_of(to.get()).c_str(), O_RDONLY | O_CLOEXEC));
  return out ? Result<Fd>(std::move(out)) : fail_errno("open a copy of " + file);
}

}  // namespace

std::string SealedProgram::path(const std::string& file) {
  struct stat now{};
  if (::stat(file.c_str(), &now) != 0) return file;
  std::lock_guard lock(mutex_);
  if (copies_.empty() || !same_file(now, of_)) {
    auto copy = sealed_copy(file, static_cast<size_t>(now.st_size));
    if (!copy) {
      LOG(kDebug, "runtime", "{}", copy.error().message());
      return file;
    }
    copies_.push_back(std::move(*copy));
    of_ = now;
  }
  return path_of(copies_.back().get());
}

}  // namespace reigen::runtime
