// Cells that several kinds have.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/map.h"

namespace reigen::api::corev1 {
struct Container;
}
namespace reigen::api::metav1 {
struct LabelSelector;
}

namespace reigen::apiserver {

// "a,b": names resp. images of containers.
std::string container_names(const std::vector<api::corev1::Container>& containers);
std::string container_images(const std::vector<api::corev1::Container>& containers);
// "a=b,c=d" or "<none>".
std::string labels_text(const api::Map<std::string>& labels);
// A selector as kubectl writes it; "<none>" for an empty one.
std::string selector_text(const api::metav1::LabelSelector* selector);
std::string joined(const std::vector<std::string>& texts, std::string_view separator = ",");

}  // namespace reigen::apiserver
