#include "image/image_store.h"

#include <algorithm>
#include <set>

#include "base/files.h"
#include "base/log.h"
#include "image/digest.h"
#include "image/store_state.h"

namespace reigen::image {
namespace {

constexpr size_t kMaxOwner = 200;
constexpr size_t kMinPrefix = 4;

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Fail no_such(std::string_view name) { return fail(Code::kNotFound, "No such image: " + std::string(name.substr(0, 300))); }

// The id a user means.
Result<std::string> resolve(const StoreIndex& index, std::string_view name) {
  std::string_view hex = name.starts_with("sha256:") ? name.substr(7) : name;
  if (hex.size() == 64 && is_hex(hex)) {
    std::string id = "sha256:" + std::string(hex);
    if (index.images.contains(id)) return id;
    return no_such(name);
  }
  if (auto reference = parse_reference(name)) {
    std::string key = reference->store_name();
    if (auto it = index.names.find(key); it != index.names.end()) return it->second;
    if (auto it = index.digests.find(key); it != index.digests.end()) return it->second;
  } else if (hex.size() == name.size()) {
    return fail(std::move(reference).error());
  }
  if (hex.size() < kMinPrefix || !is_hex(hex)) return no_such(name);
  std::string prefix = "sha256:" + std::string(hex);
  auto first = index.images.lower_bound(prefix);
  if (first == index.images.end() || !first->first.starts_with(prefix)) return no_such(name);
  if (auto second = std::next(first); second != index.images.end() && second->first.starts_with(prefix))
    return fail(Code::kConflict, "more than one image id begins with " + std::string(hex));
  return first->first;
}

bool is_id_of(std::string_view name, const std::string& id) {
  std::string_view hex = name.starts_with("sha256:") ? name.substr(7) : name;
  return hex.size() >= kMinPrefix && is_hex(hex) && std::string_view(id).substr(7).starts_with(hex);
}

Status check_owner(const std::string& owner) {
  bool good = !owner.empty() && owner.size() <= kMaxOwner && owner[0] != '.' &&
              std::ranges::all_of(owner, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-'; });
  if (!good) return fail(Code::kInvalidArgument, "\"" + owner.substr(0, 100) + "\" cannot own a pin");
  return {};
}

}  // namespace

ImageStore::ImageStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
ImageStore::~ImageStore() = default;

Result<std::unique_ptr<ImageStore>> ImageStore::open(const std::string& directory, Limits limits) {
  auto state = std::make_unique<State>();
  state->directory = directory;
  state->limits = limits;
  for (const char* folder : {"blobs/sha256", "layers", "pins", "cache", "tmp"}) {
    TRY(make_directories(state->path(folder), 0700));
  }
  // What an image without layers is mounted from.
  TRY(make_directories(state->path("layers/empty/diff"), 0755));
  TRY(state->index());
  return std::unique_ptr<ImageStore>(new ImageStore(std::move(state)));
}

const std::string& ImageStore::directory() const { return state_->directory; }
const Limits& ImageStore::limits() const { return state_->limits; }

Result<ImageRecord> ImageStore::find(std::string_view name) const {
  TRY_ASSIGN(auto index, state_->index());
  TRY_ASSIGN(auto id, resolve(*index, name));
  return make_record(*index, id);
}

Result<std::vector<ImageRecord>> ImageStore::list() const {
  TRY_ASSIGN(auto index, state_->index());
  std::vector<ImageRecord> out;
  for (const auto& [id, image] : index->images) out.push_back({id, image.manifest, {}, {}, image.size, image.added_s});
  auto at = [&](const std::string& id) -> ImageRecord& { return *std::ranges::lower_bound(out, id, {}, &ImageRecord::id); };
  for (const auto& [name, id] : index->names) at(id).names.push_back(name);
  for (const auto& [name, id] : index->digests) at(id).repo_digests.push_back(name);
  return out;
}

std::string ImageStore::blob_path(const std::string& digest) const { return state_->path("blobs/sha256/" + hex_of(digest)); }

Result<std::string> ImageStore::blob(const std::string& digest) const {
  if (!is_digest(digest)) return fail(Code::kInvalidArgument, "\"" + digest.substr(0, 100) + "\" is no digest");
  TRY_ASSIGN(auto data, read_file(blob_path(digest), 4 << 20));
  if (digest_of(data) != digest) return fail(Code::kDataLoss, blob_path(digest) + " is corrupt");
  return data;
}

Result<ImageConfig> ImageStore::config(const std::string& id) const {
  TRY_ASSIGN(auto text, blob(id));
  return parse_image_config(text);
}

Result<std::vector<LayerInfo>> ImageStore::layers(const std::string& id) const {
  TRY_ASSIGN(auto wanted, config(id));
  std::vector<LayerInfo> out;
  std::string chain;
  for (const auto& diff : wanted.diff_ids) {
    chain = chain_id(chain, diff);
    TRY_ASSIGN(auto info, read_layer_info(*state_, chain));
    out.push_back(std::move(info));
  }
  return out;
}

Result<std::vector<std::string>> ImageStore::layer_dirs(const std::string& id) const {
  TRY_ASSIGN(auto wanted, config(id));
  std::vector<std::string> out;
  std::string chain;
  for (const auto& diff : wanted.diff_ids) {
    chain = chain_id(chain, diff);
    if (!path_exists(state_->layer_path(chain) + "/meta"))
      return fail(Code::kDataLoss, "image " + id + " lacks its layer " + diff + " in " + state_->directory);
    out.push_back(state_->layer_path(chain) + "/diff");
  }
  if (out.empty()) out.push_back(state_->path("layers/empty/diff"));
  return out;
}

std::string ImageStore::layer_path(const std::string& chain) const { return state_->layer_path(chain) + "/diff"; }
std::string ImageStore::cache_path(const std::string& key) const { return state_->path("cache/" + key); }

Status ImageStore::pin(const std::string& owner, const std::string& id) {
  TRY(check_owner(owner));
  TRY_ASSIGN(auto lock, StoreLock::take(state_->path("lock"), StoreLock::Mode::kExclusive));
  TRY_ASSIGN(auto index, state_->index());
  if (!index->images.contains(id)) return no_such(id);
  // Not synced: what pins does not survive a loss of power either, and this stands in the way of every container's start.
  return write_file(state_->path("pins/" + owner), id + "\n", 0600);
}

Status ImageStore::unpin(const std::string& owner) {
  TRY(check_owner(owner));
  return remove_tree(state_->path("pins/" + owner));
}

Result<std::vector<std::pair<std::string, std::string>>> ImageStore::pins() const {
  TRY_ASSIGN(auto owners, list_directory(state_->path("pins")));
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& owner : owners) {
    if (!check_owner(owner)) continue;
    auto text = read_file(state_->path("pins/" + owner), 256);
    if (!text) continue;  // unpinned meanwhile
    std::string id = text->substr(0, text->find('\n'));
    if (is_digest(id)) out.emplace_back(owner, id);
  }
  return out;
}

Status ImageStore::tag(const std::string& id, const Reference& name) {
  if (!name.digest.empty()) return fail(Code::kInvalidArgument, "refusing to create a tag with a digest reference");
  return state_->update_index([&](StoreIndex& index) -> Status {
    if (!index.images.contains(id)) return no_such(id);
    index.names[name.store_name()] = id;
    return {};
  });
}

Result<RemoveReport> ImageStore::remove(std::string_view name, bool force) {
  RemoveReport report;
  TRY(state_->update_index([&](StoreIndex& index) -> Status {
    TRY_ASSIGN(auto id, resolve(index, name));
    ImageRecord record = make_record(index, id);
    bool by_id = is_id_of(name, id);
    std::string key;
    if (!by_id) {
      if (auto reference = parse_reference(name)) key = reference->store_name();
    }
    if (by_id && record.names.size() > 1 && !force)
      return fail(Code::kConflict, "unable to delete " + hex_of(id).substr(0, 12) + " (must be forced) - image is referenced in multiple repositories");
    bool last = by_id || record.names.size() <= 1;
    TRY_ASSIGN(auto held, pins());
    auto user = std::ranges::find(held, id, &std::pair<std::string, std::string>::second);
    if (last && user != held.end() && !force)
      return fail(Code::kConflict, "unable to remove \"" + std::string(name) + "\": image is being used by " + user->first);
    for (const auto& tag : record.names)
      if (by_id || tag == key || (last && !key.empty())) report.untagged.push_back(tag);
    for (const auto& tag : report.untagged) index.names.erase(tag);
    if (!last || user != held.end()) return {};
    report.deleted.push_back(id);
    index.forget(id);
    return {};
  }));
  std::vector<LayerInfo> gone;
  for (const auto& id : report.deleted)
    if (auto info = layers(id)) gone = std::move(*info);
  TRY(collect());
  for (const auto& layer : gone)
    if (!path_exists(state_->layer_path(layer.chain_id))) report.reclaimed += layer.size;
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
