// GET /images/json.
#include <algorithm>
#include <map>
#include <set>

#include "build/ignore.h"
#include "docker/engine.h"
#include "docker/filters.h"
#include "docker/image_handlers.h"
#include "docker/image_host.h"
#include "docker/time_argument.h"
#include "image/digest.h"
#include "image/reference.h"
#include "docker/version_table.h"

namespace reigen::docker {
namespace {

using api::Value;

Value text_list(const std::vector<std::string>& list) {
  Value out = Value::array();
  for (const auto& item : list) out.push_back(item);
  return out;
}

// As reference.FamiliarMatch: the whole name or the name without tag.
bool matches_reference(const Filters& filters, const std::string& store_name) {
  auto reference = image::parse_reference(store_name);
  if (!reference) return false;
  return std::ranges::any_of(filters.values("reference"), [&](const auto& pattern) {
    return build::match_path(pattern, reference->familiar()) || build::match_path(pattern, reference->familiar_name());
  });
}

class Lister {
 public:
  Lister(ImageHost& host, Filters filters, ApiVersion version) : host_(host), filters_(std::move(filters)), version_(version) {}

  Result<Value> run(bool all, bool shared_size, const Engine& engine) {
    TRY(filters_.check({"dangling", "label", "label!", "before", "since", "reference", "until"}));
    TRY_ASSIGN(dangling_only_, filters_.boolean("dangling", false));
    TRY(read_bounds());
    TRY_ASSIGN(auto images, host_.list());
    for (const auto& image : images)
      if (!image->record.parent.empty()) parents_.insert(image->record.parent);
    std::vector<std::pair<ImageDetailsPtr, Value>> chosen;
    for (const auto& image : images) {
      if (!wanted(*image)) continue;
      auto value = summary(*image, all);
      if (!value.is_null()) chosen.emplace_back(image, std::move(value));
    }
    if (shared_size) TRY(add_sizes(chosen, engine));
    std::ranges::stable_sort(chosen, [](const auto& a, const auto& b) {
      return std::pair(a.first->created_s, a.first->created_ns) > std::pair(b.first->created_s, b.first->created_ns);
    });
    Value out = Value::array();
    for (auto& [image, value] : chosen) out.push_back(std::move(value));
    return out;
  }

 private:
  Status read_bounds() {
    for (const auto& [name, bound] : {std::pair("before", &before_), std::pair("since", &since_)}) {
      for (const auto& value : filters_.values(name)) {
        TRY_ASSIGN(*bound, host_.find(value));
      }
    }
    for (const auto& value : filters_.values("until")) {
      TRY_ASSIGN(auto moment, parse_moment(value, system_clock().wall()));
      until_s_ = std::chrono::floor<std::chrono::seconds>(moment.time_since_epoch()).count();
    }
    return {};
  }

  bool wanted(const ImageDetails& image) const {
    auto when = [](const ImageDetails& one) { return std::pair(one.created_s, one.created_ns); };
    if (before_ && when(image) >= when(*before_)) return false;
    if (since_ && when(image) <= when(*since_)) return false;
    if (until_s_ && image.created_s >= *until_s_) return false;
    if (!filters_.labels("label", image.config.labels)) return false;
    return !filters_.has("label!") || !filters_.labels("label!", image.config.labels);
  }

  // Null: it is not shown.
  Value summary(const ImageDetails& image, bool all) const {
    std::vector<std::string> tags, digests;
    bool by_name = filters_.has("reference");
    for (const auto& name : image.record.names)
      if (!by_name || matches_reference(filters_, name)) tags.push_back(familiar(name));
    for (const auto& name : image.record.repo_digests)
      if (!by_name || matches_reference(filters_, name)) digests.push_back(familiar(name));
    bool nameless = tags.empty() && digests.empty();
    if (nameless) {
      if (!all && parents_.contains(image.record.id)) return nullptr;
      if ((filters_.has("dangling") && !dangling_only_) || by_name) return nullptr;
      if (dangling_only_ && parents_.contains(image.record.id)) return nullptr;
    } else if (dangling_only_ && !tags.empty()) {
      return nullptr;
    }
    bool old = version_ < since::kNoNoneTags;
    auto names = [&](const std::vector<std::string>& list, const char* nothing) -> Value {
      if (!list.empty() || !old) return text_list(list);
      return nameless ? Value::array({nothing}) : Value(nullptr);
    };
    Value labels = nullptr;
    if (!image.config.labels.empty()) {
      labels = Value::object();
      for (const auto& [key, value] : image.config.labels) labels.set(key, value);
    }
    Value out = Value::object({{"Containers", -1},
                               {"Created", image.created_s},
                               {"Id", image.record.id},
                               {"Labels", std::move(labels)},
                               {"ParentId", image.record.parent},
                               {"RepoDigests", names(digests, "<none>@<none>")},
                               {"RepoTags", names(tags, "<none>:<none>")},
                               {"SharedSize", -1},
                               {"Size", static_cast<int64_t>(image.record.size)}});
    if (version_ < since::kNoVirtualSize) out.set("VirtualSize", static_cast<int64_t>(image.record.size));
    return out;
  }

  // SharedSize: of the layers that more than one of these images has.
  Status add_sizes(std::vector<std::pair<ImageDetailsPtr, Value>>& chosen, const Engine& engine) const {
    std::map<std::string, int> uses, containers;
    std::map<std::string, std::vector<image::LayerInfo>> layers;
    for (const auto& container : engine.containers.list()) ++containers[container->spec.image_id];
    for (const auto& [image, value] : chosen) {
      auto own = host_.store().layers(image->record.id);
      if (!own) continue;
      for (const auto& layer : *own) ++uses[layer.chain_id];
      layers[image->record.id] = std::move(*own);
    }
    for (auto& [image, value] : chosen) {
      int64_t shared = 0;
      for (const auto& layer : layers[image->record.id])
        if (uses[layer.chain_id] > 1) shared += static_cast<int64_t>(layer.size);
      value.set("SharedSize", shared);
      value.set("Containers", containers[image->record.id]);
    }
    return {};
  }

  ImageHost& host_;
  Filters filters_;
  ApiVersion version_;
  bool dangling_only_ = false;
  ImageDetailsPtr before_, since_;
  std::optional<int64_t> until_s_;
  std::set<std::string> parents_;
};

}  // namespace

void image_list(Call call) {
  auto work = [&]() -> Result<Value> {
    TRY_ASSIGN(auto filters, Filters::parse(call.arg("filters")));
    // How names were filtered before `reference`.
    if (call.version < since::kNoImageFilter && !call.arg("filter").empty()) filters.add("reference", std::string(call.arg("filter")));
    bool shared = call.version >= since::kSharedSize && call.flag("shared-size");
    return Lister(*call.engine.images, std::move(filters), call.version).run(call.flag("all"), shared, call.engine);
  };
  auto out = work();
  if (!out) return call.error(out.error());
  call.json(200, std::move(*out), "image.list");
}

}  // namespace reigen::docker
