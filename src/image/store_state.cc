#include "image/store_state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/files.h"
#include "image/digest.h"

namespace reigen::image {
namespace {

constexpr size_t kMinPrefix = 4;

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

Result<StoreLock> StoreLock::take(const std::string& path, Mode mode) {
  StoreLock out;
  out.fd_ = Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!out.fd_) return fail_errno("open " + path);
  int operation = mode == Mode::kShared ? LOCK_SH : mode == Mode::kExclusive ? LOCK_EX : LOCK_EX | LOCK_NB;
  while (::flock(out.fd_.get(), operation) != 0)
    if (errno != EINTR) return fail_errno("lock " + path);
  return out;
}

std::string layer_folder(const std::string& chain) { return hex_of(chain).substr(0, 16); }

std::string ImageStore::State::layer_path(const std::string& chain) const { return path("layers/" + layer_folder(chain)); }

Result<std::shared_ptr<const StoreIndex>> ImageStore::State::index() const {
  std::string file = path("index");
  struct stat info{};
  std::lock_guard guard(mutex);
  if (::stat(file.c_str(), &info) != 0) {
    if (errno == ENOENT) return std::make_shared<const StoreIndex>();
    return fail_errno("stat " + file);
  }
  std::string stamp =
      std::to_string(info.st_ino) + ":" + std::to_string(info.st_mtim.tv_sec) + "." + std::to_string(info.st_mtim.tv_nsec) + ":" + std::to_string(info.st_size);
  if (cached && stamp == cached_stamp) return cached;
  TRY_ASSIGN(std::string text, read_file(file));
  auto parsed = StoreIndex::parse(text);
  if (!parsed) return fail(std::move(parsed).error().context(file));
  cached = std::make_shared<const StoreIndex>(std::move(*parsed));
  cached_stamp = stamp;
  ++generation;
  return cached;
}

Status ImageStore::State::update_index(const std::function<Status(StoreIndex&)>& change) {
  TRY_ASSIGN(auto lock, StoreLock::take(path("lock"), StoreLock::Mode::kExclusive));
  TRY_ASSIGN(auto old, index());
  StoreIndex next = *old;
  TRY(change(next));
  std::string text = next.encode();
  if (text == old->encode() && path_exists(path("index"))) return {};
  return write_file(path("index"), text, 0600, true);
}

std::string encode_layer_info(const LayerInfo& info) {
  return info.chain_id + " " + info.diff_id + " " + info.blob + " " + info.media_type + " " + std::to_string(info.blob_size) + " " + std::to_string(info.size) +
         "\n";
}

Result<LayerInfo> read_layer_info(const ImageStore::State& state, const std::string& chain) {
  std::string file = state.layer_path(chain) + "/meta";
  TRY_ASSIGN(std::string text, read_file(file, 4096));
  std::string words[6];
  size_t count = 0, start = 0;
  while (count < 6) {
    size_t end = text.find_first_of(" \n", start);
    if (end == std::string::npos) break;
    words[count++] = text.substr(start, end - start);
    start = end + 1;
  }
  LayerInfo out{words[0], words[1], words[2], words[3], 0, 0};
  auto number = [](const std::string& digits, uint64_t& value) {
    return std::from_chars(digits.data(), digits.data() + digits.size(), value).ec == std::errc();
  };
  if (count != 6 || !number(words[4], out.blob_size) || !number(words[5], out.size)) return fail(Code::kDataLoss, file + " is corrupt");
  if (out.chain_id != chain) return fail(Code::kConflict, file + " belongs to another layer");
  return out;
}

Fail no_such_image(std::string_view name) { return fail(Code::kNotFound, "No such image: " + std::string(name.substr(0, 300))); }

Result<std::string> resolve_image(const StoreIndex& index, std::string_view name) {
  std::string_view hex = name.starts_with("sha256:") ? name.substr(7) : name;
  if (hex.size() == 64 && is_hex(hex)) {
    std::string id = "sha256:" + std::string(hex);
    if (index.images.contains(id)) return id;
    return no_such_image(name);
  }
  if (auto reference = parse_reference(name)) {
    std::string key = reference->store_name();
    if (auto it = index.names.find(key); it != index.names.end()) return it->second;
    if (auto it = index.digests.find(key); it != index.digests.end()) return it->second;
  } else if (hex.size() == name.size()) {
    return fail(std::move(reference).error());
  }
  if (hex.size() < kMinPrefix || !is_hex(hex)) return no_such_image(name);
  std::string prefix = "sha256:" + std::string(hex);
  auto first = index.images.lower_bound(prefix);
  if (first == index.images.end() || !first->first.starts_with(prefix)) return no_such_image(name);
  if (auto second = std::next(first); second != index.images.end() && second->first.starts_with(prefix))
    return fail(Code::kConflict, "more than one image id begins with " + std::string(hex));
  return first->first;
}

bool is_id_of(std::string_view name, const std::string& id) {
  std::string_view hex = name.starts_with("sha256:") ? name.substr(7) : name;
  return hex.size() >= kMinPrefix && is_hex(hex) && std::string_view(id).substr(7).starts_with(hex);
}

ImageRecord make_record(const StoreIndex& index, const std::string& id) {
  ImageRecord out;
  out.id = id;
  if (auto it = index.images.find(id); it != index.images.end()) {
    out.manifest_digest = it->second.manifest;
    out.size = it->second.size;
    out.added_s = it->second.added_s;
    out.parent = it->second.parent;
    out.tagged_s = it->second.tagged_s;
  }
  for (const auto& [name, target] : index.names)
    if (target == id) out.names.push_back(name);
  for (const auto& [name, target] : index.digests)
    if (target == id) out.repo_digests.push_back(name);
  return out;
}

}  // namespace reigen::image
