// What a sandbox and a container are made from: plain values that the node (or Docker's API, or a build) fills in.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace reigen::runtime {

using Labels = std::map<std::string, std::string>;

struct Resources {
  // 0 means "not set" everywhere here.
  uint64_t cpu_shares = 0;   // v1 scale, 2..262144; converted to a weight on v2
  int64_t cpu_quota_us = 0;  // per cpu_period_us; -1: none
  uint64_t cpu_period_us = 0;
  int64_t memory_limit = 0;  // bytes; -1: none
  int64_t memory_swap = 0;   // memory and swap together, bytes; 0: as memory_limit where swap is accounted
  int64_t pids_limit = 0;
  std::string cpuset_cpus;
  std::string cpuset_mems;
};

struct SandboxSpec {
  std::string id;        // [a-z0-9-]{1,64}, unique in this instance for ever
  Labels labels;         // given back by list_sandboxes()
  std::string hostname;  // empty: the host's own name
  std::string domain;
  // The pod's cgroup, below the instance's: "kubepods/burstable/pod<uid>". Containers get a child of it each.
  std::string cgroup_parent;
  Resources resources;  // of that cgroup
  bool host_network = false;
  bool host_ipc = false;
  bool host_pid = false;
  bool shared_pid = false;                                   // one PID namespace for all containers, with an init of ours as its PID 1
  std::vector<std::pair<std::string, std::string>> sysctls;  // "net.ipv4.ip_local_port_range" → value
};

struct Mount {
  std::string source;       // on the host; for a file system type its device ("tmpfs")
  std::string destination;  // absolute, in the container
  std::string type = "bind";
  std::vector<std::string> options;  // "ro", "rbind", "rprivate"|"rslave"|"rshared", "size=…"
};

struct Device {
  std::string path;  // in the container
  char type = 'c';   // c, b
  int64_t major = 0, minor = 0;
  uint32_t mode = 0666;
  uint32_t uid = 0, gid = 0;
  std::string access = "rwm";
};

struct User {
  // "name", "uid", "name:group", "uid:gid", resolved in the container's own /etc/passwd and /etc/group. Empty: root.
  std::string name;
  std::optional<int64_t> uid, gid;     // win over `name`
  std::vector<int64_t> supplementary;  // beside those of /etc/group
  bool groups_of_image = true;         // false: supplementaryGroupsPolicy Strict
};

enum class SeccompKind : unsigned char { kUnconfined, kRuntimeDefault, kFile };

struct Security {
  bool privileged = false;
  std::vector<std::string> add_capabilities;  // "NET_ADMIN", also with CAP_; "ALL"
  std::vector<std::string> drop_capabilities;
  bool no_new_privileges = false;
  SeccompKind seccomp = SeccompKind::kUnconfined;
  std::string seccomp_file;    // an OCI linux.seccomp JSON document, for kFile
  bool unmasked_proc = false;  // procMount: Unmasked
  bool readonly_root = false;
};

struct Root {
  // Unpacked layers, the lowest first. Kept alive by the caller (image store) while the container exists.
  std::vector<std::string> layers;
  // Empty: a fresh writable layer that goes with the container. Otherwise a writable layer of this id, made at first use and
  // kept until remove_layer(): retained(id).
  std::string retained;
};

struct Rlimit {
  std::string name;  // "RLIMIT_NOFILE"
  uint64_t soft = 0, hard = 0;
};

struct ContainerSpec {
  std::string id;  // [a-z0-9-]{1,64}, unique in this instance for ever
  std::string sandbox_id;
  Labels labels;                 // given back by list_containers()
  std::string cgroup_name;       // below the sandbox's cgroup; empty: the id
  std::string pid_namespace_of;  // id of a running container whose processes it sees; empty: as the sandbox says
  Root root;
  std::vector<std::string> argv;
  std::vector<std::string> env;  // "K=V"
  std::string cwd;               // empty: /
  User user;
  std::vector<Mount> mounts;
  std::vector<Device> devices;
  Security security;
  Resources resources;
  std::vector<Rlimit> rlimits;
  std::optional<int> oom_score_adj;
  uint64_t shm_bytes = 64 << 20;  // size of the sandbox's /dev/shm, used by its first container
  bool tty = false;
  bool stdin_open = false;
  bool stdin_once = false;  // standard input ends when the first attached client ends it
  bool init = false;        // an init of ours is PID 1 (docker --init)
  std::string log_path;     // CRI format; empty: no log
  std::string stop_signal;  // "SIGTERM" when empty
};

struct ExecSpec {
  std::vector<std::string> argv;
  std::vector<std::string> env;  // added to the container's
  std::string cwd;               // empty: the container's
  std::optional<User> user;      // empty: the container's
  bool privileged = false;
  bool tty = false;
  bool in = false, out = true, err = true;
};

}  // namespace reigen::runtime
