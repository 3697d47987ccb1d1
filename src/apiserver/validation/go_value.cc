#include "apiserver/validation/go_value.h"

#include <fmt/core.h>

#include "api/corev1.h"
#include "api/go_quote.h"
#include "api/metav1.h"
#include "api/quantity.h"
#include "api/scalars.h"

namespace reigen::apiserver {
namespace {

using api::BadValue;

template <class List, class Print>
std::string joined(std::string_view type, const List& list, Print print) {
  if (list.empty()) return std::string(type) + "(nil)";
  std::string out = std::string(type) + "{";
  for (const auto& element : list) {
    if (out.back() != '{') out += ", ";
    out += print(element);
  }
  return out + "}";
}

std::string strings(const std::vector<std::string>& list) {
  return joined("[]string", list, [](const std::string& text) { return api::go_quote(text); });
}

std::string string_map(const api::Map<std::string>& map) {
  return joined("map[string]string", map, [](const auto& entry) { return api::go_quote(entry.first) + ":" + api::go_quote(entry.second); });
}

std::string node_term(const api::corev1::NodeSelectorTerm& term) {
  auto list = [](const auto& requirements) {
    return joined("[]core.NodeSelectorRequirement", requirements, [](const auto& one) {
      return fmt::format("core.NodeSelectorRequirement{{Key:{}, Operator:{}, Values:{}}}", api::go_quote(one.key), api::go_quote(one.operator_),
                         strings(one.values));
    });
  };
  return fmt::format("core.NodeSelectorTerm{{MatchExpressions:{}, MatchFields:{}}}", list(term.match_expressions), list(term.match_fields));
}

}  // namespace

BadValue go_value(const api::corev1::NodeSelectorTerm& term) { return BadValue::raw(node_term(term)); }

BadValue go_value(const std::vector<api::corev1::NodeSelectorTerm>& terms) { return BadValue::raw(joined("[]core.NodeSelectorTerm", terms, node_term)); }

BadValue go_value(const std::vector<std::string>& list) { return BadValue::raw(strings(list)); }

BadValue go_value(const std::vector<int32_t>& list) {
  return BadValue::raw(joined("[]int32", list, [](int32_t number) { return std::to_string(number); }));
}

BadValue go_value(const api::Map<std::string>& map) { return BadValue::raw(string_map(map)); }

BadValue go_value(const api::IntOrString& value) {
  return BadValue::raw(fmt::format("intstr.IntOrString{{Type:{}, IntVal:{}, StrVal:{}}}", value.is_string ? 1 : 0, value.number, api::go_quote(value.text)));
}

BadValue go_value(const api::metav1::LabelSelector& selector) {
  std::string expressions = joined("[]v1.LabelSelectorRequirement", selector.match_expressions, [](const auto& one) {
    return fmt::format("v1.LabelSelectorRequirement{{Key:{}, Operator:{}, Values:{}}}", api::go_quote(one.key), api::go_quote(one.operator_),
                       strings(one.values));
  });
  return BadValue::raw(fmt::format("v1.LabelSelector{{MatchLabels:{}, MatchExpressions:{}}}", string_map(selector.match_labels), expressions));
}

// The amount is a number and a power of ten; binary ones and whole ones have no power.
BadValue go_value(const api::Quantity& quantity) {
  __int128 nano = quantity.nano_value();
  int scale = -9;
  while (scale < 0 && nano % 10 == 0) nano /= 10, ++scale;
  std::string_view format = quantity.format() == api::Quantity::Format::kBinarySi          ? "BinarySI"
                            : quantity.format() == api::Quantity::Format::kDecimalExponent ? "DecimalExponent"
                                                                                           : "DecimalSI";
  return BadValue::raw(
      fmt::format("resource.Quantity{{i:resource.int64Amount{{value:{}, scale:{}}}, d:resource.infDecAmount{{Dec:(*inf.Dec)(nil)}}, s:{}, Format:\"{}\"}}",
                  static_cast<int64_t>(nano), scale, api::go_quote(quantity.to_string()), format));
}

BadValue go_value(const api::Time& time) {
  std::string text = time.to_string();  // 2024-01-02T03:04:05Z
  if (text.size() == 20) text = text.substr(0, 10) + " " + text.substr(11, 8) + " +0000 UTC";
  return BadValue::raw(std::move(text));
}

}  // namespace reigen::apiserver
