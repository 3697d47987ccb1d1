#include "apiserver/validation/node_selector.h"

#include "api/corev1.h"
#include "api/validation.h"
#include "apiserver/validation/report.h"

namespace reigen::apiserver {
namespace {

using namespace api::corev1;

void check_expression(const NodeSelectorRequirement& one, bool lax, const FieldPath& path, FieldErrors& errors) {
  const std::string& op = one.operator_;
  FieldPath values = path.child("values");
  if (op == "In" || op == "NotIn") {
    if (one.values.empty()) require(errors, values, "must be specified when `operator` is 'In' or 'NotIn'");
  } else if (op == "Exists" || op == "DoesNotExist") {
    if (!one.values.empty()) forbid(errors, values, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
  } else if (op == "Gt" || op == "Lt") {
    if (one.values.size() != 1) require(errors, values, "must be specified single value when `operator` is 'Lt' or 'Gt'");
  } else {
    reject(errors, path.child("operator"), op, "not a valid selector operator");
  }
  api::append(errors, api::validate_label_name(path.child("key"), one.key));
  if (lax) return;
  for (size_t i = 0; i < one.values.size(); ++i) api::add_invalid(errors, values.index(i), one.values[i], api::is_label_value(one.values[i]));
}

void check_field(const NodeSelectorRequirement& one, const FieldPath& path, FieldErrors& errors) {
  FieldPath values = path.child("values");
  if (one.operator_ != "In" && one.operator_ != "NotIn") reject(errors, path.child("operator"), one.operator_, "not a valid selector operator");
  else if (one.values.size() != 1) require(errors, values, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
  if (one.key != "metadata.name") return reject(errors, path.child("key"), one.key, "not a valid field selector key");
  for (size_t i = 0; i < one.values.size(); ++i) check_dns_subdomain(errors, values.index(i), one.values[i]);
}

}  // namespace

void validate_node_selector_term(const NodeSelectorTerm& term, bool lax, const FieldPath& path, FieldErrors& errors) {
  for (size_t i = 0; i < term.match_expressions.size(); ++i) check_expression(term.match_expressions[i], lax, path.child("matchExpressions", i), errors);
  for (size_t i = 0; i < term.match_fields.size(); ++i) check_field(term.match_fields[i], path.child("matchFields", i), errors);
}

void validate_node_selector(const NodeSelector& selector, bool lax, const FieldPath& path, FieldErrors& errors) {
  FieldPath terms = path.child("nodeSelectorTerms");
  if (selector.node_selector_terms.empty()) return require(errors, terms, "must have at least one node selector term");
  for (size_t i = 0; i < selector.node_selector_terms.size(); ++i) validate_node_selector_term(selector.node_selector_terms[i], lax, terms.index(i), errors);
}

}  // namespace reigen::apiserver
