// A file from a web server: what ADD of a URL and a build's remote context need.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace reigen::image {

struct FetchedFile {
  std::string path;
  std::string name;          // as the URL or Content-Disposition says; empty when neither does
  std::string content_type;  // without parameters, lower case
};

// Writes into a new file (mode 0600) in `folder`, its time that of Last-Modified or 1970. http and https, at most 10 redirects, proxies of the
// environment. kInvalidArgument for another scheme, kUnavailable "… server replied with status …" or what libcurl says, kResourceExhausted
// beyond `limit` bytes, kCancelled.
Result<FetchedFile> fetch_url(const std::string& url, const std::string& folder, uint64_t limit, std::atomic<bool>* cancel = nullptr);

}  // namespace reigen::image
