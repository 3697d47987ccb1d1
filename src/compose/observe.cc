#include "compose/observe.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "compose/labels.h"

namespace reigen::compose {

Observed observed_of(const api::Value& container) {
  Observed out;
  out.id = container.text_at({"Id"});
  if (const api::Value* names = container.find("Names"))
    for (const auto& name : names->items()) {
      auto text = name.text();
      // "/other/alias" is a link of another container.
      if (out.name.empty() || text.find('/', 1) == std::string_view::npos) out.name = text.starts_with('/') ? text.substr(1) : text;
    }
  auto label = [&](std::string_view key) { return std::string(container.text_at({"Labels", key})); };
  out.service = label(kServiceLabel);
  std::string number = label(kNumberLabel);
  std::from_chars(number.data(), number.data() + number.size(), out.number);
  out.one_off = label(kOneOffLabel) == "True";
  out.state = container.text_at({"State"});
  out.status = container.text_at({"Status"});
  out.image = container.text_at({"Image"});
  out.image_id = container.text_at({"ImageID"});
  out.hash = label(kHashLabel);
  out.made_from = label(kImageLabel);
  out.raw = container;
  return out;
}

Result<std::vector<Observed>> observe(EngineClient& engine, const std::string& project, OneOffs one_offs) {
  TRY_ASSIGN(auto list, engine.get(with_query("/containers/json", {{"all", "1"}, {"filters", project_filter(project)}})));
  std::vector<Observed> containers;
  for (const auto& item : std::as_const(list).items()) {
    Observed one = observed_of(item);
    if ((one.one_off && one_offs == OneOffs::kWithout) || (!one.one_off && one_offs == OneOffs::kOnly)) continue;
    containers.push_back(std::move(one));
  }
  std::ranges::sort(containers,
                    [](const Observed& a, const Observed& b) { return std::tie(a.service, a.number, a.name) < std::tie(b.service, b.number, b.name); });
  return containers;
}

Result<Observed> pick(const std::vector<Observed>& containers, const std::string& service, int number, bool stopped) {
  const Observed* found = nullptr;
  for (const auto& container : containers) {
    if (container.service != service || (number > 0 && container.number != number) || (!stopped && !container.running())) continue;
    if (!found || (!found->running() && container.running())) found = &container;
  }
  if (found) return *found;
  if (number > 0) return fail(Code::kNotFound, fmt::format("service \"{}\" is not running container #{}", service, number));
  return fail(Code::kNotFound, fmt::format("service \"{}\" is not running", service));
}

}  // namespace reigen::compose
