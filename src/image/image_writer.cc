#include "image/image_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "base/clock.h"
#include "base/files.h"
#include "image/digest.h"
#include "image/layer_packer.h"
#include "image/layer_unpacker.h"
#include "image/manifest.h"
#include "image/store_state.h"

namespace reigen::image {
namespace {

constexpr uint64_t kProgressEvery = 1 << 20;

}  // namespace

struct ImageWriter::Pending {
  LayerInfo info;
  std::string parent;
  std::string folder;  // in tmp/, with diff/
  std::string blob;    // a file in tmp/, or empty when the store has it
};

struct ImageWriter::Hold {
  StoreLock lock;
  // Of layers that are committed: their parents, for the chain of lower folders.
  std::map<std::string, std::string> parents;
  uint64_t next = 0;
};

ImageWriter::ImageWriter(ImageStore& store, std::string directory) : store_(store), directory_(std::move(directory)) {}

ImageWriter::~ImageWriter() {
  if (!remove_tree(directory_)) return;  // the next collection tries again
}

Result<std::unique_ptr<ImageWriter>> ImageWriter::begin(ImageStore& store) {
  auto& state = store.state();
  TRY_ASSIGN(auto lock, state.hold_collection());
  TRY_ASSIGN(auto directory, make_temporary_directory(state.path("tmp"), "add-"));
  std::unique_ptr<ImageWriter> out(new ImageWriter(store, std::move(directory)));
  out->hold_ = std::make_unique<Hold>(Hold{std::move(lock), {}, 0});
  return out;
}

std::optional<LayerInfo> ImageWriter::find_layer(const std::string& chain) const {
  for (const auto& layer : pending_)
    if (layer.info.chain_id == chain) return layer.info;
  if (auto info = read_layer_info(store_.state(), chain)) return *info;
  return std::nullopt;
}

void ImageWriter::declare_chain(const std::vector<std::string>& diff_ids) {
  std::string chain;
  for (const auto& diff : diff_ids) {
    std::string next = chain_id(chain, diff);
    hold_->parents[next] = chain;
    chain = std::move(next);
  }
}

Result<std::string> ImageWriter::folder_of(const std::string& chain) const {
  for (const auto& layer : pending_)
    if (layer.info.chain_id == chain) return layer.folder + "/diff";
  if (read_layer_info(store_.state(), chain)) return store_.state().layer_path(chain) + "/diff";
  return fail(Code::kNotFound, "layer " + chain + " is not in the store");
}

Result<std::vector<std::string>> ImageWriter::parents_of(const std::string& chain) const {
  std::vector<std::string> out;
  for (std::string at = chain; !at.empty();) {
    TRY_ASSIGN(auto folder, folder_of(at));
    out.push_back(std::move(folder));
    auto it = hold_->parents.find(at);
    at = it == hold_->parents.end() ? std::string() : it->second;
  }
  return out;
}

Status ImageWriter::unpack_into(const std::string& parent, const Packed& packed, Pending& layer) {
  Fd fd(::open(packed.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("open " + packed.path);
  struct stat size{};
  if (::fstat(fd.get(), &size) != 0) return fail_errno("stat " + packed.path);
  ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  const Limits& limits = store_.limits();
  FdSource file(fd.get(), packed.label);
  HashingSource outside(file);
  uint64_t told = 0;
  if (packed.progress)
    outside.tee = [&](std::string_view) -> Status {
      if (outside.count() < told + kProgressEvery) return {};
      told = outside.count();
      packed.progress(told, static_cast<uint64_t>(size.st_size));
      return {};
    };
  // Headers and padding of the tar come on top of the files' bytes.
  RatioLimit bound{limits.ratio, limits.ratio_from, limits.layer_bytes + limits.layer_entries * 1024};
  TRY_ASSIGN(auto unpacked, UnpackingSource::open(outside, bound));
  HashingSource inside(*unpacked);
  bool repack = unpacked->compression() != Compression::kGzip && unpacked->compression() != Compression::kZstd;
  std::string made = layer.folder + "/blob";
  Fd blob_fd;
  std::unique_ptr<ZstdWriter> zstd;
  if (repack) {
    blob_fd = Fd(::open(made.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!blob_fd) return fail_errno("open " + made);
    zstd = std::make_unique<ZstdWriter>(blob_fd.get(), made);
    inside.tee = [&](std::string_view data) { return zstd->write(data); };
  }
  UnpackOptions options;
  options.limits = limits;
  TRY_ASSIGN(options.parents, parents_of(parent));
  TRY_ASSIGN(auto stats, unpack_layer(inside, layer.folder + "/diff", options));
  TRY(drain(inside));
  TRY(drain(outside));
  layer.info.diff_id = inside.digest();
  layer.info.size = stats.bytes;
  if (packed.progress) packed.progress(outside.count(), static_cast<uint64_t>(size.st_size));
  std::string digest = outside.digest();
  if (!packed.digest.empty() && digest != packed.digest) return fail(Code::kDataLoss, "has digest " + digest + ", not " + packed.digest);
  if (!packed.diff_id.empty() && layer.info.diff_id != packed.diff_id)
    return fail(Code::kDataLoss, "unpacks to digest " + layer.info.diff_id + ", not " + packed.diff_id + " as the image's configuration says");
  if (repack) {
    TRY(zstd->finish());
    if (::fsync(blob_fd.get()) != 0) return fail_errno("sync " + made);
    layer.info.blob = zstd->digest();
    layer.info.blob_size = zstd->size();
    layer.info.media_type = media::kOciLayerZstd;
    layer.blob = made;
    return {};
  }
  layer.info.blob = digest;
  layer.info.blob_size = outside.count();
  layer.info.media_type = unpacked->compression() == Compression::kZstd ? media::kOciLayerZstd : media::kOciLayerGzip;
  if (path_exists(store_.blob_path(digest))) return {};
  layer.blob = made;
  // A second name, not a move: two images of an archive may share the file.
  if (packed.owned) return ::link(packed.path.c_str(), made.c_str()) == 0 ? Status() : Status(fail_errno("link " + packed.path));
  return copy_file(packed.path, made);
}

Result<LayerInfo> ImageWriter::add_layer(const std::string& parent, const Packed& packed) {
  if (!packed.diff_id.empty()) {
    std::string chain = chain_id(parent, packed.diff_id);
    hold_->parents[chain] = parent;
    if (auto known = find_layer(chain)) return *known;
  }
  Pending layer;
  layer.folder = directory_ + "/layer-" + std::to_string(hold_->next++);
  TRY(make_directories(layer.folder + "/diff", 0755));
  if (auto done = unpack_into(parent, packed, layer); !done) return fail(std::move(done).error().context(packed.label));
  layer.info.chain_id = chain_id(parent, layer.info.diff_id);
  layer.parent = parent;
  hold_->parents[layer.info.chain_id] = parent;
  if (auto known = find_layer(layer.info.chain_id)) {
    TRY(remove_tree(layer.folder));
    return *known;
  }
  TRY(write_file(layer.folder + "/meta", encode_layer_info(layer.info)));
  pending_.push_back(std::move(layer));
  return pending_.back().info;
}

Result<LayerInfo> ImageWriter::add_tree(const std::string& parent, const std::string& directory) {
  Pending layer;
  layer.folder = directory_ + "/layer-" + std::to_string(hold_->next++);
  TRY(make_directories(layer.folder, 0755));
  std::string made = layer.folder + "/blob";
  Fd blob_fd(::open(made.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!blob_fd) return fail_errno("open " + made);
  ZstdWriter zstd(blob_fd.get(), made);
  Sha256 hash;
  TRY_ASSIGN(layer.info.size, pack_layer(directory, [&](std::string_view data) {
               hash.update(data);
               return zstd.write(data);
             }));
  TRY(zstd.finish());
  layer.info.diff_id = hash.digest();
  layer.info.blob = zstd.digest();
  layer.info.blob_size = zstd.size();
  layer.info.media_type = media::kOciLayerZstd;
  layer.info.chain_id = chain_id(parent, layer.info.diff_id);
  layer.parent = parent;
  layer.blob = made;
  hold_->parents[layer.info.chain_id] = parent;
  if (auto known = find_layer(layer.info.chain_id)) {
    TRY(remove_tree(layer.folder));
    return *known;
  }
  if (::rename(directory.c_str(), (layer.folder + "/diff").c_str()) != 0) return fail_errno("rename " + directory);
  TRY(write_file(layer.folder + "/meta", encode_layer_info(layer.info)));
  pending_.push_back(std::move(layer));
  return pending_.back().info;
}

Result<LayerInfo> ImageWriter::add_copy(const std::string& parent, const std::string& directory) {
  // Packed once and unpacked from that: attributes, links and whiteouts come out as they are in every other layer.
  std::string path = directory_ + "/copy-" + std::to_string(hold_->next++);
  {
    Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd) return fail_errno("open " + path);
    ZstdWriter zstd(fd.get(), path);
    TRY(pack_layer(directory, [&](std::string_view data) { return zstd.write(data); }));
    TRY(zstd.finish());
  }
  Packed packed;
  packed.path = path;
  packed.owned = true;
  packed.label = directory;
  auto out = add_layer(parent, packed);
  TRY(remove_tree(path));
  return out;
}

Result<LayerInfo> ImageWriter::add_tar(const std::string& parent, ByteSource& tar, std::string* digest) {
  std::string path = directory_ + "/tar-" + std::to_string(hold_->next++);
  {
    Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd) return fail_errno("open " + path);
    HashingSource hashed(tar);
    std::vector<char> buffer(1 << 17);
    while (true) {
      TRY_ASSIGN(size_t count, hashed.read(buffer.data(), buffer.size()));
      if (count == 0) break;
      if (hashed.count() > store_.limits().archive_bytes)
        return fail(Code::kResourceExhausted, "the archive has more than " + std::to_string(store_.limits().archive_bytes) + " bytes");
      TRY(write_fully(fd.get(), {buffer.data(), count}, path));
    }
    if (digest) *digest = hashed.digest();
  }
  Packed packed;
  packed.path = path;
  packed.owned = true;
  packed.label = "archive";
  auto out = add_layer(parent, packed);
  TRY(remove_tree(path));
  return out;
}

Status ImageWriter::place_blob(const std::string& file, const std::string& digest) {
  if (::rename(file.c_str(), store_.blob_path(digest).c_str()) != 0) return fail_errno("rename " + file);
  return {};
}

Status ImageWriter::add_document(std::string_view data, const std::string& digest) {
  std::string path = store_.blob_path(digest);
  if (path_exists(path)) return {};
  return write_file(path, data, 0600, true);
}

Status ImageWriter::commit_layers() {
  if (pending_.empty()) return {};
  auto& state = store_.state();
  Fd folder(::open(state.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // One sync for all files of all layers, before any of them can be seen.
  if (!folder || ::syncfs(folder.get()) != 0) return fail_errno("sync " + state.directory);
  for (const auto& layer : pending_) {
    if (!layer.blob.empty()) TRY(place_blob(layer.blob, layer.info.blob));
    std::string target = state.layer_path(layer.info.chain_id);
    if (::rename(layer.folder.c_str(), target.c_str()) == 0) continue;
    if (errno != ENOTEMPTY && errno != EEXIST) return fail_errno("rename " + layer.folder);
    TRY(read_layer_info(state, layer.info.chain_id));  // somebody was faster; the blob of a layer may differ, both are kept
  }
  for (const char* name : {"layers", "blobs/sha256"}) {
    Fd changed(::open(state.path(name).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!changed || ::fsync(changed.get()) != 0) return fail_errno("sync " + state.path(name));
  }
  pending_.clear();
  return {};
}

Result<ImageRecord> ImageWriter::commit(const std::string& config, std::string manifest, const std::vector<std::string>& names,
                                        const std::vector<std::string>& repo_digests, const std::string& parent) {
  TRY_ASSIGN(auto parsed, parse_image_config(config));
  std::string id = digest_of(config);
  Manifest made;
  made.config = {std::string(media::kOciConfig), id, static_cast<int64_t>(config.size()), {}, {}};
  std::string chain;
  uint64_t size = 0;
  for (const auto& diff : parsed.diff_ids) {
    chain = chain_id(chain, diff);
    auto layer = find_layer(chain);
    if (!layer) return fail(Code::kNotFound, "layer " + diff + " is missing");
    size += layer->size;
    made.layers.push_back({layer->media_type, layer->blob, static_cast<int64_t>(layer->blob_size), {}, {}});
  }
  if (manifest.empty()) manifest = encode_manifest(made);
  std::string manifest_digest = digest_of(manifest);
  TRY(commit_layers());
  TRY(add_document(config, id));
  TRY(add_document(manifest, manifest_digest));
  auto& state = store_.state();
  TRY(state.update_index([&](StoreIndex& index) -> Status {
    auto added = std::chrono::duration_cast<std::chrono::seconds>(system_clock().wall().time_since_epoch()).count();
    auto [it, fresh] = index.images.try_emplace(id, IndexedImage{manifest_digest, size, added, {}, 0});
    // The registry's own manifest is worth more than one we made.
    if (!fresh && !repo_digests.empty()) it->second.manifest = manifest_digest;
    if (index.images.contains(parent) && parent != id) it->second.parent = parent;
    for (const auto& name : names) index.names[name] = id;
    for (const auto& name : repo_digests) index.digests[name] = id;
    return {};
  }));
  TRY_ASSIGN(auto index, state.index());
  return make_record(*index, id);
}

}  // namespace reigen::image
