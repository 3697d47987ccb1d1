#include "runtime/seccomp_profile.h"

#include <algorithm>
#include <string_view>

#include "runtime/json_text.h"

namespace reigen::runtime {
namespace {

// Allowed whatever the container's capabilities.
constexpr std::string_view kAllowed =
    "accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 clock_adjtime "
    "clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 "
    "close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old "
    "epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat "
    "faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat "
    "fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs "
    "fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat "
    "getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer "
    "getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 getrlimit "
    "get_robust_list getrusage getsid getsockname getsockopt get_thread_area gettid gettimeofday getuid getuid32 getxattr "
    "getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel ioctl io_destroy io_getevents "
    "io_pgetevents io_pgetevents_time64 ioprio_get ioprio_set io_setup io_submit ipc kill landlock_add_rule "
    "landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listmount listxattr "
    "listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier "
    "memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr "
    "mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl "
    "msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat _newselect open openat "
    "openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl "
    "pread64 preadv preadv2 prlimit64 process_mrelease pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readahead "
    "readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat "
    "rename renameat renameat2 restart_syscall riscv_hwprobe rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask "
    "rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity "
    "sched_getattr sched_getparam sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval "
    "sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp "
    "select semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto setfsgid "
    "setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 "
    "setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit set_robust_list setsid setsockopt "
    "set_thread_area set_tid_address setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack "
    "signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs statfs64 statmount statx "
    "symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun "
    "timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 "
    "timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat uretprobe "
    "utime utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev";

struct Arg {
  int index = -1;  // -1: any arguments
  const char* op = "";
  uint64_t value = 0, value_two = 0;
};

struct Rule {
  std::string_view names;
  int errno_value;           // 0: allowed
  std::string_view needs;    // a capability; empty: none
  std::string_view without;  // holds only without this capability
  std::string_view machine;  // "x86", "arm"; empty: all
  Arg arg;
};

constexpr Rule kRules[] = {
    {"process_vm_readv process_vm_writev ptrace", 0, "", "", "", {}},
    {"socket", 0, "", "", "", Arg{0, "LT", 38u, 0u}},
    {"socket", 0, "", "", "", Arg{0, "EQ", 39u, 0u}},
    {"socket", 0, "", "", "", Arg{0, "GT", 40u, 0u}},
    {"personality", 0, "", "", "", Arg{0, "EQ", 0u, 0u}},
    {"personality", 0, "", "", "", Arg{0, "EQ", 8u, 0u}},
    {"personality", 0, "", "", "", Arg{0, "EQ", 131072u, 0u}},
    {"personality", 0, "", "", "", Arg{0, "EQ", 131080u, 0u}},
    {"personality", 0, "", "", "", Arg{0, "EQ", 4294967295u, 0u}},
    {"arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls", 0, "", "", "arm", {}},
    {"arch_prctl", 0, "", "", "x86", {}},
    {"modify_ldt", 0, "", "", "x86", {}},
    {"open_by_handle_at", 0, "CAP_DAC_READ_SEARCH", "", "", {}},
    {"bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules lsm_set_self_attr mount mount_setattr "
     "move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare",
     0,
     "CAP_SYS_ADMIN",
     "",
     "",
     {}},
    {"clone", 0, "", "CAP_SYS_ADMIN", "", Arg{0, "MASKED_EQ", 2114060288u, 0u}},
    {"clone3", 38, "", "CAP_SYS_ADMIN", "", {}},
    {"reboot", 0, "CAP_SYS_BOOT", "", "", {}},
    {"chroot", 0, "CAP_SYS_CHROOT", "", "", {}},
    {"delete_module init_module finit_module", 0, "CAP_SYS_MODULE", "", "", {}},
    {"acct", 0, "CAP_SYS_PACCT", "", "", {}},
    {"kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace", 0, "CAP_SYS_PTRACE", "", "", {}},
    {"iopl ioperm", 0, "CAP_SYS_RAWIO", "", "", {}},
    {"settimeofday stime clock_settime clock_settime64", 0, "CAP_SYS_TIME", "", "", {}},
    {"vhangup", 0, "CAP_SYS_TTY_CONFIG", "", "", {}},
    {"get_mempolicy mbind set_mempolicy set_mempolicy_home_node", 0, "CAP_SYS_NICE", "", "", {}},
    {"syslog", 0, "CAP_SYSLOG", "", "", {}},
    {"bpf", 0, "CAP_BPF", "", "", {}},
    {"perf_event_open", 0, "CAP_PERFMON", "", "", {}},
};

#if defined(__x86_64__)
constexpr std::string_view kMachine = "x86";
const std::vector<std::string> kArchitectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
#elif defined(__aarch64__)
constexpr std::string_view kMachine = "arm";
const std::vector<std::string> kArchitectures = {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"};
#else
constexpr std::string_view kMachine = "";
const std::vector<std::string> kArchitectures = {};
#endif

std::vector<std::string> split(std::string_view names) {
  std::vector<std::string> out;
  while (!names.empty()) {
    size_t end = std::min(names.find(' '), names.size());
    if (end > 0) out.emplace_back(names.substr(0, end));
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return out;
}

void write_rule(JsonText& json, const Rule& rule) {
  json.begin_object().texts("names", split(rule.names));
  json.text("action", rule.errno_value ? "SCMP_ACT_ERRNO" : "SCMP_ACT_ALLOW");
  if (rule.errno_value) json.number("errnoRet", rule.errno_value);
  if (rule.arg.index >= 0) {
    json.begin_array("args").begin_object().number("index", rule.arg.index);
    json.number("value", static_cast<int64_t>(rule.arg.value)).number("valueTwo", static_cast<int64_t>(rule.arg.value_two));
    json.text("op", std::string("SCMP_CMP_") + rule.arg.op).end_object().end_array();
  }
  json.end_object();
}

}  // namespace

std::string default_seccomp_json(const std::vector<std::string>& capabilities) {
  auto has = [&](std::string_view name) { return std::find(capabilities.begin(), capabilities.end(), name) != capabilities.end(); };
  JsonText json;
  json.begin_object().text("defaultAction", "SCMP_ACT_ERRNO").number("defaultErrnoRet", 1);
  json.texts("architectures", kArchitectures).begin_array("syscalls");
  write_rule(json, {kAllowed, 0, "", "", "", {}});
  for (const auto& rule : kRules) {
    if (!rule.needs.empty() && !has(rule.needs)) continue;
    if (!rule.without.empty() && has(rule.without)) continue;
    if (!rule.machine.empty() && rule.machine != kMachine) continue;
    write_rule(json, rule);
  }
  return json.end_array().end_object().take();
}

}  // namespace reigen::runtime
