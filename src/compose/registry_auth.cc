#include "compose/registry_auth.h"

#include <algorithm>

#include "api/value.h"
#include "base/files.h"
#include "base/process.h"

namespace reigen::compose {
namespace {

using api::Value;

Value read_config(const Environment& environment) {
  auto folder = environment.find("DOCKER_CONFIG");
  auto home = environment.find("HOME");
  std::string path = folder != environment.end() ? folder->second : (home != environment.end() ? home->second : std::string()) + "/.docker";
  auto text = read_file(path + "/config.json", 4 << 20);
  if (!text) return {};
  auto parsed = api::parse_json(*text);
  return parsed ? std::move(*parsed) : Value();
}

std::string base64(std::string_view bytes, bool url) {
  static constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  auto letter = [&](unsigned six) { return six < 62 ? letters[six] : six == 62 ? (url ? '-' : '+') : (url ? '_' : '/'); };
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    size_t n = std::min<size_t>(3, bytes.size() - i);
    unsigned bits = 0;
    for (size_t j = 0; j < 3; ++j) bits = bits << 8 | (j < n ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    for (size_t j = 0; j < 4; ++j) out += j <= n ? letter(bits >> (18 - 6 * j) & 63) : '=';
  }
  return out;
}

std::string from_base64(std::string_view text) {
  std::string out;
  unsigned bits = 0, count = 0;
  for (char c : text) {
    int six = c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 : c == '+' ? 62 : c == '/' ? 63 : -1;
    if (six < 0) continue;
    bits = bits << 6 | static_cast<unsigned>(six);
    if ((count += 6) < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xff);
  }
  return out;
}

// {"username","password","serveraddress"} of one stored entry.
Value login_of(const Value& entry, const std::string& server) {
  Value login = Value::object({{"serveraddress", server}});
  std::string pair = from_base64(entry.text_at({"auth"}));
  size_t colon = pair.find(':');
  if (colon != std::string::npos) {
    login.set("username", pair.substr(0, colon));
    login.set("password", pair.substr(colon + 1));
  }
  for (const char* key : {"username", "password", "identitytoken"})
    if (auto text = entry.text_at({key}); !text.empty()) login.set(key, text);
  return login;
}

// A program "docker-credential-NAME": the name may not leave PATH.
Value ask_helper(std::string_view name, const std::string& server) {
  if (name.empty() || name.find('/') != std::string_view::npos) return {};
  auto answer = run_command(
      {.argv = {"docker-credential-" + std::string(name), "get"}, .env = {}, .directory = "", .input = server, .timeout = std::chrono::seconds(20), .fds = {}});
  if (!answer || answer->exit_code != 0) return {};
  auto parsed = api::parse_json(answer->out);
  if (!parsed || parsed->text_at({"Username"}).empty()) return {};
  if (parsed->text_at({"Username"}) == "<token>") return Value::object({{"serveraddress", server}, {"identitytoken", parsed->text_at({"Secret"})}});
  return Value::object({{"serveraddress", server}, {"username", parsed->text_at({"Username"})}, {"password", parsed->text_at({"Secret"})}});
}

std::string host_of(std::string_view key) {
  for (std::string_view scheme : {"https://", "http://"})
    if (key.starts_with(scheme)) key.remove_prefix(scheme.size());
  return std::string(key.substr(0, key.find('/')));
}

}  // namespace

std::string registry_of(const std::string& image) {
  size_t slash = image.find('/');
  std::string first = slash == std::string::npos ? "" : image.substr(0, slash);
  if (first.find('.') == std::string::npos && first.find(':') == std::string::npos && first != "localhost") return "docker.io";
  return first;
}

std::string registry_auth(const std::string& image, const Environment& environment) {
  Value config = read_config(environment);
  std::string host = registry_of(image), server = host == "docker.io" ? "https://index.docker.io/v1/" : host;
  Value login;
  if (auto helper = config.text_at({"credHelpers", host}); !helper.empty()) login = ask_helper(helper, server);
  if (login.is_null() && !config.text_at({"credsStore"}).empty()) login = ask_helper(config.text_at({"credsStore"}), server);
  if (const Value* entries = config.find("auths"); entries && login.is_null())
    for (const auto& entry : entries->members()) {
      std::string known = host_of(entry.key());
      if ((known == host || (host == "docker.io" && known == "index.docker.io")) && entry.value.size() > 0)
        login = login_of(entry.value, std::string(entry.key()));
    }
  return login.is_null() ? "" : base64(api::to_json(login), true);
}

std::string registry_config(const Environment& environment) {
  Value config = read_config(environment), all = Value::object();
  if (const Value* entries = std::as_const(config).find("auths"))
    for (const auto& entry : entries->members())
      if (entry.value.size() > 0) all.set(entry.key(), login_of(entry.value, std::string(entry.key())));
  return all.size() == 0 ? "" : base64(api::to_json(all), true);
}

}  // namespace reigen::compose
