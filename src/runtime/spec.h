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

// A device and what it is given: bytes or operations a second, or a weight (10..1000).
struct DeviceRate {
  int64_t major = 0, minor = 0;
  uint64_t value = 0;
};

// What a container may do with devices.
struct DeviceRule {
  bool allow = true;
  char type = 'a';                 // c, b, a: both
  int64_t major = -1, minor = -1;  // -1: any
  std::string access = "rwm";
};

struct Resources {
  // 0 means "not set" everywhere here.
  uint64_t cpu_shares = 0;   // v1 scale, 2..262144; converted to a weight on v2
  int64_t cpu_quota_us = 0;  // per cpu_period_us; -1: none
  uint64_t cpu_period_us = 0;
  int64_t memory_limit = 0;  // bytes; -1: none
  int64_t memory_swap = 0;   // memory and swap together, bytes; -1: no limit; 0: as memory_limit where swap is accounted
  int64_t memory_reservation = 0;
  std::optional<uint64_t> memory_swappiness;  // 0..100; v1 only
  bool oom_kill_disable = false;              // v1 only
  int64_t pids_limit = 0;                     // -1: none
  std::string cpuset_cpus;
  std::string cpuset_mems;
  // v1 only, and only where the parent group has been given a share.
  int64_t cpu_realtime_period_us = 0, cpu_realtime_runtime_us = 0;
  uint16_t blkio_weight = 0;  // 10..1000
  std::vector<DeviceRate> blkio_weight_devices, blkio_read_bps, blkio_write_bps, blkio_read_iops, blkio_write_iops;
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
  // Ids of sandboxes whose namespace is this one's too. What is shared lives until the last sandbox that has it is removed, and
  // host_network, host_ipc win. create_sandbox: kNotFound, or kUnavailable when that one is not ready.
  std::string net_namespace_of, ipc_namespace_of;
  std::optional<bool> host_uts;   // empty: as host_network
  bool no_shm = false;            // no /dev/shm
  uint64_t shm_bytes = 64 << 20;  // size of /dev/shm
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
  std::optional<int64_t> uid, gid;               // win over `name`
  std::vector<int64_t> supplementary;            // beside those of /etc/group
  std::vector<std::string> supplementary_names;  // looked up in /etc/group
  bool groups_of_image = true;                   // false: supplementaryGroupsPolicy Strict
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
  std::optional<std::vector<std::string>> masked_paths, readonly_paths;  // empty: Docker's lists; of privileged containers: none
  std::string apparmor_profile;
  std::optional<bool> host_cgroup_namespace;  // empty: the host's with cgroups v1, a private one with v2
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
  std::vector<DeviceRule> device_rules;  // added to the default ones
  Security security;
  Resources resources;
  std::vector<Rlimit> rlimits;
  std::optional<int> oom_score_adj;
  bool tty = false;
  bool stdin_open = false;
  bool stdin_once = false;  // standard input ends when the first attached client ends it
  bool init = false;        // an init of ours is PID 1 (docker --init)
  std::string log_path;     // CRI format; empty: no log
  std::string stop_signal;  // "SIGTERM" when empty
  std::map<std::string, std::string> annotations;
  int console_width = 0, console_height = 0;  // of the terminal from its first moment
};

struct ExecSpec {
  std::vector<std::string> argv;
  std::vector<std::string> env;  // added to the container's
  std::string cwd;               // empty: the container's
  std::optional<User> user;      // empty: the container's
  bool privileged = false;
  bool tty = false;
  bool in = false, out = true, err = true;
  int console_width = 0, console_height = 0;
};

}  // namespace reigen::runtime
