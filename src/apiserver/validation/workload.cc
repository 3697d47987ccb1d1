#include "apiserver/validation/workload.h"

#include <charconv>

#include "api/corev1.h"
#include "api/label_selector.h"
#include "api/metav1.h"
#include "api/validation.h"
#include "apiserver/validation/go_value.h"

namespace reigen::apiserver {
namespace {

using api::IntOrString;
using SelectorBox = api::Box<api::metav1::LabelSelector>;

std::optional<int> percent_of(const IntOrString& value) {
  if (!value.is_string || !api::is_percent(value.text).empty()) return std::nullopt;
  int number = 0;
  std::from_chars(value.text.data(), value.text.data() + value.text.size() - 1, number);
  return number;
}

}  // namespace

void check_selector(const SelectorBox& selector, std::string_view kind, const FieldPath& path, FieldErrors& errors) {
  if (!selector) return require(errors, path);
  api::append(errors, api::validate_label_selector(path, *selector));
  if (selector->match_labels.empty() && selector->match_expressions.empty())
    reject(errors, path, go_value(*selector), "empty selector is invalid for " + std::string(kind));
}

bool check_template_labels(const SelectorBox& selector, const api::Map<std::string>& labels, const FieldPath& template_path, const FieldPath& selector_path,
                           const char* unreadable, FieldErrors& errors) {
  auto matcher = api::LabelSelector::from(selector.get());
  if (!matcher) {
    if (unreadable) reject(errors, selector_path, selector ? go_value(*selector) : BadValue(nullptr), unreadable);
    return false;
  }
  if (!matcher->matches(labels)) reject(errors, template_path.child("metadata.labels"), go_value(labels), "`selector` does not match template `labels`");
  return true;
}

void check_endless_pods(const api::corev1::PodSpec& spec, std::string_view kind, const FieldPath& path, FieldErrors& errors) {
  check_choice(errors, path.child("restartPolicy"), spec.restart_policy, {"Always"});
  if (spec.active_deadline_seconds) forbid(errors, path.child("activeDeadlineSeconds"), "activeDeadlineSeconds in " + std::string(kind) + " is not Supported");
}

void check_immutable_selector(const SelectorBox& now, const SelectorBox& before, const FieldPath& path, FieldErrors& errors) {
  if (!(now == before)) reject(errors, path, now ? go_value(*now) : BadValue(nullptr), std::string(api::kFieldImmutable));
}

void check_int_or_percent(const IntOrString& value, const FieldPath& path, FieldErrors& errors) {
  if (!value.is_string) return check_non_negative(errors, path, value.number);
  for (const std::string& message : api::is_percent(value.text)) reject(errors, path, go_value(value), message);
}

void check_at_most_100_percent(const IntOrString& value, const FieldPath& path, FieldErrors& errors) {
  if (percent_of(value).value_or(0) > 100) reject(errors, path, go_value(value), "must not be greater than 100%");
}

int int_or_percent(const IntOrString& value) {
  if (auto percent = percent_of(value)) return *percent;
  if (!value.is_string) return value.number;
  int number = 0;
  auto [end, error] = std::from_chars(value.text.data(), value.text.data() + value.text.size(), number);
  return error == std::errc() && end == value.text.data() + value.text.size() ? number : 0;
}

void check_counts(std::initializer_list<Count> counts, const FieldPath& path, FieldErrors& errors) {
  for (const Count& count : counts) check_non_negative(errors, path.child(count.field), count.value);
}

void check_at_most_replicas(std::initializer_list<Count> counts, int64_t replicas, const FieldPath& path, FieldErrors& errors) {
  for (const Count& count : counts)
    if (count.value > replicas) reject(errors, path.child(count.field), count.value, "cannot be greater than status.replicas");
}

void check_collision_count(const std::optional<int32_t>& now, const std::optional<int32_t>& before, const FieldPath& path, FieldErrors& errors) {
  if (before && now.value_or(INT32_MIN) < *before) reject(errors, path.child("collisionCount"), now.value_or(0), "cannot be decremented");
}

}  // namespace reigen::apiserver
