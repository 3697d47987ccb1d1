#include "linux/network_namespace.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstring>

namespace reigen::linux {
namespace {

struct Job {
  const std::function<Status()>* work;
  Status status;
};

void* run_job(void* argument) {
  Job* job = static_cast<Job*>(argument);
  job->status = (*job->work)();
  return nullptr;
}

// A thread whose namespace was changed must never come back to a pool: it ends here.
Status on_throwaway_thread(const std::function<Status()>& work) {
  Job job{&work, {}};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 256 << 10);
  pthread_t thread;
  int error = pthread_create(&thread, &attributes, run_job, &job);
  pthread_attr_destroy(&attributes);
  if (error != 0) return fail_errno("start a thread for a network namespace", error);
  pthread_join(thread, nullptr);
  return std::move(job.status);
}

Status bring_loopback_up() {
  Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("socket");
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  if (ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) return fail_errno("read the flags of lo");
  request.ifr_flags |= IFF_UP | IFF_RUNNING;
  if (ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return fail_errno("bring lo up");
  return {};
}

}  // namespace

Status create_network_namespace(const std::string& path) {
  if (is_network_namespace(path)) return fail(Code::kAlreadyExists, path + " is already a network namespace");
  Fd file(open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return fail_errno("create " + path);
  file.reset();
  Status made = on_throwaway_thread([&]() -> Status {
    if (unshare(CLONE_NEWNET) != 0) return fail_errno("make a network namespace");
    TRY(bring_loopback_up());
    if (mount("/proc/thread-self/ns/net", path.c_str(), nullptr, MS_BIND, nullptr) != 0) return fail_errno("pin a network namespace at " + path);
    return {};
  });
  if (!made) unlink(path.c_str());
  return made;
}

Status remove_network_namespace(const std::string& path) {
  if (umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL && errno != ENOENT) return fail_errno("unpin the network namespace " + path);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno("remove " + path);
  return {};
}

bool is_network_namespace(const std::string& path) {
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return false;
  struct statfs info{};
  if (fstatfs(file.get(), &info) != 0 || static_cast<long>(info.f_type) != NSFS_MAGIC) return false;
  return ioctl(file.get(), NS_GET_NSTYPE) == CLONE_NEWNET;
}

Result<Fd> open_network_namespace(const std::string& path) {
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail_errno("open the network namespace " + path);
  if (ioctl(file.get(), NS_GET_NSTYPE) != CLONE_NEWNET) return fail(Code::kNotFound, path + " is no network namespace");
  return file;
}

Status in_network_namespace(int namespace_fd, const std::function<Status()>& fn) {
  return on_throwaway_thread([&]() -> Status {
    if (setns(namespace_fd, CLONE_NEWNET) != 0) return fail_errno("enter a network namespace");
    return fn();
  });
}

Result<uint64_t> network_namespace_id(int namespace_fd) {
  struct stat info{};
  if (fstat(namespace_fd, &info) != 0) return fail_errno("identify a network namespace");
  return info.st_ino;
}

}  // namespace reigen::linux
