#include "image/store_index.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "image/reference.h"

namespace reigen::image {
namespace {

constexpr std::string_view kHeader = "reigen-images 2";
constexpr std::string_view kOldHeader = "reigen-images 1";

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> out;
  while (!line.empty()) {
    auto space = line.find(' ');
    out.push_back(line.substr(0, space));
    line = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
  }
  return out;
}

template <class T>
bool number(std::string_view text, T& out) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

bool read_line(const std::vector<std::string_view>& w, StoreIndex& out) {
  if (w[0] == "image" && w.size() == 5 && is_digest(w[1]) && is_digest(w[2])) {
    IndexedImage image;
    image.manifest = w[2];
    if (!number(w[3], image.size) || !number(w[4], image.added_s)) return false;
    out.images[std::string(w[1])] = std::move(image);
    return true;
  }
  if (w.size() != 3) return false;
  if (w[0] == "parent" || w[0] == "tagged") {
    auto image = out.images.find(std::string(w[1]));
    if (image == out.images.end()) return false;
    if (w[0] == "tagged") return number(w[2], image->second.tagged_s);
    image->second.parent = w[2];
    return is_digest(w[2]);
  }
  if (!out.images.contains(std::string(w[2]))) return false;
  if (w[0] != "name" && w[0] != "digest") return false;
  (w[0] == "name" ? out.names : out.digests)[std::string(w[1])] = w[2];
  return true;
}

}  // namespace

void StoreIndex::forget(const std::string& id) {
  images.erase(id);
  std::erase_if(names, [&](const auto& item) { return item.second == id; });
  std::erase_if(digests, [&](const auto& item) { return item.second == id; });
  for (auto& [child, image] : images)
    if (image.parent == id) image.parent.clear();
}

bool StoreIndex::has_name(const std::string& id) const {
  auto is = [&](const auto& item) { return item.second == id; };
  return std::ranges::any_of(names, is) || std::ranges::any_of(digests, is);
}

bool StoreIndex::has_child(const std::string& id) const {
  return std::ranges::any_of(images, [&](const auto& item) { return item.second.parent == id; });
}

std::string StoreIndex::encode() const {
  std::string out(kHeader);
  out += '\n';
  for (const auto& [id, image] : images)
    out += "image " + id + " " + image.manifest + " " + std::to_string(image.size) + " " + std::to_string(image.added_s) + "\n";
  for (const auto& [id, image] : images) {
    if (!image.parent.empty()) out += "parent " + id + " " + image.parent + "\n";
    if (image.tagged_s) out += "tagged " + id + " " + std::to_string(image.tagged_s) + "\n";
  }
  for (const auto& [name, id] : names) out += "name " + name + " " + id + "\n";
  for (const auto& [name, id] : digests) out += "digest " + name + " " + id + "\n";
  return out;
}

Result<StoreIndex> StoreIndex::parse(std::string_view text) {
  StoreIndex out;
  size_t line_number = 0;
  while (!text.empty()) {
    auto end = text.find('\n');
    if (end == std::string_view::npos) return fail(Code::kDataLoss, "image index is truncated");
    auto line = text.substr(0, end);
    text.remove_prefix(end + 1);
    ++line_number;
    if (line_number == 1) {
      if (line == kHeader || line == kOldHeader) continue;
      if (line.starts_with("reigen-images ")) return fail(Code::kUnimplemented, "image index was written by a newer reigen (\"" + std::string(line) + "\")");
      return fail(Code::kDataLoss, "image index is corrupt: line 1");
    }
    auto w = words(line);
    if (w.empty() || !read_line(w, out)) return fail(Code::kDataLoss, "image index is corrupt: line " + std::to_string(line_number));
  }
  if (line_number == 0) return fail(Code::kDataLoss, "image index is empty");
  return out;
}

}  // namespace reigen::image
