// The OCI runtime configuration (config.json, spec 1.0.2) of a container, as crun reads it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/image_user.h"
#include "runtime/spec.h"

namespace reigen::runtime {

// What the configuration needs beside the container's own spec.
struct OciContext {
  std::string root;                                                        // the mounted root
  std::string cgroup_path;                                                 // absolute, of the container
  std::string net_namespace, ipc_namespace, uts_namespace, pid_namespace;  // paths; empty: the host's (net, ipc, uts) or a new one (pid)
  bool host_pid = false;
  bool no_network = false;           // a new network namespace with nothing but a loopback link; net_namespace is empty
  bool cgroup_namespace = false;     // a private one
  bool swap_accounting = true;       // whether a limit of swap can be set
  bool apparmor = false;             // the kernel has it; without it a profile means nothing, as with Docker
  std::string shm_path;              // what /dev/shm shows; empty: there is none
  std::vector<std::string> sysctls;  // "name=value"
  std::string init_path;             // the wrapper, for ContainerSpec::init
  ResolvedUser user;
  std::function<std::string(const std::string& profile)> compiled_seccomp;  // SeccompCache's annotation for a profile, or empty
};

// Masked and read-only paths of a container that is not privileged (Docker's lists).
const std::vector<std::string>& masked_paths();
const std::vector<std::string>& readonly_paths();

// What a program has in its environment: the spec's variables, and the usual ones those do not name.
std::vector<std::string> process_environment(const ContainerSpec& spec, const ResolvedUser& user);

class JsonText;
// The terminal's size, unless both are 0.
void write_console_size(JsonText& json, int width, int height);

// Parts of an OCI process for a program started later in the container: its user; an object of capabilities, limits, noNewPrivileges.
std::string oci_user(const ResolvedUser& user);
Result<std::string> oci_rights(const ContainerSpec& spec);

// Appends to `warnings` what this process may not give (capabilities, limits, scores) and therefore left out.
Result<std::string> oci_config(const ContainerSpec& spec, const OciContext& context, std::vector<std::string>* warnings);

}  // namespace reigen::runtime
