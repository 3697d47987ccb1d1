#include "image/image_store.h"

#include <algorithm>
#include <cctype>

#include "base/clock.h"
#include "base/files.h"
#include "image/digest.h"
#include "image/store_state.h"

namespace reigen::image {
namespace {

constexpr size_t kMaxOwner = 200;

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
  TRY_ASSIGN(auto id, resolve_image(*index, name));
  return make_record(*index, id);
}

Result<std::vector<ImageRecord>> ImageStore::list() const {
  TRY_ASSIGN(auto index, state_->index());
  std::vector<ImageRecord> out;
  for (const auto& [id, image] : index->images) out.push_back({id, image.manifest, {}, {}, image.size, image.added_s, image.parent, image.tagged_s});
  auto at = [&](const std::string& id) -> ImageRecord& { return *std::ranges::lower_bound(out, id, {}, &ImageRecord::id); };
  for (const auto& [name, id] : index->names) at(id).names.push_back(name);
  for (const auto& [name, id] : index->digests) at(id).repo_digests.push_back(name);
  return out;
}

Result<std::vector<std::string>> ImageStore::children(const std::string& id) const {
  TRY_ASSIGN(auto index, state_->index());
  std::vector<std::string> out;
  for (const auto& [child, image] : index->images)
    if (image.parent == id) out.push_back(child);
  return out;
}

uint64_t ImageStore::generation() const {
  (void)state_->index();
  std::lock_guard guard(state_->mutex);
  return state_->generation;
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
  if (!index->images.contains(id)) {
    // One that was forced away from under another pin can be pinned again.
    TRY_ASSIGN(auto held, pins());
    if (std::ranges::find(held, id, &std::pair<std::string, std::string>::second) == held.end()) return no_such_image(id);
  }
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
    if (!index.images.contains(id)) return no_such_image(id);
    index.names[name.store_name()] = id;
    index.images[id].tagged_s = std::chrono::duration_cast<std::chrono::seconds>(system_clock().wall().time_since_epoch()).count();
    return {};
  });
}

Status ImageStore::set_parent(const std::string& id, const std::string& parent) {
  return state_->update_index([&](StoreIndex& index) -> Status {
    if (!index.images.contains(id)) return no_such_image(id);
    index.images[id].parent = index.images.contains(parent) && parent != id ? parent : "";
    return {};
  });
}

}  // namespace reigen::image
