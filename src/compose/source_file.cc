#include "compose/source_file.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdlib>

#include "api/yaml.h"
#include "base/files.h"

namespace reigen::compose {
namespace {

constexpr size_t kMaxFile = 16 << 20;

Result<std::string> read_standard_input() {
  std::string text;
  char buffer[65536];
  for (ssize_t n; (n = ::read(0, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(n));
    if (text.size() > kMaxFile) return fail(Code::kResourceExhausted, "standard input: a Compose file of more than 16 MiB");
  }
  return text;
}

std::string plain_message(std::string message) {
  constexpr std::string_view prefix = "error converting YAML to JSON: ";
  if (message.starts_with(prefix)) message.erase(0, prefix.size());
  return message;
}

}  // namespace

std::string SourceFile::where(std::string pointer) const {
  while (!pointer.empty()) {
    if (auto found = lines.find(pointer); found != lines.end()) return fmt::format("{}:{}: ", path, found->second);
    pointer.resize(pointer.rfind('/'));
  }
  return path + ": ";
}

Result<std::vector<SourceFile>> parse_source(const std::string& path, std::string_view text) {
  api::YamlNotes notes;
  notes.want_marks = true;
  auto documents = api::parse_yaml_stream(text, {.max_bytes = kMaxFile, .max_depth = 100, .words_are_text = true}, &notes);
  if (!documents) return fail(documents.error().code(), fmt::format("parsing {}: {}", path, plain_message(documents.error().message())));
  if (!notes.duplicates.empty()) return fail(Code::kInvalidArgument, fmt::format("parsing {}: {}", path, notes.duplicates[0]));
  if (documents->empty()) return fail(Code::kInvalidArgument, fmt::format("{}: empty compose file", path));
  std::vector<SourceFile> files;
  for (auto& tree : *documents) {
    SourceFile file{path, std::move(tree), {}, {}};
    if (!file.tree.is_object()) return fail(Code::kInvalidArgument, fmt::format("{}: top-level object must be a mapping", path));
    for (const auto& mark : notes.marks) {
      file.lines.try_emplace(mark.path, mark.line);
      if (mark.tag == "!reset" || mark.tag == "!override") file.tags[mark.path] = mark.tag;
    }
    files.push_back(std::move(file));
  }
  return files;
}

Result<std::vector<SourceFile>> read_source(const std::string& path) {
  auto text = path == "-" ? read_standard_input() : read_file(path, kMaxFile);
  if (!text && text.error().code() == Code::kNotFound) return fail(Code::kNotFound, fmt::format("open {}: no such file or directory", path));
  if (!text) return fail(std::move(text).error());
  return parse_source(path == "-" ? "<stdin>" : path, *text);
}

std::vector<std::string> find_compose_files(std::string directory) {
  for (;;) {
    for (const char* name : {"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"}) {
      std::string path = join_path(directory, name);
      if (::access(path.c_str(), F_OK) != 0) continue;
      std::vector<std::string> found{path};
      for (const char* other : {"compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml"}) {
        std::string beside = join_path(directory, other);
        if (::access(beside.c_str(), F_OK) != 0) continue;
        found.push_back(beside);
        break;
      }
      return found;
    }
    if (directory == "/" || directory.empty()) return {};
    size_t slash = directory.rfind('/');
    directory.resize(slash == std::string::npos ? 0 : std::max<size_t>(slash, 1));
  }
}

std::string clean_file_path(std::string_view path) {
  bool rooted = path.starts_with('/');
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    size_t slash = path.find('/');
    auto part = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == ".." && !parts.empty() && parts.back() != "..") parts.pop_back();
    else if (part != ".." || !rooted) parts.push_back(part);
  }
  std::string out = rooted ? "/" : "";
  for (size_t i = 0; i < parts.size(); ++i) (out += i == 0 ? "" : "/") += parts[i];
  return out.empty() ? "." : out;
}

std::string join_path(std::string_view directory, std::string_view path) {
  if (path == "~" || path.starts_with("~/")) {
    const char* home = std::getenv("HOME");
    return clean_file_path(std::string(home ? home : "") + std::string(path.substr(1)));
  }
  if (path.starts_with('/')) return clean_file_path(path);
  return clean_file_path(std::string(directory) + "/" + std::string(path));
}

}  // namespace reigen::compose
