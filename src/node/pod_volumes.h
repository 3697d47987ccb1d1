// A pod's volumes and the files the node makes for it, below <data>/pods/<uid>:
//   volumes/<name>    emptyDir, configMap, secret, downwardAPI, projected (the last two kinds with secrets in memory)
//   subpaths/…        bind mounts of subPaths, resolved safely
//   etc-hosts, resolv.conf, containers/<name>/…
#pragma once

#include <map>
#include <string>
#include <vector>

#include "node/environment.h"
#include "runtime/spec.h"

namespace reigen::node {

struct VolumeContext {
  const api::corev1::Pod& pod;
  const NodeFacts& facts;
  const std::vector<std::string>& pod_ips;
  PodObjects& objects;
  std::string pod_dir;
  std::string unique;  // names a new generation of projected files: differs at every call
};

// Makes or refreshes all volumes; again is cheap. The error names the volume, in the words of kubelet's FailedMount event.
Status prepare_volumes(const VolumeContext& context);
// True when the pod has volumes whose content comes from the API or from a token that expires.
bool has_refreshed_volumes(const api::corev1::Pod& pod);

// What a container's volumeMounts become; subPaths are bound here. kInvalidArgument: CreateContainerConfigError.
Result<std::vector<runtime::Mount>> container_mounts(const VolumeContext& context, const api::corev1::Container& container, const Environment& env);

// Unmounts and removes everything of the pod.
Status remove_pod_dir(const std::string& pod_dir);
// Unmounts a container's subPaths.
Status remove_subpaths(const std::string& pod_dir, const std::string& container);

}  // namespace reigen::node
