#include "image/reference.h"

#include <algorithm>
#include <optional>

namespace reigen::image {
namespace {

constexpr std::string_view kDefaultRegistry = "docker.io";
constexpr std::string_view kOldDefaultRegistry = "index.docker.io";
constexpr size_t kMaxText = 4096;
constexpr size_t kMaxName = 255;
constexpr size_t kMaxTag = 128;

bool is_lower_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_alnum(char c) { return is_lower_alnum(c) || is_upper(c); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }

// alphanumerics joined by one '.', one or two '_', or any number of '-'.
bool is_path_component(std::string_view text) {
  size_t i = 0;
  auto alnums = [&] {
    size_t start = i;
    while (i < text.size() && is_lower_alnum(text[i])) ++i;
    return i > start;
  };
  if (!alnums()) return false;
  while (i < text.size()) {
    if (text[i] == '.') {
      ++i;
    } else if (text[i] == '_') {
      ++i;
      if (i < text.size() && text[i] == '_') ++i;
    } else if (text[i] == '-') {
      while (i < text.size() && text[i] == '-') ++i;
    } else {
      return false;
    }
    if (!alnums()) return false;
  }
  return true;
}

bool is_domain_component(std::string_view text) {
  return !text.empty() && is_alnum(text.front()) && is_alnum(text.back()) && std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '-'; });
}

bool is_registry(std::string_view text) {
  std::string_view host = text;
  if (host.starts_with('[')) {
    auto end = host.find(']');
    if (end == std::string_view::npos || end < 2) return false;
    if (!std::ranges::all_of(host.substr(1, end - 1), [](char c) { return is_hex(c) || (c >= 'A' && c <= 'F') || c == ':'; })) return false;
    host = host.substr(end + 1);
    if (host.empty()) return true;
    if (host[0] != ':') return false;
  } else {
    auto colon = host.find(':');
    std::string_view names = host.substr(0, colon);
    while (true) {
      auto dot = names.find('.');
      if (!is_domain_component(names.substr(0, dot))) return false;
      if (dot == std::string_view::npos) break;
      names.remove_prefix(dot + 1);
    }
    if (colon == std::string_view::npos) return true;
    host = host.substr(colon);
  }
  host.remove_prefix(1);
  return !host.empty() && std::ranges::all_of(host, is_digit);
}

bool is_tag(std::string_view text) {
  return !text.empty() && text.size() <= kMaxTag && (is_alnum(text[0]) || text[0] == '_') &&
         std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '_' || c == '.' || c == '-'; });
}

Fail bad_format() { return fail(Code::kInvalidArgument, "invalid reference format"); }

Status check_digest(std::string_view digest) {
  if (is_digest(digest)) return {};
  auto colon = digest.find(':');
  if (colon == std::string_view::npos) return bad_format();
  auto algorithm = digest.substr(0, colon);
  if (algorithm == "sha256") return fail(Code::kInvalidArgument, "invalid checksum digest length");
  return fail(Code::kInvalidArgument, "unsupported digest algorithm");
}

bool names_registry(std::string_view first) {
  return first.find_first_of(".:") != std::string_view::npos || first == "localhost" || std::ranges::any_of(first, is_upper);
}

}  // namespace

bool is_digest(std::string_view text) { return text.size() == 71 && text.starts_with("sha256:") && std::ranges::all_of(text.substr(7), is_hex); }

Status check_new_name(const Reference& reference) {
  if (reference.familiar_name() != "sha256") return {};
  return fail(Code::kInvalidArgument, "refusing to create an ambiguous tag using digest algorithm as name");
}

Result<Reference> parse_reference(std::string_view text) {
  if (text.empty() || text.size() > kMaxText) return bad_format();
  if (text.size() == 64 && std::ranges::all_of(text, is_hex))
    return fail(Code::kInvalidArgument, "invalid repository name (" + std::string(text) + "), cannot specify 64-byte hexadecimal strings");
  Reference out;
  std::string_view rest = text;
  if (auto at = rest.find('@'); at != std::string_view::npos) {
    TRY(check_digest(rest.substr(at + 1)));
    out.digest = rest.substr(at + 1);
    rest = rest.substr(0, at);
  }
  auto slash = rest.find('/');
  if (slash != std::string_view::npos && names_registry(rest.substr(0, slash))) {
    out.registry = rest.substr(0, slash);
    rest.remove_prefix(slash + 1);
    if (!is_registry(out.registry)) return bad_format();
  } else {
    out.registry = kDefaultRegistry;
  }
  if (out.registry == kOldDefaultRegistry) out.registry = kDefaultRegistry;
  if (auto colon = rest.rfind(':'); colon != std::string_view::npos) {
    if (!is_tag(rest.substr(colon + 1))) return bad_format();
    out.tag = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
  }
  if (std::ranges::any_of(rest, is_upper))
    return fail(Code::kInvalidArgument, "invalid reference format: repository name (" + std::string(rest) + ") must be lowercase");
  if (out.registry == kDefaultRegistry && rest.find('/') == std::string_view::npos) out.repository = "library/";
  out.repository += rest;
  while (true) {
    auto next = rest.find('/');
    if (!is_path_component(rest.substr(0, next))) return bad_format();
    if (next == std::string_view::npos) break;
    rest.remove_prefix(next + 1);
  }
  if (out.registry.size() + 1 + out.repository.size() > kMaxName) return fail(Code::kInvalidArgument, "repository name must not be more than 255 characters");
  if (out.tag.empty() && out.digest.empty()) out.tag = "latest";
  return out;
}

std::string Reference::name() const { return registry + "/" + repository; }

std::string Reference::str() const {
  std::string out = name();
  if (!tag.empty()) out += ":" + tag;
  if (!digest.empty()) out += "@" + digest;
  return out;
}

std::string Reference::store_name() const { return digest.empty() ? name() + ":" + tag : name() + "@" + digest; }

std::string Reference::familiar_name() const {
  if (registry != kDefaultRegistry) return name();
  std::string_view short_name = repository;
  if (short_name.starts_with("library/") && short_name.find('/', 8) == std::string_view::npos) short_name.remove_prefix(8);
  // "docker.io/er.io/x" without its registry would name another one.
  if (auto slash = short_name.find('/'); slash != std::string_view::npos && names_registry(short_name.substr(0, slash))) return name();
  return std::string(short_name);
}

std::string Reference::familiar() const {
  std::string out = familiar_name();
  if (!tag.empty()) out += ":" + tag;
  if (!digest.empty()) out += "@" + digest;
  return out;
}

std::string Reference::registry_host() const { return registry == kDefaultRegistry ? "registry-1.docker.io" : registry; }

}  // namespace reigen::image
