// Collection of what nothing refers to.
#include <algorithm>
#include <set>

#include "base/files.h"
#include "base/log.h"
#include "image/digest.h"
#include "image/image_store.h"
#include "image/manifest.h"
#include "image/store_state.h"
#include "linux/mount.h"

namespace reigen::image {
namespace {

struct Roots {
  std::set<std::string> blobs;    // hex digits
  std::set<std::string> folders;  // of layers
};

void keep_layer(const ImageStore::State& state, const std::string& chain, Roots& roots) {
  roots.folders.insert(layer_folder(chain));
  if (auto info = read_layer_info(state, chain)) roots.blobs.insert(hex_of(info->blob));
}

// Fails when an image cannot be read: then nothing may be removed, for its layers are unknown.
Status keep_image(const ImageStore& store, const std::string& id, const std::string& manifest, Roots& roots) {
  roots.blobs.insert(hex_of(id));
  roots.blobs.insert(hex_of(manifest));
  TRY_ASSIGN(auto config, store.config(id));
  std::string chain;
  for (const auto& diff : config.diff_ids) {
    chain = chain_id(chain, diff);
    keep_layer(store.state(), chain, roots);
  }
  return {};
}

Status move_out(const ImageStore::State& state, const std::string& folder, const std::set<std::string>& keep) {
  TRY_ASSIGN(auto names, list_directory(state.path(folder)));
  for (const auto& name : names) {
    if (keep.contains(name)) continue;
    // Renamed first, so that a crash never leaves half of it in its place.
    std::string away = state.path("tmp/gone-" + name);
    if (::rename(state.path(folder + "/" + name).c_str(), away.c_str()) != 0) return fail_errno("remove " + folder + "/" + name);
    TRY(remove_tree(away));
  }
  return {};
}

}  // namespace

Status ImageStore::collect() {
  auto lock = StoreLock::take(state_->path("collect.lock"), StoreLock::Mode::kTryExclusive);
  if (!lock) return lock.error().code() == Code::kUnavailable ? Status() : Status(fail(lock.error()));
  TRY_ASSIGN(auto index, state_->index());
  Roots roots;
  roots.folders.insert("empty");
  for (const auto& [id, image] : index->images) TRY(keep_image(*this, id, image.manifest, roots));
  TRY_ASSIGN(auto held, pins());
  for (const auto& [owner, id] : held) {
    if (index->images.contains(id)) continue;
    // Removed by force from under its container. A pin may be older than what it names: pins outlive crashes by chance only.
    if (auto kept = keep_image(*this, id, id, roots); !kept) LOG(kWarning, "image", "pin {}: {}", owner, kept.error().message());
  }
  TRY_ASSIGN(auto cached, list_directory(state_->path("cache")));
  for (const auto& key : cached) {
    // Each names the chain of layers below and with its own, one a line.
    TRY_ASSIGN(auto text, read_file(state_->path("cache/" + key), 64 << 10));
    for (size_t start = 0; start < text.size();) {
      size_t end = std::min(text.find('\n', start), text.size());
      std::string chain = text.substr(start, end - start);
      if (is_digest(chain)) keep_layer(*state_, chain, roots);
      start = end + 1;
    }
  }
  // A build that was killed leaves its mounts.
  TRY_ASSIGN(auto mounts, linux::mounts_below(state_->path("tmp")));
  for (const auto& mount : mounts) TRY(linux::unmount(mount));
  TRY_ASSIGN(auto leftovers, list_directory(state_->path("tmp")));
  for (const auto& name : leftovers) TRY(remove_tree(state_->path("tmp/" + name)));
  TRY(move_out(*state_, "layers", roots.folders));
  return move_out(*state_, "blobs/sha256", roots.blobs);
}

}  // namespace reigen::image
