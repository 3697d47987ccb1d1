// How the objects of docker.reigen.dev are named, and how Docker's names are spelt. Pure, thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace reigen::api {

inline constexpr std::string_view kDockerGroup = "docker.reigen.dev";
// On a container's pod. Only the container-controller may set keys with the prefix docker.reigen.dev/.
inline constexpr std::string_view kDockerKeyPrefix = "docker.reigen.dev/";
inline constexpr std::string_view kContainerAnnotation = "docker.reigen.dev/container";  // the id
inline constexpr std::string_view kRunAnnotation = "docker.reigen.dev/run";              // spec.run.number
inline constexpr std::string_view kEndpointsAnnotation = "docker.reigen.dev/endpoints";  // JSON, what was allocated
inline constexpr std::string_view kContainerLabel = "docker.reigen.dev/container-id";    // first 12 digits, for kubectl -l

// Docker's rule for containers and volumes: [a-zA-Z0-9][a-zA-Z0-9_.-]+. A network's name may be one character (`shortest` 1).
bool is_docker_name(std::string_view name, size_t shortest = 2);
// An object name that no other Docker name has: 'n', then [a-z0-9] as they are, any other byte as '-' and two hex digits. Ends in a
// letter or digit always. Empty when longer than 253.
std::string escape_docker_name(std::string_view name);
std::string volume_object_name(std::string_view docker_name);  // the escaped name
// "container." or "network." (the kind in lower case) and the escaped name. Empty when longer than 253.
std::string claim_object_name(std::string_view kind, std::string_view docker_name);
// "<Docker name in lower case, other bytes '-', cut to 50, '-' trimmed>-<first 12 digits>". Of the run's first moment: a rename changes
// the next run's pod.
std::string container_pod_name(std::string_view docker_name, std::string_view id);
// The same without the digits: the name of the pod's one container. "container" when nothing of the name is left.
std::string container_pod_stem(std::string_view docker_name);
bool is_docker_id(std::string_view text);  // 64 lower-case hex digits

}  // namespace reigen::api
