// Label selectors: the string form ("app in (a, b),!x") and metav1::LabelSelector, as matchers.
//
// Grammar and messages follow k8s.io/apimachinery/pkg/labels.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/field_error.h"
#include "api/map.h"
#include "base/result.h"

namespace reigen::api {

namespace metav1 {
struct LabelSelector;
}

class LabelRequirement {
 public:
  enum class Operator : unsigned char { kEquals, kDoubleEquals, kNotEquals, kIn, kNotIn, kExists, kDoesNotExist, kGreaterThan, kLessThan };

  // Checked: kInvalidArgument with the message of labels.NewRequirement.
  static Result<LabelRequirement> make(std::string key, Operator op, std::vector<std::string> values);

  const std::string& key() const { return key_; }
  Operator op() const { return op_; }
  const std::vector<std::string>& values() const { return values_; }
  // `value` is nullptr where the label is absent.
  bool matches(const std::string* value) const;
  std::string to_string() const;
  bool operator==(const LabelRequirement&) const = default;

 private:
  friend class LabelSelector;
  LabelRequirement(std::string key, Operator op, std::vector<std::string> values) : key_(std::move(key)), op_(op), values_(std::move(values)) {}
  std::string key_;
  Operator op_;
  std::vector<std::string> values_;  // sorted
};

class LabelSelector {
 public:
  // Matches everything.
  LabelSelector() = default;
  static LabelSelector nothing();
  // kInvalidArgument as labels.Parse words it.
  static Result<LabelSelector> parse(std::string_view text);
  // All labels equal; not checked.
  static LabelSelector from_map(const Map<std::string>& labels);
  // A selector with neither labels nor expressions matches everything.
  static Result<LabelSelector> from(const metav1::LabelSelector& selector);
  // An absent selector (nullptr) matches nothing.
  static Result<LabelSelector> from(const metav1::LabelSelector* selector) { return selector ? from(*selector) : Result<LabelSelector>(nothing()); }

  bool matches(const Map<std::string>& labels) const;
  bool empty() const { return !nothing_ && requirements_.empty(); }  // matches everything
  bool is_nothing() const { return nothing_; }
  const std::vector<LabelRequirement>& requirements() const { return requirements_; }
  void add(LabelRequirement requirement);
  // Canonical: sorted by key; parse() gives the same back.
  std::string to_string() const;
  bool operator==(const LabelSelector&) const = default;

 private:
  bool nothing_ = false;
  std::vector<LabelRequirement> requirements_;  // sorted by key
};

// validation.ValidateLabelSelector
FieldErrors validate_label_selector(const FieldPath& path, const metav1::LabelSelector& selector, bool allow_invalid_values = false);

}  // namespace reigen::api
