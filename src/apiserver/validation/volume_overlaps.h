// Warnings of files of a volume that would lie over each other.
#pragma once

#include <string>
#include <vector>

namespace reigen::api::corev1 {
struct Volume;
}

namespace reigen::apiserver {

void warn_of_overlaps(const std::vector<api::corev1::Volume>& volumes, std::vector<std::string>& texts);

}  // namespace reigen::apiserver
