// The one small static program that runs beside Reigen. It is embedded in `reigen` and written to the run folder.
//
//   run PROGRAM ARGS…             what conmon calls as --runtime: a private mount namespace in which a hybrid host's empty v2 tree
//                                 is not seen (crun refuses such hosts), then PROGRAM
//   join PROCS-FILE… -- PROGRAM…  enters cgroups, then PROGRAM
//   sandbox DIR NAMESPACES HOSTNAME DOMAIN [SYSCTL=VALUE…]
//                                 makes namespaces (letters: n network, i ipc, u uts, p pid) and pins them as files in DIR; with p
//                                 an init stays behind, whose pid is printed
//   init PROGRAM ARGS…            PID 1 of a container: forwards signals, reaps, ends with the program's code (127: it is not there, 126: it
//                                 cannot be executed)
//   socket NETNS FAMILY TYPE      makes a socket in a network namespace and sends it over descriptor 3
//
// No heap, no stdio, no C++ runtime: it must start in well under a millisecond and an init must hold next to no memory.
// It reports an error as one line on standard error and exits with 125.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

namespace {

constexpr int kOwnError = 125;

void say(const char* text) { [[maybe_unused]] auto n = ::write(2, text, ::strlen(text)); }

void complain(const char* what, const char* detail) {
  const char* reason = ::strerror(errno);
  say("reigen-wrapper: ");
  say(what);
  if (*detail) say(" ");
  say(detail);
  say(": ");
  say(reason);
  say("\n");
}

[[noreturn]] void die(const char* what, const char* detail = "") {
  complain(what, detail);
  ::_exit(kOwnError);
}

[[noreturn]] void execute(char** argv, char** envp) {
  ::execve(argv[0], argv, envp);
  die("start", argv[0]);
}

void join_path(char* out, size_t size, const char* a, const char* b) {
  size_t na = ::strlen(a), nb = ::strlen(b);
  if (na + nb + 2 > size) {
    errno = ENAMETOOLONG;
    die("path", b);
  }
  out = std::copy_n(a, na, out);
  *out++ = '/';
  std::copy_n(b, nb + 1, out);
}

void write_whole(const char* path, const char* text) {
  int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) die("open", path);
  if (::write(fd, text, ::strlen(text)) < 0) die("write", path);
  ::close(fd);
}

// Only the mount of the cgroup folder becomes private, so that mounts of volumes still propagate both ways.
void hide_unified() {
  struct statfs root{}, unified{};
  if (::statfs("/sys/fs/cgroup", &root) != 0 || root.f_type != TMPFS_MAGIC) return;
  if (::statfs("/sys/fs/cgroup/unified", &unified) != 0 || unified.f_type != CGROUP2_SUPER_MAGIC) return;
  if (::unshare(CLONE_NEWNS) != 0) die("unshare a mount namespace");
  if (::mount(nullptr, "/sys/fs/cgroup", nullptr, MS_PRIVATE | MS_REC, nullptr) != 0) die("make private /sys/fs/cgroup");
  // Covered, not unmounted: the kernel lets an unmount wait for all processors. crun makes folders there as in any hierarchy.
  if (::mount("none", "/sys/fs/cgroup/unified", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64k,mode=755") != 0) die("cover /sys/fs/cgroup/unified");
}

int run(char** argv, char** envp) {
  hide_unified();
  execute(argv, envp);
}

int join(int argc, char** argv, char** envp) {
  int i = 0;
  for (; i < argc && ::strcmp(argv[i], "--") != 0; ++i) write_whole(argv[i], "0");
  if (i + 1 >= argc) return kOwnError;
  execute(argv + i + 1, envp);
}

void raise_loopback() {
  int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  struct ifreq request{};
  ::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(fd, SIOCSIFFLAGS, &request) != 0) die("raise lo");
  ::close(fd);
}

void set_sysctl(char* assignment) {
  char* value = ::strchr(assignment, '=');
  if (!value) return;
  *value++ = 0;
  for (char* c = assignment; *c; ++c) {
    if (*c == '.') *c = '/';
  }
  char path[512];
  join_path(path, sizeof path, "/proc/sys", assignment);
  write_whole(path, value);
}

void pin(const char* dir, const char* name) {
  char file[4096], source[64];
  join_path(file, sizeof file, dir, name);
  join_path(source, sizeof source, "/proc/self/ns", name);
  int fd = ::open(file, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) die("create", file);
  ::close(fd);
  if (::mount(source, file, nullptr, MS_BIND, nullptr) != 0) die("pin", file);
}

void on_end(int) { ::_exit(0); }

// PID 1 of a shared PID namespace: a reaper that ends when told.
[[noreturn]] void stay_as_init() {
  ::setsid();
  ::chdir("/");
  ::signal(SIGTERM, on_end);
  ::signal(SIGINT, on_end);
  ::prctl(PR_SET_NAME, "reigen-init");
  ::syscall(SYS_close_range, 0u, ~0u, 0u);
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child, nullptr);
  for (;;) {
    siginfo_t info;
    ::sigwaitinfo(&child, &info);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
}

void print_number(int number) {
  char digits[16];
  int at = sizeof digits;
  digits[--at] = '\n';
  do digits[--at] = static_cast<char>('0' + number % 10);
  while ((number /= 10) > 0);
  if (::write(1, digits + at, sizeof digits - static_cast<size_t>(at)) < 0) die("write");
}

int sandbox(int argc, char** argv) {
  if (argc < 4) return kOwnError;
  const char *dir = argv[0], *kinds = argv[1], *hostname = argv[2], *domain = argv[3];
  int flags = 0;
  if (::strchr(kinds, 'n')) flags |= CLONE_NEWNET;
  if (::strchr(kinds, 'i')) flags |= CLONE_NEWIPC;
  if (::strchr(kinds, 'u')) flags |= CLONE_NEWUTS;
  if (::strchr(kinds, 'p')) flags |= CLONE_NEWPID;
  if (::unshare(flags) != 0) die("unshare", kinds);
  if (flags & CLONE_NEWUTS) {
    if (*hostname && ::sethostname(hostname, ::strlen(hostname)) != 0) die("set host name", hostname);
    if (*domain && ::setdomainname(domain, ::strlen(domain)) != 0) die("set domain name", domain);
  }
  if (flags & CLONE_NEWNET) raise_loopback();
  for (int i = 4; i < argc; ++i) set_sysctl(argv[i]);
  if (flags & CLONE_NEWNET) pin(dir, "net");
  if (flags & CLONE_NEWIPC) pin(dir, "ipc");
  if (flags & CLONE_NEWUTS) pin(dir, "uts");
  if (flags & CLONE_NEWPID) {
    pid_t child = ::fork();
    if (child < 0) die("fork");
    if (child == 0) stay_as_init();
    print_number(child);
  }
  return 0;
}

pid_t forwarded_to = 0;
void forward(int signal) {
  if (forwarded_to > 0) ::kill(forwarded_to, signal);
}

int init(char** argv, char** envp) {
  for (int number = 1; number < SIGRTMIN; ++number) {
    if (number != SIGCHLD && number != SIGTTIN && number != SIGTTOU && number != SIGSEGV && number != SIGBUS) ::signal(number, forward);
  }
  pid_t child = ::fork();
  if (child < 0) die("fork");
  if (child == 0) {
    for (int number = 1; number < SIGRTMIN; ++number) ::signal(number, SIG_DFL);
    if (::isatty(0)) {
      ::setpgid(0, 0);
      ::signal(SIGTTOU, SIG_IGN);
      ::tcsetpgrp(0, ::getpid());
      ::signal(SIGTTOU, SIG_DFL);
    }
    ::execvpe(argv[0], argv, envp);
    int code = errno == ENOENT || errno == ENOTDIR ? 127 : 126;
    complain("start", argv[0]);
    ::_exit(code);
  }
  forwarded_to = child;
  for (;;) {
    int status = 0;
    pid_t ended = ::waitpid(-1, &status, 0);
    if (ended == child) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (ended < 0 && errno != EINTR) return kOwnError;
  }
}

int make_socket(int argc, char** argv) {
  if (argc < 3) return kOwnError;
  int ns = ::open(argv[0], O_RDONLY | O_CLOEXEC);
  if (ns < 0) die("open", argv[0]);
  if (::setns(ns, CLONE_NEWNET) != 0) die("enter", argv[0]);
  int fd = ::socket(::atoi(argv[1]), ::atoi(argv[2]) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  char byte = 0;
  struct iovec part{&byte, 1};
  alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  struct msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  ::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  if (::sendmsg(3, &message, 0) < 0) die("send");
  return 0;
}

}  // namespace

int main(int argc, char** argv, char** envp) {
  const char* mode = argc > 1 ? argv[1] : "";
  // As "docker-init -- PROGRAM ARGS…", which is what ps shows.
  const char* slash = ::strrchr(argv[0], '/');
  if (argc > 2 && ::strcmp(slash ? slash + 1 : argv[0], "docker-init") == 0) return init(argv + 2, envp);
  if (argc > 2 && ::strcmp(mode, "run") == 0) return run(argv + 2, envp);
  if (argc > 2 && ::strcmp(mode, "join") == 0) return join(argc - 2, argv + 2, envp);
  if (::strcmp(mode, "sandbox") == 0) return sandbox(argc - 2, argv + 2);
  if (argc > 2 && ::strcmp(mode, "init") == 0) return init(argv + 2, envp);
  if (::strcmp(mode, "socket") == 0) return make_socket(argc - 2, argv + 2);
  say("reigen-wrapper: unknown mode; this program is started by reigen\n");
  return kOwnError;
}
