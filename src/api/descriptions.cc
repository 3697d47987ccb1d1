#include "api/descriptions.h"

#include <algorithm>

namespace reigen::api {
namespace {

std::string_view lines_of(std::string_view model_name) {
  auto texts = type_texts();
  auto found = std::ranges::lower_bound(texts, model_name, {}, &TypeTexts::model_name);
  return found != texts.end() && found->model_name == model_name ? found->lines : std::string_view();
}

}  // namespace

std::string_view type_description(std::string_view model_name) {
  auto lines = lines_of(model_name);
  return lines.substr(0, lines.find('\n'));
}

std::string_view field_description(std::string_view model_name, std::string_view field) {
  auto lines = lines_of(model_name);
  while (!lines.empty()) {
    lines.remove_prefix(std::min(lines.find('\n'), lines.size() - 1) + 1);
    if (!lines.starts_with(field) || !lines.substr(field.size()).starts_with(": ")) continue;
    auto text = lines.substr(field.size() + 2);
    return text.substr(0, text.find('\n'));
  }
  return {};
}

}  // namespace reigen::api
