#include "apiserver/table/cells.h"

#include "api/corev1.h"
#include "api/label_selector.h"
#include "api/metav1.h"

namespace reigen::apiserver {

std::string joined(const std::vector<std::string>& texts, std::string_view separator) {
  std::string out;
  for (const std::string& text : texts) (out += out.empty() ? std::string_view() : separator) += text;
  return out;
}

std::string container_names(const std::vector<api::corev1::Container>& containers) {
  std::string out;
  for (const auto& container : containers) (out += out.empty() ? "" : ",") += container.name;
  return out;
}

std::string container_images(const std::vector<api::corev1::Container>& containers) {
  std::string out;
  for (const auto& container : containers) (out += out.empty() ? "" : ",") += container.image;
  return out;
}

std::string labels_text(const api::Map<std::string>& labels) {
  std::string out;
  for (const auto& [key, value] : labels) {
    if (!out.empty()) out += ',';
    out += key;
    if (!value.empty()) (out += '=') += value;
  }
  return out.empty() ? "<none>" : out;
}

std::string selector_text(const api::metav1::LabelSelector* selector) {
  if (!selector) return "<none>";
  auto parsed = api::LabelSelector::from(*selector);
  if (!parsed) return "<error>";
  std::string text = parsed->to_string();
  return text.empty() ? "<none>" : text;
}

}  // namespace reigen::apiserver
