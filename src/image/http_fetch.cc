#include "image/http_fetch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <optional>

#include "base/check.h"
#include "base/fd.h"
#include "base/files.h"
#include "image/byte_source.h"
#include "image/curl_library.h"

namespace reigen::image {
namespace {

struct Fetch {
  Fd fd;
  std::string path;
  uint64_t have = 0, limit = 0;
  std::atomic<bool>* cancel = nullptr;
  std::string disposition;
  std::optional<Error> error;
};

size_t take_bytes(char* data, size_t size, size_t count, void* self) {
  auto& fetch = *static_cast<Fetch*>(self);
  size *= count;
  if (fetch.have + size > fetch.limit) {
    fetch.error = Error(Code::kResourceExhausted, "has more than " + std::to_string(fetch.limit) + " bytes");
    return 0;
  }
  if (auto done = write_fully(fetch.fd.get(), {data, size}, fetch.path); !done) {
    fetch.error = done.error();
    return 0;
  }
  fetch.have += size;
  return size;
}

size_t take_header(char* data, size_t size, size_t count, void* self) {
  auto& fetch = *static_cast<Fetch*>(self);
  std::string line(data, size * count);
  constexpr std::string_view name = "content-disposition:";
  bool is = line.size() > name.size() && std::equal(name.begin(), name.end(), line.begin(), [](char a, unsigned char b) { return a == std::tolower(b); });
  if (is && line.size() < 4096) fetch.disposition = line.substr(name.size());
  return size * count;
}

int watch(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto* cancel = static_cast<Fetch*>(self)->cancel;
  return cancel && cancel->load() ? 1 : 0;
}

bool is_file_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find_first_of(std::string("/\0", 2)) == std::string::npos;
}

std::string name_of(const std::string& url, const std::string& disposition) {
  std::string path = url.substr(url.find("://") + 3);
  path = path.substr(0, path.find_first_of("?#"));
  auto slash = path.find('/');
  path = slash == std::string::npos ? "" : path.substr(slash + 1);
  if (!path.empty() && !path.ends_with('/')) {
    std::string base = path.substr(path.rfind('/') + 1);
    if (is_file_name(base)) return base;
  }
  auto at = disposition.find("filename=");
  if (at == std::string::npos) return "";
  std::string name = disposition.substr(at + 9);
  name = name.starts_with('"') ? name.substr(1, name.find('"', 1) - 1) : name.substr(0, name.find_first_of("; \r\n"));
  return is_file_name(name) ? name : "";
}

void set_options(CURL* curl, Fetch& fetch, const std::string& url, char* reason) {
  curl_library().easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_library().easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_library().easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_library().easy_setopt(curl, CURLOPT_MAXREDIRS, 10L);
  curl_library().easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_library().easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_library().easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 15L);
  curl_library().easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_library().easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 60L);
  curl_library().easy_setopt(curl, CURLOPT_USERAGENT, "reigen");
  curl_library().easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_library().easy_setopt(curl, CURLOPT_FILETIME, 1L);
  curl_library().easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
  curl_library().easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
  curl_library().easy_setopt(curl, CURLOPT_WRITEDATA, &fetch);
  curl_library().easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
  curl_library().easy_setopt(curl, CURLOPT_HEADERDATA, &fetch);
  curl_library().easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_library().easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch);
  curl_library().easy_setopt(curl, CURLOPT_XFERINFODATA, &fetch);
}

}  // namespace

Result<FetchedFile> fetch_url(const std::string& url, const std::string& folder, uint64_t limit, std::atomic<bool>* cancel) {
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    return fail(Code::kInvalidArgument, "\"" + url.substr(0, 200) + "\" is no http or https URL");
  TRY(load_curl());
  std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_library().easy_init(), curl_library().easy_cleanup);
  CHECK(curl != nullptr);
  Fetch fetch;
  fetch.limit = limit;
  fetch.cancel = cancel;
  TRY_ASSIGN(auto own, make_temporary_directory(folder, "fetch-"));
  fetch.path = own + "/file";
  fetch.fd = Fd(::open(fetch.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fetch.fd) return fail_errno("open " + fetch.path);
  char reason[CURL_ERROR_SIZE] = {};
  set_options(curl.get(), fetch, url, reason);
  CURLcode code = curl_library().easy_perform(curl.get());
  if (code == CURLE_ABORTED_BY_CALLBACK) return fail(Code::kCancelled, "cancelled");
  if (fetch.error) return fail(std::move(*fetch.error).context(url));
  if (code == CURLE_HTTP_RETURNED_ERROR) {
    long status = 0;
    curl_library().easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    return fail(Code::kUnavailable, "failed to GET " + url + " with status " + std::to_string(status));
  }
  if (code != CURLE_OK) return fail(Code::kUnavailable, "Get \"" + url + "\": " + (*reason ? reason : curl_library().easy_strerror(code)));
  curl_off_t when = 0;
  curl_library().easy_getinfo(curl.get(), CURLINFO_FILETIME_T, &when);
  timespec times[2] = {{std::max<curl_off_t>(when, 0), 0}, {std::max<curl_off_t>(when, 0), 0}};
  ::futimens(fetch.fd.get(), times);
  FetchedFile out{fetch.path, name_of(url, fetch.disposition), ""};
  const char* type = nullptr;
  curl_library().easy_getinfo(curl.get(), CURLINFO_CONTENT_TYPE, &type);
  if (type) out.content_type = std::string(type).substr(0, std::string(type).find(';'));
  std::ranges::transform(out.content_type, out.content_type.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

}  // namespace reigen::image
