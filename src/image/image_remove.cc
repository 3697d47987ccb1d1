// How images leave the store: the simple way of `reigen image`, and Docker's.
#include <algorithm>
#include <set>

#include "base/files.h"
#include "image/digest.h"
#include "image/image_store.h"
#include "image/store_state.h"

namespace reigen::image {
namespace {

using Kind = RemoveStep::Kind;

std::string short_id(const std::string& id) { return hex_of(id).substr(0, 12); }
std::string repository_of(const std::string& name) { return name.substr(0, name.find('@') == std::string::npos ? name.rfind(':') : name.find('@')); }

// Docker's ImageDelete on an index that is not written yet.
class Removal {
 public:
  Removal(StoreIndex& index, const RemoveOptions& options, RemoveReport& report) : index_(index), options_(options), report_(report) {}

  Status run(const std::string& id, std::string_view name) {
    bool forgotten_name = false;
    auto record = make_record(index_, id);
    bool single = is_single(record);
    if (!is_id_of(name, id)) {
      if (!options_.force && single) {
        if (auto user = options_.user(id))
          return fail(Code::kConflict, "conflict: unable to remove repository reference \"" + std::string(name) + "\" (must force) - container " +
                                           user->container + " is using its referenced image " + short_id(id));
      }
      TRY_ASSIGN(auto reference, parse_reference(name));
      untag(reference.store_name(), id);
      if (reference.digest.empty()) drop_digests(reference.name(), id);
      if (index_.has_name(id)) return {};
      forgotten_name = true;
    } else if (single) {
      TRY(conflict(id, options_.force ? Check::kHard : Check::kUse));
      untag_all(id);
    }
    return remove(id, options_.force, forgotten_name);
  }

 private:
  enum class Check : unsigned char { kHard, kUse, kAll };  // children and running users; all users; names too

  // At most one tag, and all digests in its repository.
  static bool is_single(const ImageRecord& record) {
    if (record.names.empty() && record.repo_digests.empty()) return false;
    if (record.names.size() > 1) return false;
    std::string repository = repository_of(record.names.empty() ? record.repo_digests[0] : record.names[0]);
    return std::ranges::all_of(record.repo_digests, [&](const auto& digest) { return repository_of(digest) == repository; });
  }

  void untag(const std::string& name, const std::string& id) {
    index_.names.erase(name);
    index_.digests.erase(name);
    report_.untagged.push_back(name);
    report_.steps.push_back({Kind::kUntagged, name, id});
  }

  void untag_all(const std::string& id) {
    auto record = make_record(index_, id);
    std::vector<std::string> all = record.names;
    all.insert(all.end(), record.repo_digests.begin(), record.repo_digests.end());
    std::ranges::sort(all);
    for (const auto& name : all) untag(name, id);
  }

  // The digests of a repository mean nothing without a tag in it.
  void drop_digests(const std::string& repository, const std::string& id) {
    auto record = make_record(index_, id);
    if (std::ranges::any_of(record.names, [&](const auto& name) { return repository_of(name) == repository; })) return;
    for (const auto& digest : record.repo_digests) {
      if (repository_of(digest) != repository) continue;
      index_.digests.erase(digest);
      report_.untagged.push_back(digest);
      report_.steps.push_back({Kind::kUntaggedDigest, digest, id});
    }
  }

  Status conflict(const std::string& id, Check check, bool* used = nullptr) {
    auto refuse = [&](bool hard, const std::string& why) {
      return fail(Code::kConflict, "conflict: unable to delete " + short_id(id) + (hard ? " (cannot be forced) - " : " (must be forced) - ") + why);
    };
    if (index_.has_child(id)) return refuse(true, "image has dependent child images");
    auto user = options_.user(id);
    if (used) *used = user.has_value();
    if (user && user->running) return refuse(true, "image is being used by running container " + user->container);
    if (check == Check::kAll && index_.has_name(id)) {
      if (used) *used = false;
      return refuse(false, "image is referenced in multiple repositories");
    }
    if (check != Check::kHard && user) return refuse(false, "image is being used by stopped container " + user->container);
    return {};
  }

  Status remove(const std::string& first, bool force, bool quiet) {
    for (std::string id = first; !id.empty();) {
      bool used = false;
      if (auto clear = conflict(id, force ? Check::kHard : Check::kAll, &used); !clear) {
        // A name that went already is no reason to complain, unless it was the only thing that kept the image from being forgotten.
        bool dangling = !index_.has_name(id) && !index_.has_child(id);
        return quiet && (!dangling || used) ? Status() : clear;
      }
      std::string parent = index_.images[id].parent;
      untag_all(id);
      index_.forget(id);
      report_.deleted.push_back(id);
      report_.steps.push_back({Kind::kDeleted, id, id});
      if (options_.keep_parents) return {};
      id = index_.images.contains(parent) ? parent : "";
      force = false;
      quiet = true;
    }
    return {};
  }

  StoreIndex& index_;
  const RemoveOptions& options_;
  RemoveReport& report_;
};

// The chain ids of an image's layers, topmost first.
std::vector<LayerInfo> layers_of(const ImageStore& store, const std::string& id) {
  auto infos = store.layers(id);
  if (!infos) return {};
  std::ranges::reverse(*infos);
  return std::move(*infos);
}

// Puts the layers that a collection took behind their images.
void note_layers(const ImageStore& store, const std::map<std::string, std::vector<LayerInfo>>& layers, RemoveReport& report) {
  std::vector<RemoveStep> out;
  // A layer goes with the last image that has it.
  std::map<std::string, std::string> last;
  for (const auto& step : report.steps) {
    auto found = step.kind == Kind::kDeleted ? layers.find(step.what) : layers.end();
    if (found == layers.end()) continue;
    for (const auto& layer : found->second) last[layer.chain_id] = step.what;
  }
  for (auto& step : report.steps) {
    auto found = step.kind == Kind::kDeleted ? layers.find(step.what) : layers.end();
    out.push_back(std::move(step));
    if (found == layers.end()) continue;
    for (const auto& layer : found->second) {
      if (last[layer.chain_id] != found->first || path_exists(store.state().layer_path(layer.chain_id))) continue;
      out.push_back({Kind::kDeletedLayer, layer.chain_id, found->first});
      report.reclaimed += layer.size;
    }
  }
  report.steps = std::move(out);
}

// Pins are all we know when nobody says who uses what.
RemoveOptions with_user(const ImageStore& store, RemoveOptions options) {
  if (options.user) return options;
  options.user = [&store](const std::string& id) -> std::optional<ImageUser> {
    auto held = store.pins();
    if (!held) return ImageUser{"(unknown)", true};
    auto user = std::ranges::find(*held, id, &std::pair<std::string, std::string>::second);
    return user == held->end() ? std::nullopt : std::optional(ImageUser{user->first, true});
  };
  return options;
}

}  // namespace

Result<RemoveReport> ImageStore::remove(std::string_view name, const RemoveOptions& given) {
  RemoveReport report;
  std::map<std::string, std::vector<LayerInfo>> gone;
  auto options = with_user(*this, given);
  TRY(state_->update_index([&](StoreIndex& index) -> Status {
    TRY_ASSIGN(auto id, resolve_image(index, name));
    return Removal(index, options, report).run(id, name);
  }));
  if (report.deleted.empty()) return report;
  for (const auto& id : report.deleted) gone[id] = layers_of(*this, id);
  TRY(collect());
  note_layers(*this, gone, report);
  return report;
}

Result<RemoveReport> ImageStore::prune(const PruneOptions& prune) {
  RemoveReport report;
  std::map<std::string, std::vector<LayerInfo>> gone;
  RemoveOptions options;
  options.user = prune.user;
  options = with_user(*this, options);
  TRY(state_->update_index([&](StoreIndex& index) -> Status {
    std::vector<std::string> chosen;
    for (const auto& [id, image] : index.images) {
      auto record = make_record(index, id);
      if (record.names.empty() && record.repo_digests.empty() && index.has_child(id)) continue;
      if (prune.dangling_only && (!record.names.empty() || index.has_child(id))) continue;
      if (prune.want) {
        auto read = config(id);
        if (!read || !prune.want(record, *read)) continue;
      }
      chosen.push_back(id);
    }
    for (const auto& id : chosen) {
      auto record = make_record(index, id);
      std::vector<std::string> names = record.names;
      names.insert(names.end(), record.repo_digests.begin(), record.repo_digests.end());
      std::ranges::sort(names);
      if (names.empty()) names.push_back(id);
      for (const auto& name : names) {
        if (!index.images.contains(id)) break;
        // One that is in use stays; nothing of it was changed then.
        (void)Removal(index, options, report).run(id, name);
      }
    }
    return {};
  }));
  for (const auto& id : report.deleted) gone[id] = layers_of(*this, id);
  TRY(collect());
  note_layers(*this, gone, report);
  return report;
}

Result<RemoveReport> ImageStore::remove(std::string_view name, bool force) {
  RemoveReport report;
  TRY(state_->update_index([&](StoreIndex& index) -> Status {
    TRY_ASSIGN(auto id, resolve_image(index, name));
    ImageRecord record = make_record(index, id);
    bool by_id = is_id_of(name, id);
    std::string key;
    if (!by_id) {
      if (auto reference = parse_reference(name)) key = reference->store_name();
    }
    if (by_id && record.names.size() > 1 && !force)
      return fail(Code::kConflict, "unable to delete " + short_id(id) + " (must be forced) - image is referenced in multiple repositories");
    bool last = by_id || record.names.size() <= 1;
    TRY_ASSIGN(auto held, pins());
    auto user = std::ranges::find(held, id, &std::pair<std::string, std::string>::second);
    if (last && user != held.end() && !force)
      return fail(Code::kConflict, "unable to remove \"" + std::string(name) + "\": image is being used by " + user->first);
    for (const auto& tag : record.names)
      if (by_id || tag == key || (last && !key.empty())) report.untagged.push_back(tag);
    for (const auto& tag : report.untagged) index.names.erase(tag);
    // What others were built from stays, without a name.
    if (!last || user != held.end() || index.has_child(id)) return {};
    for (std::string at = id; !at.empty() && !index.has_child(at) && (at == id || !index.has_name(at));) {
      std::string parent = index.images[at].parent;
      if (at != id && std::ranges::find(held, at, &std::pair<std::string, std::string>::second) != held.end()) break;
      report.deleted.push_back(at);
      index.forget(at);
      at = parent;
    }
    return {};
  }));
  std::map<std::string, std::vector<LayerInfo>> gone;
  for (const auto& id : report.deleted)
    for (auto& layer : layers_of(*this, id)) gone[layer.chain_id] = {layer};
  TRY(collect());
  for (const auto& [chain, layer] : gone)
    if (!path_exists(state_->layer_path(chain))) report.reclaimed += layer[0].size;
  return report;
}

Result<RemoveReport> ImageStore::prune(bool all) {
  RemoveReport report;
  TRY(state_->update_index([&](StoreIndex& index) -> Status {
    TRY_ASSIGN(auto held, pins());
    std::set<std::string> keep;
    for (const auto& [owner, id] : held) keep.insert(id);
    if (!all)
      for (const auto& [name, id] : index.names) keep.insert(id);
    for (auto kept = std::vector<std::string>(keep.begin(), keep.end()); !kept.empty();) {
      auto image = index.images.find(kept.back());
      kept.pop_back();
      if (image != index.images.end() && !image->second.parent.empty() && keep.insert(image->second.parent).second) kept.push_back(image->second.parent);
    }
    for (const auto& [id, image] : index.images) {
      if (keep.contains(id)) continue;
      report.deleted.push_back(id);
      report.reclaimed += image.size;
    }
    for (const auto& id : report.deleted) {
      for (const auto& name : make_record(index, id).names) report.untagged.push_back(name);
      index.forget(id);
    }
    return {};
  }));
  TRY_ASSIGN(auto cached, list_directory(state_->path("cache")));
  for (const auto& key : cached) TRY(remove_tree(state_->path("cache/" + key)));
  TRY(collect());
  return report;
}

}  // namespace reigen::image
