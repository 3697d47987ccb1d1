// Warnings about pods and templates: what is allowed, but most likely not meant. Rules and texts of Kubernetes' api/pod/warnings.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace reigen::api::corev1 {
struct NodeSelectorTerm;
struct PersistentVolumeClaimSpec;
struct Pod;
struct PodTemplateSpec;
}  // namespace reigen::api::corev1

namespace reigen::api {
class FieldPath;
}

namespace reigen::apiserver {

using Warnings = std::vector<std::string>;

void warn_of_pod(const api::corev1::Pod& pod, Warnings& texts);
void warn_of_template(const api::corev1::PodTemplateSpec& pod_template, const api::FieldPath& path, Warnings& texts);
void warn_of_claim_spec(const api::corev1::PersistentVolumeClaimSpec& spec, const api::FieldPath& path, Warnings& texts);
// Labels of nodes with newer names.
void warn_of_term(const api::corev1::NodeSelectorTerm& term, const api::FieldPath& path, Warnings& texts);
// A name that is used in host names but is no DNS label. `use` is the first half of the text.
void warn_of_name(std::string_view name, std::string_view use, Warnings& texts);

}  // namespace reigen::apiserver
