// Who of Reigen itself writes objects of docker.reigen.dev.
#pragma once

#include <string_view>

namespace reigen::apiserver {

// Docker's endpoint. Its requests carry who asked it (a uid, a certificate's name) as extra kDockerPeer.
inline constexpr std::string_view kDockerEndpointUser = "system:reigen:docker";
inline constexpr std::string_view kDockerPeer = "docker.reigen.dev/peer";
inline constexpr std::string_view kContainerControllerUser = "system:serviceaccount:kube-system:container-controller";

}  // namespace reigen::apiserver
