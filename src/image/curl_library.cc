#include "image/curl_library.h"

#include <dlfcn.h>

#include <string>

#include "base/check.h"

namespace reigen::image {
namespace {

constexpr const char* kName = "libcurl.so.4";

struct Loaded {
  CurlLibrary library{};
  std::string error;  // empty: all is there
};

Loaded load() {
  Loaded out;
  void* handle = ::dlopen(kName, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char* reason = ::dlerror();
    out.error = std::string("registries and URLs need ") + kName + ": " + (reason ? reason : "not found");
    return out;
  }
  auto find = [&]<class Function>(Function*& function, const char* name) {
    function = reinterpret_cast<Function*>(::dlsym(handle, name));
    if (!function && out.error.empty()) out.error = std::string(kName) + " is too old: it has no " + name;
  };
  CurlLibrary& library = out.library;
  find(library.global_init, "curl_global_init");
  find(library.free, "curl_free");
  find(library.easy_init, "curl_easy_init");
  find(library.easy_cleanup, "curl_easy_cleanup");
  find(library.easy_escape, "curl_easy_escape");
  find(library.easy_getinfo, "curl_easy_getinfo");
  find(library.easy_perform, "curl_easy_perform");
  find(library.easy_setopt, "curl_easy_setopt");
  find(library.easy_strerror, "curl_easy_strerror");
  find(library.multi_add_handle, "curl_multi_add_handle");
  find(library.multi_cleanup, "curl_multi_cleanup");
  find(library.multi_info_read, "curl_multi_info_read");
  find(library.multi_init, "curl_multi_init");
  find(library.multi_perform, "curl_multi_perform");
  find(library.multi_poll, "curl_multi_poll");
  find(library.multi_remove_handle, "curl_multi_remove_handle");
  find(library.slist_append, "curl_slist_append");
  find(library.slist_free_all, "curl_slist_free_all");
  if (out.error.empty() && library.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) out.error = std::string(kName) + " does not start";
  return out;
}

const Loaded& loaded() {
  static const Loaded once = load();
  return once;
}

}  // namespace

Status load_curl() {
  if (!loaded().error.empty()) return fail(Code::kUnavailable, loaded().error);
  return {};
}

const CurlLibrary& curl_library() {
  CHECK(loaded().error.empty());
  return loaded().library;
}

}  // namespace reigen::image
