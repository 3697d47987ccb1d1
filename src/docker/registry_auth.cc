#include "docker/registry_auth.h"

#include "api/value.h"
#include "apiserver/docker_error.h"
#include "docker/engine.h"
#include "docker/image_handlers.h"
#include "docker/image_host.h"
#include "image/registry_login.h"

namespace reigen::docker {
namespace {

constexpr size_t kMaxHeader = 1 << 20;

// Both alphabets, padded or not.
std::string decode_base64(std::string_view text) {
  std::string out;
  unsigned bits = 0, count = 0;
  for (char c : text) {
    int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                : c >= 'a' && c <= 'z' ? c - 'a' + 26
                : c >= '0' && c <= '9' ? c - '0' + 52
                : c == '+' || c == '-' ? 62
                : c == '/' || c == '_' ? 63
                                       : -1;
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

image::Credentials read_entry(const api::Value& value) {
  auto text = [&](const char* key) { return std::string(value.text_at({key})); };
  image::Credentials out{text("username"), text("password"), text("identitytoken"), text("registrytoken")};
  if (std::string auth = text("auth"); out.username.empty() && !auth.empty()) {
    std::string decoded = decode_base64(auth);
    auto colon = decoded.find(':');
    if (colon != std::string::npos) {
      out.username = decoded.substr(0, colon);
      out.password = decoded.substr(colon + 1);
    }
  }
  return out;
}

bool is_any(const image::Credentials& c) { return !c.username.empty() || !c.identity_token.empty() || !c.registry_token.empty(); }

std::string host_of(std::string key) {
  for (const char* scheme : {"https://", "http://"})
    if (key.starts_with(scheme)) key.erase(0, std::string_view(scheme).size());
  key = key.substr(0, key.find('/'));
  return key == "index.docker.io" || key == "registry-1.docker.io" || key.empty() ? "docker.io" : key;
}

}  // namespace

image::Credentials read_registry_auth(std::string_view header) {
  if (header.empty() || header.size() > kMaxHeader) return {};
  auto value = api::parse_json(decode_base64(header));
  return value ? read_entry(*value) : image::Credentials{};
}

RegistryConfig RegistryConfig::read(std::string_view header) {
  RegistryConfig out;
  if (header.empty() || header.size() > kMaxHeader) return out;
  auto value = api::parse_json(decode_base64(header));
  if (!value) return out;
  for (const auto& member : value->members()) {
    auto entry = read_entry(member.value);
    if (is_any(entry)) out.hosts_[host_of(std::string(member.key()))] = std::move(entry);
  }
  return out;
}

std::vector<image::Credentials> RegistryConfig::find(const image::Reference& reference) const {
  auto it = hosts_.find(reference.registry);
  return it == hosts_.end() ? std::vector<image::Credentials>() : std::vector{it->second};
}

Error registry_error(Error error) {
  switch (error.code()) {
    // A registry does not say whether a repository is missing or hidden.
    case Code::kUnauthenticated:
    case Code::kPermissionDenied: return apiserver::docker_error(404, error.message());
    case Code::kUnavailable:
    case Code::kDataLoss:
    case Code::kInternal: return apiserver::docker_error(500, error.message());
    default: return error;
  }
}

void registry_login(Call call) {
  auto body = call.json_body();
  if (!body) return call.error(body.error());
  auto credentials = read_entry(*body);
  std::string server(body->text_at({"serveraddress"}));
  auto token = image::check_login(server, credentials, call.engine.images->options());
  if (!token) {
    const Error& error = token.error();
    if (error.code() == Code::kUnauthenticated || error.code() == Code::kPermissionDenied)
      return call.error(apiserver::docker_error(
          401, "login attempt to " + (server.empty() ? "docker.io" : server) + " failed: unauthorized: incorrect username or password"));
    return call.error(apiserver::docker_error(500, error.message()));
  }
  call.json(200, api::Value::object({{"IdentityToken", *token}, {"Status", "Login Succeeded"}}));
}

}  // namespace reigen::docker
