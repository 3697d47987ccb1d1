#include "api/docker_names.h"

#include <algorithm>

namespace reigen::api {
namespace {

constexpr size_t kLongestObjectName = 253;  // a DNS subdomain
constexpr size_t kLongestStem = 50;         // with '-' and 12 digits: a DNS label

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_alphanumeric(char c) { return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z'); }
bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string or_empty(std::string name) { return name.size() > kLongestObjectName ? std::string() : name; }

}  // namespace

bool is_docker_name(std::string_view name, size_t shortest) {
  if (name.size() < std::max<size_t>(shortest, 1) || !is_alphanumeric(name.front())) return false;
  return std::ranges::all_of(name, [](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
}

std::string escape_docker_name(std::string_view name) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "n";
  for (char c : name) {
    if (is_lower_or_digit(c)) {
      out += c;
      continue;
    }
    auto byte = static_cast<unsigned char>(c);
    out += '-';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return or_empty(std::move(out));
}

std::string volume_object_name(std::string_view docker_name) { return escape_docker_name(docker_name); }

std::string claim_object_name(std::string_view kind, std::string_view docker_name) {
  std::string name = escape_docker_name(docker_name);
  return name.empty() ? name : or_empty(lower(kind) + "." + name);
}

std::string container_pod_stem(std::string_view docker_name) {
  std::string stem = lower(docker_name);
  std::ranges::replace_if(stem, [](char c) { return !is_lower_or_digit(c); }, '-');
  stem.resize(std::min(stem.size(), kLongestStem));
  size_t begin = stem.find_first_not_of('-');
  if (begin == std::string::npos) return "container";
  return stem.substr(begin, stem.find_last_not_of('-') + 1 - begin);
}

std::string container_pod_name(std::string_view docker_name, std::string_view id) {
  return container_pod_stem(docker_name) + "-" + std::string(id.substr(0, 12));
}

bool is_docker_id(std::string_view text) { return text.size() == 64 && std::ranges::all_of(text, is_hex); }

}  // namespace reigen::api
