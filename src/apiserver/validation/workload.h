// What the kinds that make pods have in common: selectors, templates, counts, percentages.
#pragma once

#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>

#include "api/box.h"
#include "apiserver/validation/pod_spec.h"
#include "apiserver/validation/report.h"

namespace reigen::api {
struct IntOrString;
}
namespace reigen::api::metav1 {
struct LabelSelector;
}

namespace reigen::apiserver {

// A required selector that selects something. `kind` as in "empty selector is invalid for <kind>".
void check_selector(const api::Box<api::metav1::LabelSelector>& selector, std::string_view kind, const FieldPath& path, FieldErrors& errors);
// Do the template's labels match? With `empty_matches`, a selector without requirements does. A selector that cannot be read is an error
// with the text `unreadable` unless that is null; false then.
bool check_template_labels(const api::Box<api::metav1::LabelSelector>& selector, const api::Map<std::string>& labels, const FieldPath& template_path,
                           const FieldPath& selector_path, const char* unreadable, FieldErrors& errors);
// Pods that are always restarted and have no deadline. `kind` as in "activeDeadlineSeconds in <kind> is not Supported".
void check_endless_pods(const api::corev1::PodSpec& spec, std::string_view kind, const FieldPath& spec_path, FieldErrors& errors);
void check_immutable_selector(const api::Box<api::metav1::LabelSelector>& now, const api::Box<api::metav1::LabelSelector>& before, const FieldPath& path,
                              FieldErrors& errors);

// A number not negative, or a percentage.
void check_int_or_percent(const api::IntOrString& value, const FieldPath& path, FieldErrors& errors);
void check_at_most_100_percent(const api::IntOrString& value, const FieldPath& path, FieldErrors& errors);
// The number before the percent sign, or the number.
int int_or_percent(const api::IntOrString& value);

struct Count {
  std::string_view field;
  int64_t value;
};
void check_counts(std::initializer_list<Count> counts, const FieldPath& path, FieldErrors& errors);
// Each at most `replicas`.
void check_at_most_replicas(std::initializer_list<Count> counts, int64_t replicas, const FieldPath& path, FieldErrors& errors);
// Also on update: a count of collisions never goes down. `now` and `before` are of the status.
void check_collision_count(const std::optional<int32_t>& now, const std::optional<int32_t>& before, const FieldPath& path, FieldErrors& errors);

}  // namespace reigen::apiserver
