// What a pod may take of the node's own disk, and whether it took more: kubelet's local storage eviction
// (pkg/kubelet/eviction, localStorageEviction). Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "api/corev1.h"

namespace reigen::node {

struct StorageUsage {                          // bytes
  std::map<std::string, uint64_t> volumes;     // emptyDir volumes with a limit
  std::map<std::string, uint64_t> containers;  // writable layer and logs
  uint64_t pod = 0;                            // all of these, and the files the node makes
};

// False for most pods: nothing is measured then. Also false for pods the node never evicts (the most critical ones).
bool has_storage_limits(const api::corev1::Pod& pod);

// A volume that counts among the pod's local storage: on the node's disk, gone with the pod.
bool is_local_ephemeral(const api::corev1::Volume& volume);

// Why the pod is to be evicted, in kubelet's words: the first volume over its limit, else the pod, else the first container.
std::optional<std::string> storage_excess(const api::corev1::Pod& pod, const StorageUsage& usage);

}  // namespace reigen::node
