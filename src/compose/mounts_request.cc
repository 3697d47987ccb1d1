#include "compose/mounts_request.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/files.h"
#include "compose/labels.h"
#include "compose/source_file.h"

namespace reigen::compose {
namespace {

using api::Value;

bool flag_of(const Value* value, bool fallback) { return value ? value->bool_or(fallback) : fallback; }

std::string bind_text(std::string_view source, const Value& volume) {
  std::string out = fmt::format("{}:{}:{}", source, volume.text_at({"target"}), flag_of(volume.find("read_only"), false) ? "ro" : "rw");
  if (auto label = volume.text_at({"bind", "selinux"}); !label.empty()) (out += ",") += label;
  if (auto propagation = volume.text_at({"bind", "propagation"}); !propagation.empty()) (out += ",") += propagation;
  if (flag_of(volume.at({"volume", "nocopy"}), false)) out += ",nocopy";
  return out;
}

Value mount_of(const Value& volume, std::string_view source) {
  auto type = volume.text_at({"type"});
  Value mount = Value::object({{"Type", type}, {"Target", volume.text_at({"target"})}});
  if (!source.empty()) mount.set("Source", source);
  if (flag_of(volume.find("read_only"), false)) mount.set("ReadOnly", true);
  if (auto consistency = volume.text_at({"consistency"}); !consistency.empty()) mount.set("Consistency", consistency);
  if (type == "bind") {
    if (auto propagation = volume.text_at({"bind", "propagation"}); !propagation.empty()) mount["BindOptions"].set("Propagation", propagation);
    auto recursive = volume.text_at({"bind", "recursive"});
    if (recursive == "disabled") mount["BindOptions"].set("NonRecursive", true);
    if (recursive == "writable") mount["BindOptions"].set("ReadOnlyNonRecursive", true);
    if (recursive == "readonly") mount["BindOptions"].set("ReadOnlyForceRecursive", true);
    if (flag_of(volume.at({"bind", "create_host_path"}), false)) mount["BindOptions"].set("CreateMountpoint", true);
  } else if (type == "volume") {
    if (flag_of(volume.at({"volume", "nocopy"}), false)) mount["VolumeOptions"].set("NoCopy", true);
    if (auto subpath = volume.text_at({"volume", "subpath"}); !subpath.empty()) mount["VolumeOptions"].set("Subpath", subpath);
    if (const Value* labels = volume.at({"volume", "labels"}); labels && labels->is_object()) mount["VolumeOptions"].set("Labels", *labels);
  } else if (type == "tmpfs") {
    if (const Value* size = volume.at({"tmpfs", "size"})) {
      int64_t bytes = 0;
      auto text = size->text();
      std::from_chars(text.data(), text.data() + text.size(), bytes);
      mount["TmpfsOptions"].set("SizeBytes", bytes);
    }
    if (const Value* mode = volume.at({"tmpfs", "mode"})) mount["TmpfsOptions"].set("Mode", *mode);
  } else if (type == "image") {
    if (auto subpath = volume.text_at({"image", "subpath"}); !subpath.empty()) mount["ImageOptions"].set("Subpath", subpath);
  }
  return mount;
}

std::string object_target(const Value& use, std::string_view folder) {
  std::string target(use.text_at({"target"}));
  if (target.empty()) target = use.text_at({"source"});
  return target.starts_with('/') ? target : std::string(folder) + target;
}

struct Objects {
  const char* key;
  const std::map<std::string, Resource>* known;
  const char* folder;
};

// Those that are files: bound read-only. A mount of the service at the same place wins.
Status add_file_objects(const Service& service, const Objects& objects, std::set<std::string>& taken, Value& host) {
  const Value* uses = service.spec.find(objects.key);
  if (!uses) return {};
  for (const auto& use : uses->items()) {
    const Resource& object = objects.known->at(std::string(use.text_at({"source"})));
    if (object.external) return fail(Code::kUnimplemented, fmt::format("unsupported external {} {}", std::string_view(objects.key).substr(0, 6), object.name));
    auto file = object.spec.text_at({"file"});
    std::string target = object_target(use, objects.folder);
    if (file.empty() || !taken.insert(target).second) continue;
    if (!path_exists(std::string(file))) return fail(Code::kNotFound, fmt::format("{}.{}: file {} does not exist", objects.key, object.key, file));
    host["Mounts"].push_back(Value::object({{"Type", "bind"}, {"Source", file}, {"Target", target}, {"ReadOnly", true}}));
  }
  return {};
}

Status add_volume(const Project& project, const Service& service, const RequestFacts& facts, const Value& volume, Value& host) {
  auto type = volume.text_at({"type"});
  std::string source(volume.text_at({"source"}));
  if (type == "npipe" || type == "cluster") return fail(Code::kUnimplemented, fmt::format("services.{}.volumes: type {} is not supported", service.name, type));
  if (type == "image" && facts.api_minor < 48)
    return fail(Code::kUnimplemented, fmt::format("services.{}.volumes: type image needs an engine with API 1.48", service.name));
  if (type == "bind") {
    const Value* bind = volume.find("bind");
    bool plain = !bind || bind->is_null() ||
                 (flag_of(bind->find("create_host_path"), true) && bind->text_at({"propagation"}).empty() && bind->text_at({"recursive"}).empty());
    if (plain) host["Binds"].push_back(bind_text(source, volume));
    else host["Mounts"].push_back(mount_of(volume, source));
    return {};
  }
  if (type != "volume") {
    host["Mounts"].push_back(mount_of(volume, source));
    return {};
  }
  auto known = project.volumes.find(source);
  bool special = !volume.text_at({"volume", "subpath"}).empty() || volume.at({"volume", "labels"}) != nullptr || source.empty();
  std::string name = known == project.volumes.end() ? source : known->second.name;
  if (source.empty())
    for (const auto& old : facts.inherited)
      if (old.target == volume.text_at({"target"})) name = old.name;
  if (!special || (source.empty() && !name.empty())) host["Binds"].push_back(bind_text(name, volume));
  else host["Mounts"].push_back(mount_of(volume, name));
  return {};
}

}  // namespace

Status add_mounts(const Project& project, const Service& service, const RequestFacts& facts, Value& host) {
  std::set<std::string> taken;
  if (const Value* volumes = service.spec.find("volumes"))
    for (const auto& volume : volumes->items()) {
      TRY(add_volume(project, service, facts, volume, host));
      taken.insert(std::string(volume.text_at({"target"})));
    }
  // Those that the image asks for, of the container before this one.
  for (const auto& old : facts.inherited)
    if (taken.insert(old.target).second) host["Binds"].push_back(fmt::format("{}:{}:{}", old.name, old.target, old.read_only ? "ro" : "rw"));
  TRY(add_file_objects(service, {"secrets", &project.secrets, "/run/secrets/"}, taken, host));
  TRY(add_file_objects(service, {"configs", &project.configs, "/"}, taken, host));
  if (const Value* sources = service.spec.find("volumes_from"))
    for (const auto& source : sources->items()) {
      auto text = source.text();
      if (text.starts_with("container:")) {
        host["VolumesFrom"].push_back(text.substr(10));
        continue;
      }
      size_t colon = text.find(':');
      auto found = facts.containers.find(std::string(text.substr(0, colon)));
      if (found == facts.containers.end())
        return fail(Code::kNotFound, fmt::format("services.{}.volumes_from: service {} has no container", service.name, text.substr(0, colon)));
      host["VolumesFrom"].push_back(found->second + std::string(colon == std::string_view::npos ? "" : text.substr(colon)));
    }
  return {};
}

Result<std::vector<InlineFile>> inline_files(const Project& project, const Service& service) {
  std::vector<InlineFile> files;
  for (const Objects& objects : {Objects{"secrets", &project.secrets, "/run/secrets/"}, Objects{"configs", &project.configs, "/"}}) {
    const Value* uses = service.spec.find(objects.key);
    if (!uses) continue;
    for (const auto& use : uses->items()) {
      const Resource& object = objects.known->at(std::string(use.text_at({"source"})));
      auto variable = object.spec.text_at({"environment"});
      if (!variable.empty() && !project.environment.contains(variable))
        return fail(Code::kNotFound, fmt::format("environment variable \"{}\" required by {}.{} is not set", variable, objects.key, object.key));
      auto content = inline_content(project, object);
      if (!content) continue;
      InlineFile file{object_target(use, objects.folder), std::move(*content)};
      auto number = [&](const char* key, uint32_t& into) {
        auto text = use.text_at({key});
        std::from_chars(text.data(), text.data() + text.size(), into);
      };
      number("uid", file.uid);
      number("gid", file.gid);
      if (const Value* mode = use.find("mode")) file.mode = static_cast<uint32_t>(mode->int_or(0444)) & 07777;
      files.push_back(std::move(file));
    }
  }
  return files;
}

Result<std::string> read_profile(const std::string& directory, const std::string& path) {
  TRY_ASSIGN(std::string text, read_file(join_path(directory, path), 4 << 20));
  auto parsed = api::parse_json(text);
  if (!parsed) return fail(std::move(parsed).error().context("seccomp profile " + path));
  return api::to_json(*parsed);
}

}  // namespace reigen::compose
