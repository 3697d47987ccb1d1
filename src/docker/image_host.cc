#include "docker/image_host.h"

#include <algorithm>
#include <charconv>

#include "api/scalars.h"
#include "docker/container_lookup.h"
#include "docker/engine.h"
#include "image/reference.h"

namespace reigen::docker {
namespace {

constexpr size_t kShownDigits = 12;

bool is_hex(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

void read_created(ImageDetails& out) {
  const std::string& text = out.config.created;
  auto time = api::Time::parse(text);
  out.created_s = time ? time->seconds : kYearOne;
  auto dot = text.find('.');
  if (dot == std::string::npos) return;
  std::string digits = text.substr(dot + 1, text.find_first_not_of("0123456789", dot + 1) - dot - 1);
  digits.resize(9, '0');
  std::from_chars(digits.data(), digits.data() + digits.size(), out.created_ns);
}

}  // namespace

std::string familiar(const std::string& store_name) {
  auto reference = image::parse_reference(store_name);
  return reference ? reference->familiar() : store_name;
}

std::vector<std::string> familiar(const std::vector<std::string>& store_names) {
  std::vector<std::string> out;
  for (const auto& name : store_names) out.push_back(familiar(name));
  return out;
}

std::string ImageHost::shown_name(std::string_view name) {
  if (name.starts_with("sha256:") || (name.size() == 64 && is_hex(name))) return std::string(name.substr(0, 300));
  auto reference = image::parse_reference(name);
  return reference ? reference->familiar() : std::string(name.substr(0, 300));
}

Result<std::shared_ptr<const ImageHost::Cache>> ImageHost::cache() {
  uint64_t now = store_.generation();
  std::shared_ptr<const Cache> old;
  {
    std::lock_guard guard(mutex_);
    if (cache_ && generation_ == now) return cache_;
    old = cache_;
  }
  TRY_ASSIGN(auto records, store_.list());
  auto made = std::make_shared<Cache>();
  for (auto& record : records) {
    auto details = std::make_shared<ImageDetails>();
    // The configuration never changes under one id; names and parents do.
    auto known = old ? old->find(record.id) : Cache::const_iterator();
    if (old && known != old->end()) {
      *details = *known->second;
    } else {
      auto config = store_.config(record.id);
      if (!config) continue;  // removed meanwhile
      details->config = std::move(*config);
      read_created(*details);
    }
    std::string id = record.id;
    details->record = std::move(record);
    (*made)[id] = std::move(details);
  }
  std::lock_guard guard(mutex_);
  generation_ = now;
  cache_ = made;
  return cache_;
}

Result<std::vector<ImageDetailsPtr>> ImageHost::list() {
  TRY_ASSIGN(auto all, cache());
  std::vector<ImageDetailsPtr> out;
  for (const auto& [id, details] : *all) out.push_back(details);
  return out;
}

Result<ImageDetailsPtr> ImageHost::find(std::string_view name) {
  auto record = store_.find(name);
  if (!record && name.size() < kShownDigits && is_hex(name)) {
    // The store wants more of an id than Docker does.
    TRY_ASSIGN(auto all, cache());
    std::string prefix = "sha256:" + std::string(name);
    auto first = all->lower_bound(prefix);
    auto begins = [&](Cache::const_iterator at) { return at != all->end() && at->first.starts_with(prefix); };
    if (begins(first) && !begins(std::next(first))) return first->second;
  }
  bool ambiguous = !record && record.error().code() == Code::kConflict;
  if (ambiguous || (!record && record.error().code() == Code::kNotFound)) return fail(Code::kNotFound, "No such image: " + shown_name(name));
  if (!record) return fail(std::move(record).error());
  TRY_ASSIGN(auto all, cache());
  auto found = all->find(record->id);
  if (found == all->end()) return fail(Code::kNotFound, "No such image: " + shown_name(name));
  return found->second;
}

void tell_image_event(Engine& engine, const std::string& action, const std::string& id, const std::string& name, const ImageDetails* details) {
  Event event;
  event.type = "image";
  event.action = action;
  event.id = id;
  if (details)
    for (const auto& [key, value] : details->config.labels) event.attributes.emplace_back(key, value);
  if (!name.empty()) event.attributes.emplace_back("name", name);
  engine.events.add(std::move(event));
}

std::function<std::optional<image::ImageUser>(const std::string& id)> image_users(Engine& engine) {
  return [&engine](const std::string& id) -> std::optional<image::ImageUser> {
    std::optional<image::ImageUser> out;
    for (const auto& container : engine.containers.list()) {
      if (container->spec.image_id != id) continue;
      const std::string& own = container->metadata.name;
      bool running = is_running(*container);
      if (!out || running) out = image::ImageUser{own.substr(0, 12), running};
      if (running) return out;
    }
    auto pins = engine.images->store().pins();
    if (!pins) return out;
    for (const auto& [owner, pinned] : *pins) {
      constexpr std::string_view prefix = "container-";
      if (pinned != id || !owner.starts_with(prefix)) continue;
      std::string own = owner.substr(prefix.size());
      // A run of one of those above, or of one that is removed and whose layer is still to go: that keeps the layers, not the image.
      constexpr size_t kRunsDash = 56;
      if (own.size() > kRunsDash && own[kRunsDash] == '-') continue;
      return image::ImageUser{own.substr(0, 12), true};
    }
    return out;
  };
}

}  // namespace reigen::docker
