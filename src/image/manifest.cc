#include "image/manifest.h"

#include "image/json_reader.h"
#include "image/json_writer.h"
#include "image/reference.h"

namespace reigen::image {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;

Result<Descriptor> read_descriptor(element value, std::string_view what) {
  if (!value.is_object()) return fail(Code::kInvalidArgument, std::string(what) + " is no object");
  Descriptor out;
  TRY(read_string(value, "mediaType", out.media_type));
  TRY(read_string(value, "digest", out.digest));
  TRY(read_integer(value, "size", out.size));
  if (!is_digest(out.digest)) return fail(Code::kInvalidArgument, std::string(what) + " has no sha256 digest");
  if (out.size < 0) return fail(Code::kInvalidArgument, std::string(what) + " has a negative size");
  out.platform = {"", "", ""};
  element inner;
  if (!value["platform"].get(inner) && inner.is_object()) {
    TRY(read_string(inner, "os", out.platform.os));
    TRY(read_string(inner, "architecture", out.platform.architecture));
    TRY(read_string(inner, "variant", out.platform.variant));
  }
  simdjson::dom::object annotations;
  if (!value["annotations"].get(inner) && !inner.get(annotations)) {
    for (auto field : annotations) {
      std::string_view text;
      if (out.annotations.size() < kMaxItems && !field.value.get(text)) out.annotations[std::string(field.key)] = text;
    }
  }
  return out;
}

Result<std::vector<Descriptor>> read_descriptors(element root, const char* key, size_t limit) {
  array list;
  if (root[key].get(list)) return fail(Code::kInvalidArgument, std::string("field ") + key + " is no list");
  std::vector<Descriptor> out;
  for (auto item : list) {
    if (out.size() >= limit) return fail(Code::kInvalidArgument, std::string("field ") + key + " has more than " + std::to_string(limit) + " entries");
    TRY_ASSIGN(auto descriptor, read_descriptor(item, std::string("an entry of ") + key));
    out.push_back(std::move(descriptor));
  }
  return out;
}

void write_descriptor(JsonWriter& json, const Descriptor& descriptor) {
  json.begin_object().key("mediaType").value(descriptor.media_type).key("digest").value(descriptor.digest);
  json.key("size").value(descriptor.size).end_object();
}

}  // namespace

Result<bool> is_index(std::string_view text) {
  simdjson::dom::parser parser;
  TRY_ASSIGN(element root, parse_document(parser, text, "image manifest"));
  std::string type;
  TRY(read_string(root, "mediaType", type));
  if (type == media::kOciIndex || type == media::kDockerIndex) return true;
  if (!type.empty()) return false;
  element value;
  return !root["manifests"].get(value);
}

Result<Manifest> parse_manifest(std::string_view text) {
  simdjson::dom::parser parser;
  TRY_ASSIGN(element root, parse_document(parser, text, "image manifest"));
  auto read = [&]() -> Result<Manifest> {
    int64_t version = 2;
    TRY(read_integer(root, "schemaVersion", version));
    if (version != 2) return fail(Code::kUnimplemented, "schema " + std::to_string(version) + " is not supported; push the image again with a newer client");
    Manifest out;
    element config;
    if (root["config"].get(config)) return fail(Code::kInvalidArgument, "has no config");
    TRY_ASSIGN(out.config, read_descriptor(config, "config"));
    TRY_ASSIGN(out.layers, read_descriptors(root, "layers", 127));
    return out;
  };
  auto out = read();
  if (!out) return fail(std::move(out).error().context("image manifest"));
  return out;
}

Result<ManifestIndex> parse_index(std::string_view text) {
  simdjson::dom::parser parser;
  TRY_ASSIGN(element root, parse_document(parser, text, "image index"));
  auto list = read_descriptors(root, "manifests", kMaxItems);
  if (!list) return fail(std::move(list).error().context("image index"));
  return ManifestIndex{std::move(*list)};
}

Result<std::vector<ArchivedImage>> parse_archive_manifest(std::string_view text) {
  simdjson::dom::parser parser;
  TRY_ASSIGN(element root, parse_document(parser, text, "manifest.json", true));
  std::vector<ArchivedImage> out;
  array list = root.get_array().value_unsafe();  // a loop over the temporary would outlive it
  for (element item : list) {
    if (!item.is_object()) return fail(Code::kInvalidArgument, "manifest.json: an entry is no object");
    if (out.size() >= kMaxItems) return fail(Code::kInvalidArgument, "manifest.json: more than 4096 images");
    ArchivedImage image;
    auto read = [&]() -> Status {
      TRY(read_string(item, "Config", image.config));
      TRY(read_strings(item, "Layers", image.layers));
      TRY(read_strings(item, "RepoTags", image.names));
      TRY(read_string(item, "Parent", image.parent));
      if (!is_digest(image.parent)) image.parent.clear();
      if (image.config.empty()) return fail(Code::kInvalidArgument, "an entry has no Config");
      if (image.layers.size() > 127) return fail(Code::kInvalidArgument, "more than 127 layers");
      return {};
    };
    if (auto done = read(); !done) return fail(std::move(done).error().context("manifest.json"));
    out.push_back(std::move(image));
  }
  return out;
}

std::string encode_manifest(const Manifest& manifest) {
  JsonWriter json;
  json.begin_object().key("schemaVersion").value(int64_t{2}).key("mediaType").value(media::kOciManifest);
  json.key("config");
  write_descriptor(json, manifest.config);
  json.key("layers").begin_array();
  for (const auto& layer : manifest.layers) write_descriptor(json, layer);
  return json.end_array().end_object().take();
}

Result<Descriptor> choose_platform(const ManifestIndex& index, const Platform& platform) {
  const Descriptor* found = nullptr;
  std::string there;
  for (const auto& entry : index.manifests) {
    const auto& p = entry.platform;
    if (p.os == "unknown") continue;  // attestations
    // An index of one image in a layout often names no platform.
    bool fits = (p.os.empty() && p.architecture.empty()) || (p.os == platform.os && p.architecture == platform.architecture);
    if (fits && (!found || (!platform.variant.empty() && p.variant == platform.variant && found->platform.variant != platform.variant))) found = &entry;
    if (there.size() < 300) there += (there.empty() ? "" : ", ") + p.str();
  }
  if (!found) return fail(Code::kNotFound, "no matching manifest for " + platform.str() + " in the manifest list entries (there are: " + there + ")");
  return *found;
}

}  // namespace reigen::image
