// Rejected values that messages print as Go source, as fmt's %#v does: lists, maps and small structs.
#pragma once

#include <string>
#include <vector>

#include "api/field_error.h"
#include "api/map.h"

namespace reigen::api {
struct IntOrString;
class Quantity;
struct Time;
namespace metav1 {
struct LabelSelector;
}
namespace corev1 {
struct NodeSelectorTerm;
}
}  // namespace reigen::api

namespace reigen::apiserver {

// []string{"a", "b"}; of an empty list: []string(nil)
api::BadValue go_value(const std::vector<std::string>& list);
api::BadValue go_value(const std::vector<int32_t>& list);
// map[string]string{"a":"b"}
api::BadValue go_value(const api::Map<std::string>& map);
// intstr.IntOrString{Type:0, IntVal:1, StrVal:""}
api::BadValue go_value(const api::IntOrString& value);
// v1.LabelSelector{MatchLabels:map[string]string(nil), MatchExpressions:[]v1.LabelSelectorRequirement(nil)}
api::BadValue go_value(const api::metav1::LabelSelector& selector);
// core.NodeSelectorTerm{MatchExpressions:..., MatchFields:...}
api::BadValue go_value(const api::corev1::NodeSelectorTerm& term);
api::BadValue go_value(const std::vector<api::corev1::NodeSelectorTerm>& terms);
api::BadValue go_value(const api::Quantity& quantity);
// As Go prints a time: 2024-01-02 03:04:05 +0000 UTC
api::BadValue go_value(const api::Time& time);

}  // namespace reigen::apiserver
