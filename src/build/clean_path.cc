#include "build/clean_path.h"

namespace reigen::build {
namespace {

std::string walk(std::string_view path, bool& climbed) {
  std::string out;
  climbed = false;
  while (!path.empty()) {
    auto slash = path.find('/');
    auto part = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      climbed = climbed || out.empty();
      auto last = out.rfind('/');
      out.resize(last == std::string::npos ? 0 : last);
      continue;
    }
    if (!out.empty()) out += '/';
    out += part;
  }
  return out;
}

}  // namespace

std::string clean_path(std::string_view path) {
  bool climbed = false;
  return walk(path, climbed);
}

std::string absolute_path(std::string_view base, std::string_view path) {
  if (path.starts_with('/')) return "/" + clean_path(path);
  return "/" + clean_path(std::string(base) + "/" + std::string(path));
}

std::string changed_folder(std::string_view base, std::string_view path) { return path.starts_with('/') ? std::string(path) : absolute_path(base, path); }

bool climbs(std::string_view path) {
  bool climbed = false;
  if (!path.starts_with('/')) walk(path, climbed);
  return climbed;
}

}  // namespace reigen::build
