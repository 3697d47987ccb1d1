// For tests: tars made entry by entry, and docker-save archives around them.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include <map>
#include <string>
#include <vector>

#include "image/digest.h"

namespace reigen::image::test {

class Tar {
 public:
  Tar& entry(const std::string& path, mode_t mode, const std::string& data = "", const std::string& link = "", bool hard = false, unsigned major = 0,
             unsigned minor = 0, const std::map<std::string, std::string>& xattrs = {}) {
    items_.push_back({path, mode, data, link, hard, major, minor, xattrs});
    return *this;
  }
  Tar& file(const std::string& path, const std::string& data, mode_t mode = 0644) { return entry(path, S_IFREG | mode, data); }
  Tar& folder(const std::string& path, mode_t mode = 0755) { return entry(path, S_IFDIR | mode); }
  Tar& symlink(const std::string& path, const std::string& target) { return entry(path, S_IFLNK | 0777, "", target); }
  Tar& hardlink(const std::string& path, const std::string& target) { return entry(path, S_IFREG | 0644, "", target, true); }

  // `filter`: "", "gzip", "zstd", "bzip2" or "xz".
  std::string bytes(const char* filter = "") const {
    struct archive* a = ::archive_write_new();
    ::archive_write_set_format_pax_restricted(a);
    ::archive_write_set_bytes_in_last_block(a, 1);
    if (*filter) ::archive_write_add_filter_by_name(a, filter);
    std::string out;
    ::archive_write_open(
        a, &out, nullptr,
        [](struct archive*, void* self, const void* data, size_t size) -> la_ssize_t {
          static_cast<std::string*>(self)->append(static_cast<const char*>(data), size);
          return static_cast<la_ssize_t>(size);
        },
        nullptr);
    for (const auto& item : items_) {
      struct archive_entry* e = ::archive_entry_new();
      ::archive_entry_set_pathname(e, item.path.c_str());
      ::archive_entry_set_mode(e, item.mode);
      ::archive_entry_set_mtime(e, 1000, 0);
      if (item.hard) ::archive_entry_set_hardlink(e, item.link.c_str());
      else if (!item.link.empty()) ::archive_entry_set_symlink(e, item.link.c_str());
      ::archive_entry_set_size(e, static_cast<la_int64_t>(item.data.size()));
      ::archive_entry_set_rdevmajor(e, item.major);
      ::archive_entry_set_rdevminor(e, item.minor);
      for (const auto& [name, value] : item.xattrs) ::archive_entry_xattr_add_entry(e, name.c_str(), value.data(), value.size());
      ::archive_write_header(a, e);
      if (!item.data.empty()) ::archive_write_data(a, item.data.data(), item.data.size());
      ::archive_entry_free(e);
    }
    ::archive_write_close(a);
    ::archive_write_free(a);
    return out;
  }

 private:
  struct Item {
    std::string path;
    mode_t mode;
    std::string data, link;
    bool hard;
    unsigned major, minor;
    std::map<std::string, std::string> xattrs;
  };
  std::vector<Item> items_;
};

inline std::string config_json(const std::vector<std::string>& layers, const std::string& extra = "\"Cmd\":[\"/hello\"]") {
  std::string out = "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{" + extra + "},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[";
  for (size_t i = 0; i < layers.size(); ++i) out += (i ? ",\"" : "\"") + digest_of(layers[i]) + "\"";
  return out + "]}}";
}

// A `docker save` archive of one image.
inline std::string docker_archive(const std::vector<std::string>& layers, const std::string& name, const char* filter = "") {
  Tar tar;
  std::string config = config_json(layers), list;
  for (size_t i = 0; i < layers.size(); ++i) {
    std::string file = hex_of(digest_of(layers[i])) + "/layer.tar";
    list += (i ? ",\"" : "\"") + file + "\"";
    tar.file(file, layers[i]);
  }
  std::string config_name = hex_of(digest_of(config)) + ".json";
  tar.file(config_name, config);
  tar.file("manifest.json", "[{\"Config\":\"" + config_name + "\",\"RepoTags\":[\"" + name + "\"],\"Layers\":[" + list + "]}]");
  return tar.bytes(filter);
}

}  // namespace reigen::image::test
