// Credentials out of a docker config.json, matched as kubelet's keyring does it.
#include <algorithm>
#include <fnmatch.h>

#include "image/json_reader.h"
#include "image/puller.h"

namespace reigen::image {
namespace {

struct Location {
  std::string host, path;
};

Location locate(std::string_view key) {
  for (const char* scheme : {"https://", "http://"})
    if (key.starts_with(scheme)) key.remove_prefix(std::string_view(scheme).size());
  while (key.ends_with('/')) key.remove_suffix(1);
  auto slash = key.find('/');
  Location out{std::string(key.substr(0, slash)), slash == std::string_view::npos ? "" : std::string(key.substr(slash + 1))};
  // What docker login writes for its hub: https://index.docker.io/v1/
  if (out.path == "v1" || out.path == "v2") out.path.clear();
  if (out.path.starts_with("v1/") || out.path.starts_with("v2/")) out.path.erase(0, 3);
  if (out.host == "index.docker.io" || out.host == "registry-1.docker.io") out.host = "docker.io";
  return out;
}

// Globs match one label of the host each; the port must be the same.
bool matches_host(std::string_view pattern, std::string_view host) {
  auto port = [](std::string_view text) { return text.find(':') == std::string_view::npos ? std::string_view() : text.substr(text.find(':')); };
  if (port(pattern) != port(host)) return false;
  if (std::ranges::count(pattern, '.') != std::ranges::count(host, '.')) return false;
  while (true) {
    auto a = pattern.find('.'), b = host.find('.');
    if (::fnmatch(std::string(pattern.substr(0, a)).c_str(), std::string(host.substr(0, b)).c_str(), 0) != 0) return false;
    if (a == std::string_view::npos || b == std::string_view::npos) return a == b;
    pattern.remove_prefix(a + 1);
    host.remove_prefix(b + 1);
  }
}

std::string decode_base64(std::string_view text) {
  std::string out;
  unsigned bits = 0, count = 0;
  for (char c : text) {
    int value = c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 : c == '+' ? 62 : c == '/' ? 63 : -1;
    if (value < 0) continue;
    bits = bits << 6 | static_cast<unsigned>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 0xff);
    }
  }
  return out;
}

Result<Credentials> read_entry(simdjson::dom::element value) {
  Credentials out;
  std::string auth;
  TRY(read_string(value, "username", out.username));
  TRY(read_string(value, "password", out.password));
  TRY(read_string(value, "auth", auth));
  TRY(read_string(value, "identitytoken", out.identity_token));
  TRY(read_string(value, "registrytoken", out.registry_token));
  if (auth.empty()) return out;
  std::string decoded = decode_base64(auth);
  auto colon = decoded.find(':');
  if (colon == std::string::npos) return fail(Code::kInvalidArgument, "field auth is not the base64 of user:password");
  out.username = decoded.substr(0, colon);
  out.password = decoded.substr(colon + 1);
  while (out.password.ends_with('\0')) out.password.pop_back();
  return out;
}

}  // namespace

Result<std::vector<Credentials>> match_credentials(std::string_view text, const Reference& reference) {
  if (text.size() > 1 << 20) return fail(Code::kInvalidArgument, "docker config is larger than 1 MiB");
  simdjson::dom::parser parser;
  TRY_ASSIGN(auto root, parse_document(parser, text, "docker config"));
  simdjson::dom::element auths;
  bool current = !root["auths"].get(auths);
  simdjson::dom::object map;
  if ((current ? auths : root).get(map)) return fail(Code::kInvalidArgument, "docker config: auths is no object");
  std::vector<std::pair<std::string, Credentials>> found;
  for (auto field : map) {
    if (!field.value.is_object()) continue;
    std::string key(field.key);
    auto location = locate(key);
    bool path_fits = location.path.empty() || reference.repository == location.path || reference.repository.starts_with(location.path + "/");
    if (!matches_host(location.host, reference.registry) || !path_fits) continue;
    auto entry = read_entry(field.value);
    if (!entry) return fail(std::move(entry).error().context("docker config: " + key.substr(0, 200)));
    bool any = !entry->username.empty() || !entry->identity_token.empty() || !entry->registry_token.empty();
    if (any) found.emplace_back(location.host + "/" + location.path, std::move(*entry));
  }
  std::ranges::sort(found, std::greater<>(), &std::pair<std::string, Credentials>::first);
  std::vector<Credentials> out;
  for (auto& [key, credentials] : found) out.push_back(std::move(credentials));
  return out;
}

}  // namespace reigen::image
