#include "apiserver/auth/credential_file.h"

#include <fmt/core.h>

#include "api/scalars.h"
#include "apiserver/auth/crypto.h"
#include "base/files.h"

namespace reigen::apiserver {
namespace {

// The fields of one CSV line; a quoted field may hold commas and doubled quotes. False when a quote does not end.
bool split_csv(std::string_view line, std::vector<std::string>& fields) {
  fields.emplace_back();
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    char c = line[i];
    if (quoted && c == '"' && i + 1 < line.size() && line[i + 1] == '"') {
      fields.back() += line[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return !quoted;
}

std::string trimmed(std::string_view text) {
  auto begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1));
}

std::vector<std::string> split_groups(std::string_view text) {
  std::vector<std::string> groups;
  while (!text.empty()) {
    auto comma = std::min(text.find(','), text.size());
    if (auto group = trimmed(text.substr(0, comma)); !group.empty()) groups.push_back(std::move(group));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return groups;
}

UserPtr make_user(CredentialLine& line) {
  auto user = std::make_shared<User>();
  user->name = std::move(line.user);
  user->uid = std::move(line.uid);
  user->groups = std::move(line.groups);
  return user;
}

constexpr std::string_view kWebSocketPrefix = "base64url.bearer.authorization.k8s.io.";

bool has_scheme(std::string_view header, std::string_view scheme) {
  if (header.size() <= scheme.size() || header[scheme.size()] != ' ') return false;
  for (size_t i = 0; i < scheme.size(); ++i) {
    if ((header[i] | 0x20) != (scheme[i] | 0x20)) return false;
  }
  return true;
}

}  // namespace

Result<std::vector<CredentialLine>> parse_credential_file(const std::string& path, std::string_view text) {
  std::vector<CredentialLine> lines;
  size_t number = 0;
  while (!text.empty()) {
    auto end = std::min(text.find('\n'), text.size());
    std::string line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line[0] == '#') continue;
    std::vector<std::string> fields;
    if (!split_csv(line, fields)) return fail(Code::kInvalidArgument, fmt::format("{}:{}: a quote does not end", path, number));
    if (fields.size() < 3) {
      return fail(Code::kInvalidArgument, fmt::format("{}:{}: expected at least 3 fields (secret,user,uid), found {}", path, number, fields.size()));
    }
    if (fields[0].empty()) return fail(Code::kInvalidArgument, fmt::format("{}:{}: the first field is empty", path, number));
    CredentialLine out{fields[0], trimmed(fields[1]), trimmed(fields[2]), {}};
    if (fields.size() > 3) out.groups = split_groups(fields[3]);
    lines.push_back(std::move(out));
  }
  return lines;
}

Result<std::vector<CredentialLine>> read_credential_file(const std::string& path) {
  TRY_ASSIGN(std::string text, read_file(path, 16 << 20));
  return parse_credential_file(path, text);
}

std::string bearer_token(const Credentials& credentials) {
  if (has_scheme(credentials.authorization, "Bearer")) return trimmed(credentials.authorization.substr(7));
  auto at = credentials.websocket_protocols.find(kWebSocketPrefix);
  if (at == std::string_view::npos) return {};
  auto rest = credentials.websocket_protocols.substr(at + kWebSocketPrefix.size());
  return api::base64url_decode(trimmed(rest.substr(0, rest.find(',')))).value_or("");
}

TokenFileAuthenticator::TokenFileAuthenticator(std::vector<CredentialLine> lines) {
  for (auto& line : lines) {
    auto key = sha256(line.secret);
    users_.insert_or_assign(std::move(key), make_user(line));
  }
}

Result<Authentication> TokenFileAuthenticator::authenticate(const Credentials& credentials) {
  auto token = bearer_token(credentials);
  if (token.empty()) return Authentication{};
  return authenticate_token(token, {});
}

Result<Authentication> TokenFileAuthenticator::authenticate_token(std::string_view token, const std::vector<std::string>& audiences) {
  auto found = users_.find(sha256(token));
  Authentication result;
  if (found == users_.end()) return result;
  result.user = found->second;
  result.audiences = audiences;
  return result;
}

BasicFileAuthenticator::BasicFileAuthenticator(std::vector<CredentialLine> lines) {
  for (auto& line : lines) {
    auto key = sha256(line.user + ":" + line.secret);
    users_.insert_or_assign(std::move(key), make_user(line));
  }
}

Result<Authentication> BasicFileAuthenticator::authenticate(const Credentials& credentials) {
  if (!has_scheme(credentials.authorization, "Basic")) return Authentication{};
  auto pair = api::base64_decode(trimmed(credentials.authorization.substr(6)));
  if (!pair) return fail(Code::kUnauthenticated, "malformed basic credentials");
  auto found = users_.find(sha256(*pair));
  if (found == users_.end()) return fail(Code::kUnauthenticated, "invalid username/password combination");
  Authentication result;
  result.user = found->second;
  return result;
}

}  // namespace reigen::apiserver
