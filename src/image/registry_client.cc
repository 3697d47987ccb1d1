#include "image/registry_client.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include "image/digest.h"
#include "image/json_reader.h"
#include "image/manifest.h"
#include "image/registry_state.h"
#include "base/check.h"
#include "base/files.h"

namespace reigen::image {
namespace {

constexpr size_t kMaxBody = 4 << 20;
constexpr size_t kMaxHeader = 64 << 10;
constexpr long kMaxRetryAfter = 60;  // seconds
constexpr int kMaxWaits = 5;
constexpr size_t kMaxTags = 10'000;
constexpr std::string_view kTagList = "list of tags";

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

size_t take_body(char* data, size_t size, size_t count, void* self) {
  auto& answer = *static_cast<RegistryAnswer*>(self);
  if (answer.body.size() + size * count > kMaxBody) return 0;
  answer.body.append(data, size * count);
  return size * count;
}

size_t take_header(char* data, size_t size, size_t count, void* self) {
  auto& answer = *static_cast<RegistryAnswer*>(self);
  std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) answer.headers.clear();  // of the answer before a redirect
  auto colon = line.find(':');
  if (colon == std::string_view::npos || line.size() > kMaxHeader || answer.headers.size() > 200) return size * count;
  auto value = line.substr(colon + 1);
  while (!value.empty() && std::isspace(static_cast<unsigned char>(value.front()))) value.remove_prefix(1);
  while (!value.empty() && std::isspace(static_cast<unsigned char>(value.back()))) value.remove_suffix(1);
  answer.headers[lower(std::string(line.substr(0, colon)))] = value;
  return size * count;
}

int watch_cancel(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto* cancel = static_cast<const PullOptions*>(self)->cancel;
  return cancel && cancel->load() ? 1 : 0;
}

bool is_loopback(std::string_view registry) {
  auto host = registry.substr(0, registry.starts_with('[') ? registry.find(']') + 1 : registry.find(':'));
  return host == "localhost" || host.starts_with("127.") || host == "[::1]" || host.ends_with(".localhost");
}

std::string encode_base64(std::string_view text) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < text.size(); i += 3) {
    unsigned value = 0;
    for (size_t j = 0; j < 3; ++j) value = value << 8 | (i + j < text.size() ? static_cast<unsigned char>(text[i + j]) : 0u);
    for (size_t j = 0; j < 4; ++j) out += i + j <= text.size() ? digits[value >> (18 - 6 * j) & 63] : '=';
  }
  return out;
}

// The parameters of a challenge: realm="…",service="…",scope="…".
std::map<std::string, std::string> parameters(std::string_view text) {
  std::map<std::string, std::string> out;
  while (out.size() < 20) {
    while (!text.empty() && (text.front() == ' ' || text.front() == ',')) text.remove_prefix(1);
    auto equals = text.find('=');
    if (equals == std::string_view::npos) return out;
    std::string key = lower(std::string(text.substr(0, equals)));
    text.remove_prefix(equals + 1);
    bool quoted = text.starts_with('"');
    if (quoted) text.remove_prefix(1);
    auto end = std::min(text.find(quoted ? '"' : ','), text.size());
    out[key] = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string escape(const std::string& text) {
  char* made = curl_library().easy_escape(nullptr, text.data(), static_cast<int>(text.size()));
  std::string out = made ? made : "";
  curl_library().free(made);
  return out;
}

std::string_view host_of(std::string_view url) {
  auto at = url.find("://");
  if (at != std::string_view::npos) url.remove_prefix(at + 3);
  return url.substr(0, url.find_first_of("/?#"));
}

// Gives libcurl the body of a request, from anywhere in it: a redirect begins it again.
struct BodyReader {
  const RegistryRequest& request;
  uint64_t at = 0;
  std::optional<Error> error;

  uint64_t length() const { return request.fd >= 0 ? request.size : request.text.size(); }

  static size_t read(char* buffer, size_t size, size_t count, void* self) {
    auto& body = *static_cast<BodyReader*>(self);
    size = static_cast<size_t>(std::min<uint64_t>(size * count, body.length() - body.at));
    if (body.request.fd < 0) {
      body.request.text.copy(buffer, size, static_cast<size_t>(body.at));
    } else {
      ssize_t got = ::pread(body.request.fd, buffer, size, static_cast<off_t>(body.request.offset + body.at));
      if (got < 0 || (got == 0 && size > 0)) {
        body.error = got < 0 ? fail_errno("read blob").error() : Error(Code::kDataLoss, "a blob became shorter while it was sent");
        return CURL_READFUNC_ABORT;
      }
      size = static_cast<size_t>(got);
    }
    body.at += size;
    if (body.request.sent) body.request.sent(body.at);
    return size;
  }

  static int seek(void* self, curl_off_t offset, int origin) {
    auto& body = *static_cast<BodyReader*>(self);
    if (origin != SEEK_SET || offset < 0 || static_cast<uint64_t>(offset) > body.length()) return CURL_SEEKFUNC_FAIL;
    body.at = static_cast<uint64_t>(offset);
    return CURL_SEEKFUNC_OK;
  }
};

// Seconds to wait as a 429 says; 1 when it does not say.
long retry_after(const RegistryAnswer& answer) {
  auto it = answer.headers.find("retry-after");
  long seconds = 1;
  if (it != answer.headers.end()) std::from_chars(it->second.data(), it->second.data() + it->second.size(), seconds);
  return std::clamp(seconds, 0L, kMaxRetryAfter);
}

// The first of the errors a registry tells, as Docker words it: "manifest unknown: manifest unknown"; empty when it tells none.
std::string told_by(const RegistryAnswer& answer) {
  constexpr size_t kMost = 1024;
  simdjson::dom::parser parser;
  auto root = parse_document(parser, answer.body, "answer");
  simdjson::dom::element first;
  std::string code, message;
  if (!root || (*root)["errors"].at(0).get(first) || !first.is_object() || !read_string(first, "code", code) || !read_string(first, "message", message))
    return "";
  for (char& c : code) c = c == '_' ? ' ' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  std::string out = message.empty() ? code : code + ": " + message;
  if (out.size() > kMost) out.resize(kMost);
  return out;
}

}  // namespace

RegistryClient::RegistryClient(const Reference& reference, const PullerOptions& settings, const PullOptions& options)
    : state_(new State{reference, settings, options}) {
  const auto& known = settings.insecure_registries;
  state_->insecure = is_loopback(reference.registry) || std::ranges::find(known, reference.registry) != known.end();
}

RegistryClient::~RegistryClient() = default;

void RegistryClient::State::prepare(CURL* curl, const std::string& url, curl_slist** headers, bool authorized) const {
  curl_library().easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_library().easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_library().easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_library().easy_setopt(curl, CURLOPT_MAXREDIRS, 8L);
  curl_library().easy_setopt(curl, CURLOPT_PROTOCOLS_STR, insecure ? "http,https" : "https");
  curl_library().easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, insecure ? "http,https" : "https");
  curl_library().easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 15L);
  curl_library().easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_library().easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 60L);
  curl_library().easy_setopt(curl, CURLOPT_USERAGENT, "reigen");
  curl_library().easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_library().easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch_cancel);
  curl_library().easy_setopt(curl, CURLOPT_XFERINFODATA, &options);
  if (insecure) {
    curl_library().easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_library().easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  std::string authority = settings.certificates_directory + "/" + reference.registry + "/ca.crt";
  if (path_exists(authority)) curl_library().easy_setopt(curl, CURLOPT_CAINFO, authority.c_str());
  // libcurl itself drops this header on a redirect to another host, port or scheme.
  if (authorized && !authorization.empty()) *headers = curl_library().slist_append(*headers, ("Authorization: " + authorization).c_str());
  curl_library().easy_setopt(curl, CURLOPT_HTTPHEADER, *headers);
}

bool RegistryClient::State::is_elsewhere(CURL* curl) const {
  const char* url = nullptr;
  curl_library().easy_getinfo(curl, CURLINFO_EFFECTIVE_URL, &url);
  return !url || host_of(url) != reference.registry_host();
}

Result<RegistryAnswer> RegistryClient::State::perform(const RegistryRequest& request) const {
  TRY(load_curl());
  std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_library().easy_init(), curl_library().easy_cleanup);
  CHECK(curl != nullptr);
  RegistryAnswer answer;
  char reason[CURL_ERROR_SIZE] = {};
  curl_slist* list = nullptr;
  for (const auto& header : request.headers) list = curl_library().slist_append(list, header.c_str());
  bool upload = request.method == "PUT" || request.method == "PATCH";
  if (upload) list = curl_library().slist_append(list, "Expect:");
  prepare(curl.get(), request.url, &list, request.authorized && host_of(request.url) == reference.registry_host());
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> owned(list, curl_library().slist_free_all);
  curl_library().easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, reason);
  curl_library().easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, take_body);
  curl_library().easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer);
  curl_library().easy_setopt(curl.get(), CURLOPT_HEADERFUNCTION, take_header);
  curl_library().easy_setopt(curl.get(), CURLOPT_HEADERDATA, &answer);
  BodyReader body{request, 0, {}};
  if (upload) {
    curl_library().easy_setopt(curl.get(), CURLOPT_UPLOAD, 1L);
    curl_library().easy_setopt(curl.get(), CURLOPT_READFUNCTION, BodyReader::read);
    curl_library().easy_setopt(curl.get(), CURLOPT_READDATA, &body);
    curl_library().easy_setopt(curl.get(), CURLOPT_SEEKFUNCTION, BodyReader::seek);
    curl_library().easy_setopt(curl.get(), CURLOPT_SEEKDATA, &body);
    curl_library().easy_setopt(curl.get(), CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(body.length()));
  } else {
    curl_library().easy_setopt(curl.get(), CURLOPT_TIMEOUT, 120L);
  }
  if (request.user) curl_library().easy_setopt(curl.get(), CURLOPT_USERPWD, request.user->c_str());
  if (request.form) curl_library().easy_setopt(curl.get(), CURLOPT_POSTFIELDS, request.form->c_str());
  else if (request.method == "POST") curl_library().easy_setopt(curl.get(), CURLOPT_POSTFIELDS, "");
  if (request.method == "HEAD") curl_library().easy_setopt(curl.get(), CURLOPT_NOBODY, 1L);
  if (request.method == "PATCH") curl_library().easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, "PATCH");
  CURLcode code = curl_library().easy_perform(curl.get());
  if (code == CURLE_ABORTED_BY_CALLBACK && options.cancel && options.cancel->load()) return fail(Code::kCancelled, "cancelled");
  if (body.error) return fail(*body.error);
  if (code == CURLE_OK) {
    curl_library().easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answer.status);
    answer.elsewhere = is_elsewhere(curl.get());
  } else {
    answer.error = *reason ? reason : curl_library().easy_strerror(code);
  }
  return answer;
}

Result<RegistryAnswer> RegistryClient::State::get(const std::string& url, const std::vector<std::string>& headers, bool authorized, const std::string* user,
                                                  const std::string* form) const {
  RegistryRequest request;
  request.url = url;
  request.method = form ? "POST" : "GET";
  request.headers = headers;
  request.authorized = authorized;
  request.user = user;
  request.form = form;
  return perform(request);
}

Status RegistryClient::State::pause(Duration time) const {
  constexpr auto step = std::chrono::milliseconds(100);
  for (Duration left = time; left > Duration::zero(); left -= step) {
    if (options.cancel && options.cancel->load()) return fail(Code::kCancelled, "cancelled");
    ::poll(nullptr, 0, static_cast<int>(step.count()));
  }
  return {};
}

Error RegistryClient::State::error_of(const RegistryAnswer& answer, const std::string& what) const {
  std::string name = reference.familiar();
  if (answer.status == 0) return {Code::kUnavailable, "registry " + reference.registry + " cannot be reached: " + answer.error};
  if (answer.status == 404) {
    std::string told = told_by(answer);
    if (what == kTagList) return {Code::kNotFound, "repository " + reference.name() + " not found" + (told.empty() ? "" : ": " + told)};
    return {Code::kNotFound, what + " for " + name + " not found" + (told.empty() ? "" : ": " + told)};
  }
  if (answer.status == 401 || answer.status == 403)
    return {answer.status == 401 ? Code::kUnauthenticated : Code::kPermissionDenied,
            "pull access denied for " + reference.familiar_name() + ", repository does not exist or may require 'docker login': " +
                (options.credentials.empty() ? "no credentials were given" : "the credentials were refused")};
  if (answer.status == 429) return {Code::kResourceExhausted, "registry " + reference.registry + " asks to wait: too many requests"};
  Code code = answer.status >= 500 ? Code::kUnavailable : Code::kInternal;
  return {code, "registry " + reference.registry + " answers " + std::to_string(answer.status) + " for the " + what + " of " + name};
}

Status RegistryClient::State::fetch_token(const std::string& challenge, const Credentials* credentials) {
  auto values = parameters(challenge);
  std::string realm = values["realm"], scope = values["scope"];
  // What a push needs is known better here than where it is challenged.
  std::vector<std::string> wanted = scopes;
  if (wanted.empty() && !scope.empty()) wanted = {scope};
  if (wanted.empty() && !login) wanted = {"repository:" + reference.repository + ":pull"};
  if (!insecure && !realm.starts_with("https://"))
    return fail(Code::kPermissionDenied, "registry " + reference.registry + " wants its token fetched without TLS");
  std::string query = "service=" + escape(values["service"]), url = realm;
  for (const auto& each : wanted) query += "&scope=" + escape(each);
  std::string user, form;
  if (credentials && !credentials->identity_token.empty()) {
    form = "grant_type=refresh_token&client_id=reigen&refresh_token=" + escape(credentials->identity_token) + "&" + query;
  } else {
    url += (realm.find('?') == std::string::npos ? "?" : "&") + query;
    if (credentials) user = credentials->username + ":" + credentials->password;
    if (login && credentials) url += "&account=" + escape(credentials->username) + "&client_id=docker&offline_token=true";
  }
  TRY_ASSIGN(auto answer, get(url, {}, false, user.empty() ? nullptr : &user, form.empty() ? nullptr : &form));
  if (answer.status != 200) return fail(error_of(answer, "token"));
  simdjson::dom::parser parser;
  TRY_ASSIGN(auto root, parse_document(parser, answer.body, "token"));
  std::string token;
  TRY(read_string(root, "token", token));
  if (token.empty()) TRY(read_string(root, "access_token", token));
  if (login) TRY(read_string(root, "refresh_token", refresh_token));
  if (token.empty() || token.find_first_of("\r\n") != std::string::npos)
    return fail(Code::kUnauthenticated, "the token server of " + reference.registry + " gave no token");
  authorization = "Bearer " + token;
  return {};
}

Status RegistryClient::State::authorize(const RegistryAnswer& answer) {
  if (answer.elsewhere) return fail(error_of(answer, "blob"));
  auto it = answer.headers.find("www-authenticate");
  std::string challenge = it == answer.headers.end() ? "" : it->second;
  auto blank = challenge.find(' ');
  std::string scheme = lower(challenge.substr(0, blank));
  std::string rest = blank == std::string::npos ? "" : challenge.substr(blank + 1);
  // A token for everyone never lets one push, and says nothing about a login.
  bool anonymous = (scopes.empty() && !login) || options.credentials.empty();
  if (scheme == "bearer" && anonymous && !anonymous_tried) {
    anonymous_tried = true;
    if (fetch_token(rest, nullptr)) return {};
  }
  if (next_credentials >= options.credentials.size()) return fail(error_of(answer, "manifest"));
  const auto& credentials = options.credentials[next_credentials++];
  if (!credentials.registry_token.empty()) {
    authorization = "Bearer " + credentials.registry_token;
    return {};
  }
  if (scheme == "basic") {
    authorization = "Basic " + encode_base64(credentials.username + ":" + credentials.password);
    return {};
  }
  if (scheme != "bearer") return fail(error_of(answer, "manifest"));
  auto done = fetch_token(rest, &credentials);
  // Refused by the token server: the next ones may do.
  if (!done && next_credentials < options.credentials.size()) return authorize(answer);
  return done;
}

Result<RegistryAnswer> RegistryClient::State::find_base(const std::string& path, const std::vector<std::string>& headers) {
  std::vector<std::string> bases = {base};
  if (base.empty()) {
    bases = {"https://" + reference.registry_host()};
    if (insecure) bases.push_back("http://" + reference.registry_host());
  }
  RegistryAnswer answer;
  for (const auto& candidate : bases) {
    base = candidate;
    TRY_ASSIGN(answer, get(url(path), headers));
    if (answer.status != 0) break;
    base.clear();
  }
  return answer;
}

Result<RegistryAnswer> RegistryClient::State::settle(const RegistryRequest& request, RegistryAnswer answer) {
  if (answer.status == 401 && !authorization.empty()) {  // what opened it before has expired
    anonymous_tried = false;
    next_credentials = 0;
  }
  for (size_t tries = 0; (answer.status == 401 || answer.status == 403) && tries < options.credentials.size() + 2; ++tries) {
    TRY(authorize(answer));
    TRY_ASSIGN(answer, perform(request));
  }
  for (int waits = 0; answer.status == 429 && waits < kMaxWaits; ++waits) {
    TRY(pause(std::chrono::seconds(retry_after(answer))));
    TRY_ASSIGN(answer, perform(request));
  }
  return answer;
}

Result<RegistryAnswer> RegistryClient::State::ask(const std::string& path, const std::vector<std::string>& headers) {
  RegistryAnswer first;
  RegistryRequest request;
  request.headers = headers;
  if (base.empty()) {
    TRY_ASSIGN(first, find_base(path, headers));
    request.url = url(path);
  } else {
    request.url = url(path);
    TRY_ASSIGN(first, perform(request));
  }
  return settle(request, std::move(first));
}

Result<RegistryAnswer> RegistryClient::State::ask(const RegistryRequest& request) {
  TRY_ASSIGN(auto first, perform(request));
  return settle(request, std::move(first));
}

Result<std::vector<std::string>> RegistryClient::tags() {
  std::vector<std::string> out;
  std::string last;
  while (out.size() < kMaxTags) {
    TRY_ASSIGN(auto answer, state_->ask("tags/list?n=1000" + (last.empty() ? "" : "&last=" + escape(last)), {"Accept: application/json"}));
    if (answer.status != 200) return fail(state_->error_of(answer, std::string(kTagList)));
    simdjson::dom::parser parser;
    TRY_ASSIGN(auto root, parse_document(parser, answer.body, "list of tags"));
    std::vector<std::string> more;
    TRY(read_strings(root, "tags", more));
    out.insert(out.end(), more.begin(), more.end());
    // A registry without pages gives all at once, whatever was asked.
    if (more.empty() || !answer.headers.contains("link")) break;
    last = more.back();
  }
  return out;
}

Result<std::string> RegistryClient::manifest(const std::string& tag) {
  std::string accept = "Accept: ";
  for (auto type : {media::kOciIndex, media::kOciManifest, media::kDockerIndex, media::kDockerManifest}) accept += std::string(type) + ", ";
  accept += "*/*;q=0.1";
  TRY_ASSIGN(auto answer, state_->ask("manifests/" + tag, {accept}));
  if (answer.status != 200) return fail(state_->error_of(answer, "manifest"));
  std::string digest = digest_of(answer.body);
  if (is_digest(tag) && digest != tag) return fail(Code::kDataLoss, "manifest " + tag + " came with digest " + digest);
  return std::move(answer.body);
}

Result<std::string> RegistryClient::document(const std::string& digest) {
  TRY_ASSIGN(auto answer, state_->ask("blobs/" + digest, {}));
  if (answer.status != 200) return fail(state_->error_of(answer, "configuration " + digest));
  std::string actual = digest_of(answer.body);
  if (actual != digest) return fail(Code::kDataLoss, "configuration " + digest + " came with digest " + actual);
  return std::move(answer.body);
}

}  // namespace reigen::image
