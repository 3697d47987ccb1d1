#include "image/importer.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <map>
#include <memory>

#include "base/files.h"
#include "image/archive_files.h"
#include "image/digest.h"
#include "image/image_writer.h"
#include "image/manifest.h"

namespace reigen::image {
namespace {

struct PlannedImage {
  std::string config;    // bytes
  std::string manifest;  // bytes, or empty
  std::vector<std::string> names;
  std::string parent = {};
};

class Importer {
 public:
  Importer(ImageWriter& writer, ArchiveFiles& files, const ImportOptions& options, const LoadProgressSink* progress = nullptr)
      : writer_(writer), files_(files), options_(options), progress_(progress) {}
  Result<std::vector<LoadedImage>> run();

 private:
  Status plan_docker();
  Status plan_oci();
  Status add_docker_image(const ArchivedImage& image);
  Status add_oci_image(const Descriptor& descriptor, std::vector<std::string> names, int depth);
  Result<std::string> document(const std::string& digest);
  Status add_layers(const ImageConfig& config, const std::vector<ImageWriter::Packed>& layers);
  Status check_platform(const ImageConfig& config) const;
  Result<std::string> normal(const std::string& name) const;

  ImageWriter& writer_;
  ArchiveFiles& files_;
  const ImportOptions& options_;
  const LoadProgressSink* progress_;
  std::vector<PlannedImage> images_;
};

std::string blob_name(const std::string& digest) { return "blobs/sha256/" + hex_of(digest); }

Result<std::vector<LoadedImage>> Importer::run() {
  if (files_.has("manifest.json")) {
    TRY(plan_docker());
  } else if (files_.has("index.json")) {
    TRY(plan_oci());
  } else {
    return fail(Code::kInvalidArgument, "neither an OCI layout nor an archive of docker save: it has no manifest.json and no index.json");
  }
  if (images_.empty()) return fail(Code::kInvalidArgument, "holds no image");
  if (!options_.names.empty()) {
    if (images_.size() > 1) return fail(Code::kInvalidArgument, "holds " + std::to_string(images_.size()) + " images, so they cannot all be given one name");
    images_[0].names.clear();
    for (const auto& name : options_.names) {
      TRY_ASSIGN(auto whole, normal(name));
      images_[0].names.push_back(std::move(whole));
    }
  }
  std::vector<LoadedImage> out;
  for (auto& image : images_) {
    TRY_ASSIGN(auto record, writer_.commit(image.config, std::move(image.manifest), image.names));
    out.push_back({std::move(record), std::move(image.names)});
  }
  for (size_t i = 0; i < out.size(); ++i) {
    if (images_[i].parent.empty()) continue;
    TRY(writer_.store().set_parent(out[i].image.id, images_[i].parent));
    TRY_ASSIGN(out[i].image, writer_.store().find(out[i].image.id));
  }
  return out;
}

Result<std::string> Importer::normal(const std::string& name) const {
  auto reference = parse_reference(name);
  if (!reference) return fail(std::move(reference).error().context("image name \"" + name.substr(0, 200) + "\""));
  if (!reference->digest.empty()) return fail(Code::kInvalidArgument, "image name \"" + name + "\" has a digest");
  return reference->store_name();
}

Status Importer::check_platform(const ImageConfig& config) const {
  if (config.os.empty() || config.os == "linux") return {};
  return fail(Code::kInvalidArgument, "image is for " + config.os + ", not linux");
}

Status Importer::add_layers(const ImageConfig& config, const std::vector<ImageWriter::Packed>& layers) {
  if (config.diff_ids.size() != layers.size())
    return fail(Code::kInvalidArgument,
                "the configuration lists " + std::to_string(config.diff_ids.size()) + " layers, the manifest " + std::to_string(layers.size()));
  std::string chain;
  for (size_t i = 0; i < layers.size(); ++i) {
    auto packed = layers[i];
    packed.diff_id = config.diff_ids[i];
    std::string next = chain_id(chain, packed.diff_id);
    if (writer_.find_layer(next)) {
      writer_.declare_chain({config.diff_ids.begin(), config.diff_ids.begin() + static_cast<long>(i) + 1});
    } else {
      TRY_ASSIGN(auto file, files_.take(packed.label));
      packed.path = file.path;
      packed.owned = file.owned;
      auto tell = [&](uint64_t current, uint64_t total) {
        if (progress_ && *progress_) (*progress_)({packed.diff_id, "Loading layer", current, total});
      };
      packed.progress = tell;
      TRY(writer_.add_layer(chain, packed));
    }
    chain = std::move(next);
  }
  return {};
}

Status Importer::plan_docker() {
  TRY_ASSIGN(auto text, files_.read("manifest.json"));
  TRY_ASSIGN(auto archived, parse_archive_manifest(text));
  for (const auto& image : archived) TRY(add_docker_image(image));
  return {};
}

Status Importer::add_docker_image(const ArchivedImage& image) {
  PlannedImage planned;
  TRY_ASSIGN(planned.config, files_.read(image.config));
  // The file is named after its digest: <hex>.json or blobs/sha256/<hex>.
  std::string base = image.config.substr(image.config.rfind('/') + 1);
  if (base.ends_with(".json")) base.resize(base.size() - 5);
  std::string digest = digest_of(planned.config);
  if (is_digest("sha256:" + base) && digest != "sha256:" + base) return fail(Code::kDataLoss, image.config + ": has digest " + digest);
  auto config = parse_image_config(planned.config);
  if (!config) return fail(std::move(config).error().context(image.config));
  TRY(check_platform(*config));
  std::vector<ImageWriter::Packed> layers;
  for (const auto& layer : image.layers) {
    ImageWriter::Packed packed;
    packed.label = layer;
    layers.push_back(std::move(packed));
  }
  if (auto done = add_layers(*config, layers); !done) return done;
  for (const auto& name : image.names) {
    TRY_ASSIGN(auto whole, normal(name));
    planned.names.push_back(std::move(whole));
  }
  planned.parent = image.parent;
  images_.push_back(std::move(planned));
  return {};
}

std::string annotated_name(const Descriptor& descriptor) {
  for (const char* key : {"io.containerd.image.name", "org.opencontainers.image.ref.name"}) {
    auto it = descriptor.annotations.find(key);
    // A bare tag ("latest") names no image.
    if (it != descriptor.annotations.end() && it->second.find_first_of("/:") != std::string::npos) return it->second;
  }
  return "";
}

Status Importer::plan_oci() {
  TRY_ASSIGN(auto text, files_.read("index.json"));
  TRY_ASSIGN(auto index, parse_index(text));
  // Entries of one name are one image for several platforms.
  std::vector<std::pair<std::string, ManifestIndex>> groups;
  for (auto& entry : index.manifests) {
    std::string name = annotated_name(entry);
    ManifestIndex* group = nullptr;
    for (auto& [key, members] : groups)
      if (key == name) group = &members;
    if (!group) group = &groups.emplace_back(name, ManifestIndex{}).second;
    group->manifests.push_back(std::move(entry));
  }
  for (auto& [name, group] : groups) {
    TRY_ASSIGN(auto chosen, choose_platform(group, options_.platform));
    std::vector<std::string> names;
    if (!name.empty()) {
      TRY_ASSIGN(auto whole, normal(name));
      names.push_back(std::move(whole));
    }
    TRY(add_oci_image(chosen, std::move(names), 0));
  }
  return {};
}

Result<std::string> Importer::document(const std::string& digest) {
  std::string name = blob_name(digest);
  TRY_ASSIGN(auto text, files_.read(name));
  std::string actual = digest_of(text);
  if (actual != digest) return fail(Code::kDataLoss, name + ": has digest " + actual);
  return text;
}

Status Importer::add_oci_image(const Descriptor& descriptor, std::vector<std::string> names, int depth) {
  TRY_ASSIGN(auto text, document(descriptor.digest));
  TRY_ASSIGN(bool nested, is_index(text));
  if (nested) {
    if (depth > 2) return fail(Code::kInvalidArgument, "indexes are nested too deep");
    TRY_ASSIGN(auto index, parse_index(text));
    TRY_ASSIGN(auto chosen, choose_platform(index, options_.platform));
    return add_oci_image(chosen, std::move(names), depth + 1);
  }
  TRY_ASSIGN(auto manifest, parse_manifest(text));
  PlannedImage planned;
  TRY_ASSIGN(planned.config, document(manifest.config.digest));
  auto config = parse_image_config(planned.config);
  if (!config) return fail(std::move(config).error().context(blob_name(manifest.config.digest)));
  TRY(check_platform(*config));
  std::vector<ImageWriter::Packed> layers;
  for (const auto& layer : manifest.layers) {
    ImageWriter::Packed packed;
    packed.label = blob_name(layer.digest);
    packed.digest = layer.digest;
    packed.media_type = layer.media_type;
    layers.push_back(std::move(packed));
  }
  TRY(add_layers(*config, layers));
  planned.manifest = std::move(text);
  planned.names = std::move(names);
  images_.push_back(std::move(planned));
  return {};
}

Result<std::vector<ImageRecord>> import_from(ImageStore& store, int fd, const std::string& label, const ImportOptions& options, bool directory) {
  auto work = [&]() -> Result<std::vector<LoadedImage>> {
    TRY_ASSIGN(auto writer, ImageWriter::begin(store));
    ArchiveFiles files(writer->directory());
    if (directory) {
      TRY(files.open_folder(fd));
    } else {
      FdSource file(fd, label);
      TRY(files.spool(file, store.limits()));
    }
    return Importer(*writer, files, options).run();
  };
  auto loaded = work();
  if (!loaded) return fail(std::move(loaded).error().context(label));
  std::vector<ImageRecord> out;
  for (auto& image : *loaded) out.push_back(std::move(image.image));
  return out;
}

}  // namespace

Result<std::vector<ImageRecord>> import_images(ImageStore& store, const std::string& path, const ImportOptions& options) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("open " + path);
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return fail_errno("stat " + path);
  return import_from(store, fd.get(), path, options, S_ISDIR(info.st_mode));
}

Result<std::vector<ImageRecord>> import_images(ImageStore& store, int fd, const std::string& label, const ImportOptions& options) {
  return import_from(store, fd, label, options, false);
}

Result<std::vector<LoadedImage>> load_images(ImageStore& store, ByteSource& archive, const ImportOptions& options, const LoadProgressSink& progress) {
  TRY_ASSIGN(auto writer, ImageWriter::begin(store));
  ArchiveFiles files(writer->directory());
  TRY(files.spool(archive, store.limits()));
  return Importer(*writer, files, options, &progress).run();
}

}  // namespace reigen::image
