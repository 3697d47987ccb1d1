#include "image/exporter.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "base/check.h"
#include "base/fd.h"
#include "image/byte_source.h"
#include "image/digest.h"
#include "image/json_writer.h"
#include "image/manifest.h"

namespace reigen::image {
namespace {

struct ExportedImage {
  std::string id;
  std::string config;
  std::vector<LayerInfo> layers;
  std::vector<uint64_t> tar_sizes;
  std::vector<Reference> names;
  std::string parent;
};

class Exporter {
 public:
  Exporter(const ImageStore& store, const std::function<Status(std::string_view)>& sink)
      : store_(store), sink_(sink), archive_(::archive_write_new(), ::archive_write_free) {
    CHECK(archive_ != nullptr);
  }
  Status run(const std::vector<std::string>& names);

 private:
  static la_ssize_t write_bytes(struct archive* archive, void* self, const void* data, size_t size);
  Status choose(const std::vector<std::string>& names);
  Result<ExportedImage*> add(const ImageRecord& record);
  static void add_name(ExportedImage& image, const Reference& name);
  Status header(const std::string& name, uint64_t size);
  Status file(const std::string& name, std::string_view data);
  Status layer(const LayerInfo& info, uint64_t size);
  Result<uint64_t> tar_size(const LayerInfo& info);
  Status each_chunk(const LayerInfo& info, const std::function<Status(std::string_view)>& sink);
  std::string docker_manifest() const;
  std::string repositories() const;
  Fail failed() { return error_ ? fail(*error_) : fail(Code::kInternal, std::string("write archive: ") + ::archive_error_string(archive_.get())); }

  const ImageStore& store_;
  const std::function<Status(std::string_view)>& sink_;
  std::unique_ptr<struct archive, int (*)(struct archive*)> archive_;
  std::optional<Error> error_;
  std::vector<ExportedImage> images_;
  std::map<std::string, uint64_t> tar_sizes_;
  std::set<std::string> written_;
};

std::string blob_name(const std::string& digest) { return "blobs/sha256/" + hex_of(digest); }

la_ssize_t Exporter::write_bytes(struct archive* archive, void* self, const void* data, size_t size) {
  auto& exporter = *static_cast<Exporter*>(self);
  auto done = exporter.sink_({static_cast<const char*>(data), size});
  if (done) return static_cast<la_ssize_t>(size);
  exporter.error_ = done.error();
  ::archive_set_error(archive, EIO, "%s", "sink");
  return -1;
}

Status Exporter::each_chunk(const LayerInfo& info, const std::function<Status(std::string_view)>& sink) {
  std::string path = store_.blob_path(info.blob);
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("open " + path);
  FdSource packed(fd.get(), path);
  TRY_ASSIGN(auto source, UnpackingSource::open(packed));
  std::vector<char> buffer(1 << 17);
  while (true) {
    TRY_ASSIGN(size_t count, source->read(buffer.data(), buffer.size()));
    if (count == 0) return {};
    TRY(sink({buffer.data(), count}));
  }
}

// A tar's header names the size first, so a layer is unpacked twice.
Result<uint64_t> Exporter::tar_size(const LayerInfo& info) {
  auto [it, fresh] = tar_sizes_.try_emplace(info.diff_id, 0);
  if (!fresh) return it->second;
  TRY(each_chunk(info, [&](std::string_view data) -> Status {
    it->second += data.size();
    return {};
  }));
  return it->second;
}

Result<ExportedImage*> Exporter::add(const ImageRecord& record) {
  for (auto& known : images_)
    if (known.id == record.id) return &known;
  ExportedImage made;
  made.id = record.id;
  made.parent = record.parent;
  TRY_ASSIGN(made.config, store_.blob(record.id));
  TRY_ASSIGN(made.layers, store_.layers(record.id));
  for (const auto& info : made.layers) {
    TRY_ASSIGN(uint64_t size, tar_size(info));
    made.tar_sizes.push_back(size);
  }
  return &images_.emplace_back(std::move(made));
}

void Exporter::add_name(ExportedImage& image, const Reference& name) {
  if (std::ranges::find(image.names, name) == image.names.end()) image.names.push_back(name);
}

// Whether a user wrote neither tag nor digest.
bool is_repository(const std::string& name) {
  return name.find('@') == std::string::npos && name.find(':', name.rfind('/') == std::string::npos ? 0 : name.rfind('/')) == std::string::npos;
}

Status Exporter::choose(const std::vector<std::string>& names) {
  for (const auto& name : names) {
    auto reference = parse_reference(name);
    bool found = false;
    if (reference && is_repository(name)) {
      TRY_ASSIGN(auto all, store_.list());
      for (const auto& record : all) {
        for (const auto& tag : record.names) {
          if (tag.substr(0, tag.rfind(':')) != reference->name()) continue;
          TRY_ASSIGN(auto* image, add(record));
          TRY_ASSIGN(auto whole, parse_reference(tag));
          add_name(*image, whole);
          found = true;
        }
      }
    }
    if (found) continue;
    TRY_ASSIGN(auto record, store_.find(name));
    TRY_ASSIGN(auto* image, add(record));
    if (!reference || !reference->digest.empty()) continue;
    for (const auto& tag : record.names)
      if (tag == reference->store_name()) add_name(*image, *reference);
  }
  return {};
}

Status Exporter::header(const std::string& name, uint64_t size) {
  std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(::archive_entry_new(), ::archive_entry_free);
  ::archive_entry_set_pathname(entry.get(), name.c_str());
  ::archive_entry_set_filetype(entry.get(), AE_IFREG);
  ::archive_entry_set_perm(entry.get(), 0644);
  ::archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
  ::archive_entry_set_mtime(entry.get(), 0, 0);
  return ::archive_write_header(archive_.get(), entry.get()) == ARCHIVE_OK ? Status() : Status(failed());
}

Status Exporter::file(const std::string& name, std::string_view data) {
  if (!written_.insert(name).second) return {};
  TRY(header(name, data.size()));
  if (::archive_write_data(archive_.get(), data.data(), data.size()) < 0) return failed();
  return {};
}

Status Exporter::layer(const LayerInfo& info, uint64_t size) {
  if (!written_.insert(blob_name(info.diff_id)).second) return {};
  TRY(header(blob_name(info.diff_id), size));
  return each_chunk(
      info, [&](std::string_view data) -> Status { return ::archive_write_data(archive_.get(), data.data(), data.size()) < 0 ? Status(failed()) : Status(); });
}

std::string Exporter::docker_manifest() const {
  JsonWriter json;
  json.begin_array();
  for (const auto& image : images_) {
    std::vector<std::string> names, layers;
    for (const auto& name : image.names) names.push_back(name.familiar());
    for (const auto& info : image.layers) layers.push_back(blob_name(info.diff_id));
    json.begin_object().key("Config").value(blob_name(image.id)).key("RepoTags");
    if (names.empty()) json.null();
    else json.value(names);
    json.key("Layers").value(layers);
    if (std::ranges::any_of(images_, [&](const auto& other) { return other.id == image.parent; })) json.key("Parent").value(image.parent);
    json.end_object();
  }
  return json.end_array().take() + "\n";
}

// Of the archives before manifest.json: tags by repository, each with its topmost layer.
std::string Exporter::repositories() const {
  std::map<std::string, std::map<std::string, std::string>> all;
  for (const auto& image : images_)
    for (const auto& name : image.names) all[name.familiar_name()][name.tag] = hex_of(image.layers.empty() ? image.id : image.layers.back().diff_id);
  if (all.empty()) return "";
  JsonWriter json;
  json.begin_object();
  for (const auto& [name, tags] : all) {
    json.key(name).begin_object();
    for (const auto& [tag, layer] : tags) json.key(tag).value(layer);
    json.end_object();
  }
  return json.end_object().take() + "\n";
}

Status Exporter::run(const std::vector<std::string>& names) {
  TRY(choose(names));
  ::archive_write_set_format_pax_restricted(archive_.get());
  ::archive_write_set_bytes_in_last_block(archive_.get(), 512);
  if (::archive_write_open(archive_.get(), this, nullptr, write_bytes, nullptr) != ARCHIVE_OK) return failed();
  JsonWriter index;
  index.begin_object().key("schemaVersion").value(int64_t{2}).key("mediaType").value(media::kOciIndex).key("manifests").begin_array();
  for (const auto& image : images_) {
    Manifest manifest;
    manifest.config = {std::string(media::kOciConfig), image.id, static_cast<int64_t>(image.config.size()), {}, {}};
    for (size_t i = 0; i < image.layers.size(); ++i) {
      TRY(layer(image.layers[i], image.tar_sizes[i]));
      manifest.layers.push_back({std::string(media::kOciLayer), image.layers[i].diff_id, static_cast<int64_t>(image.tar_sizes[i]), {}, {}});
    }
    TRY(file(blob_name(image.id), image.config));
    std::string text = encode_manifest(manifest);
    TRY(file(blob_name(digest_of(text)), text));
    // One entry a name, as Docker does it.
    size_t count = std::max<size_t>(image.names.size(), 1);
    for (size_t i = 0; i < count; ++i) {
      index.begin_object().key("mediaType").value(media::kOciManifest).key("digest").value(digest_of(text));
      index.key("size").value(static_cast<int64_t>(text.size()));
      if (i < image.names.size())
        index.key("annotations")
            .begin_object()
            .key("io.containerd.image.name")
            .value(image.names[i].store_name())
            .key("org.opencontainers.image.ref.name")
            .value(image.names[i].tag)
            .end_object();
      index.end_object();
    }
  }
  TRY(file("index.json", index.end_array().end_object().take()));
  TRY(file("manifest.json", docker_manifest()));
  TRY(file("oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}"));
  if (auto text = repositories(); !text.empty()) TRY(file("repositories", text));
  return ::archive_write_close(archive_.get()) == ARCHIVE_OK ? Status() : Status(failed());
}

}  // namespace

Status export_images(const ImageStore& store, const std::vector<std::string>& names, const std::function<Status(std::string_view)>& sink) {
  return Exporter(store, sink).run(names);
}

Status export_images(const ImageStore& store, const std::vector<std::string>& names, int fd, const std::string& label) {
  return export_images(store, names, [&](std::string_view data) { return write_fully(fd, data, label); });
}

}  // namespace reigen::image
