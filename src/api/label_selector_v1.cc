#include <fmt/core.h>

#include "api/go_quote.h"
#include "api/label_selector.h"
#include "api/metav1.h"
#include "api/validation.h"

namespace reigen::api {

Result<LabelSelector> LabelSelector::from(const metav1::LabelSelector& selector) {
  using Operator = LabelRequirement::Operator;
  LabelSelector out;
  for (const auto& [key, value] : selector.match_labels) {
    TRY_ASSIGN(auto requirement, LabelRequirement::make(key, Operator::kEquals, {value}));
    out.add(std::move(requirement));
  }
  for (const auto& expression : selector.match_expressions) {
    Operator op;
    if (expression.operator_ == "In") op = Operator::kIn;
    else if (expression.operator_ == "NotIn") op = Operator::kNotIn;
    else if (expression.operator_ == "Exists") op = Operator::kExists;
    else if (expression.operator_ == "DoesNotExist") op = Operator::kDoesNotExist;
    else return fail(Code::kInvalidArgument, fmt::format("{} is not a valid label selector operator", go_quote(expression.operator_)));
    TRY_ASSIGN(auto requirement, LabelRequirement::make(expression.key, op, expression.values));
    out.add(std::move(requirement));
  }
  return out;
}

FieldErrors validate_label_selector(const FieldPath& path, const metav1::LabelSelector& selector, bool allow_invalid_values) {
  FieldErrors errors = validate_labels(path.child("matchLabels"), selector.match_labels);
  for (size_t i = 0; i < selector.match_expressions.size(); ++i) {
    const auto& expression = selector.match_expressions[i];
    FieldPath here = path.child("matchExpressions", i);
    if (expression.operator_ == "In" || expression.operator_ == "NotIn") {
      if (expression.values.empty()) errors.push_back(FieldError::required(here.child("values"), "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (expression.operator_ == "Exists" || expression.operator_ == "DoesNotExist") {
      if (!expression.values.empty())
        errors.push_back(FieldError::forbidden(here.child("values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    } else {
      errors.push_back(FieldError::invalid(here.child("operator"), expression.operator_, "not a valid selector operator"));
    }
    append(errors, validate_label_name(here.child("key"), expression.key));
    if (allow_invalid_values) continue;
    for (size_t v = 0; v < expression.values.size(); ++v)
      add_invalid(errors, here.child("values", v), expression.values[v], is_label_value(expression.values[v]));
  }
  return errors;
}

}  // namespace reigen::api
