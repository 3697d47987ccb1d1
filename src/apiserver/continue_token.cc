#include "apiserver/continue_token.h"

#include "api/scalars.h"
#include "api/value.h"

namespace reigen::apiserver {
namespace {

constexpr std::string_view kVersion = "meta.k8s.io/v1";

// No "." or ".." and no empty segments: a token must not reach keys beyond its prefix.
bool is_clean(std::string_view path) {
  size_t at = 0;
  while (at <= path.size()) {
    size_t end = std::min(path.find('/', at), path.size());
    std::string_view segment = path.substr(at, end - at);
    if (segment.empty() || segment == "." || segment == "..") return false;
    at = end + 1;
  }
  return true;
}

Fail invalid(std::string_view why) { return fail(Code::kInvalidArgument, "continue key is not valid" + std::string(why)); }

}  // namespace

std::string encode_continue(const ContinueToken& token) {
  std::string json = R"({"v":"meta.k8s.io/v1","rv":)" + std::to_string(token.revision) + R"(,"start":)";
  api::append_json_string(json, token.start);
  json += '}';
  return api::base64url_encode(json);
}

Result<ContinueToken> decode_continue(std::string_view text) {
  auto json = api::base64url_decode(text);
  if (!json) return invalid(": illegal base64 data");
  auto value = api::parse_json(*json);
  if (!value || !value->is_object()) return invalid(": " + (value ? std::string("no object") : value.error().message()));
  if (value->text_at({"v"}) != kVersion) return invalid(": server does not recognize this encoded version " + std::string(value->text_at({"v"})));
  ContinueToken token;
  const api::Value* revision = value->find("rv");
  token.revision = revision ? revision->int_or(0) : 0;
  token.start = value->text_at({"start"});
  if (token.revision == 0) return invalid(": incorrect encoded start resourceVersion (version meta.k8s.io/v1)");
  if (token.start.empty()) return invalid(": encoded start key empty (version meta.k8s.io/v1)");
  if (token.start.starts_with('/')) token.start.erase(0, 1);
  if (!is_clean(token.start)) return invalid(": " + token.start);
  return token;
}

}  // namespace reigen::apiserver
