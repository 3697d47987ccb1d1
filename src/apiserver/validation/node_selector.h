// Selectors of nodes, in pods and in persistent volumes.
#pragma once

#include "api/field_error.h"

namespace reigen::api::corev1 {
struct NodeSelector;
struct NodeSelectorTerm;
}  // namespace reigen::api::corev1

namespace reigen::apiserver {

// `lax`: values need not be values of labels.
void validate_node_selector(const api::corev1::NodeSelector& selector, bool lax, const api::FieldPath& path, api::FieldErrors& errors);
void validate_node_selector_term(const api::corev1::NodeSelectorTerm& term, bool lax, const api::FieldPath& path, api::FieldErrors& errors);

}  // namespace reigen::apiserver
