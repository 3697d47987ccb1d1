// AppArmor profiles were annotations before they were fields; old nodes and old clients read the annotations.
#pragma once

#include <string>
#include <vector>

namespace reigen::api::corev1 {
struct Pod;
}

namespace reigen::apiserver {

// Gives each container's field and annotation what only the other one says.
void sync_app_armor(api::corev1::Pod& pod, std::vector<std::string>& warnings);

}  // namespace reigen::apiserver
