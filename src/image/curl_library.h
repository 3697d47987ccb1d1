// libcurl, loaded when the first registry or URL is asked and not before: with the thirty libraries it brings it would cost every process of ours, helpers
// and short commands too, some megabytes and milliseconds at their start. Thread-safe.
#pragma once

#include <curl/curl.h>

#include "base/result.h"

namespace reigen::image {

// The functions that are used, under libcurl's names without "curl_".
struct CurlLibrary {
  decltype(&::curl_global_init) global_init;
  decltype(&::curl_free) free;
  decltype(&::curl_easy_init) easy_init;
  decltype(&::curl_easy_cleanup) easy_cleanup;
  decltype(&::curl_easy_escape) easy_escape;
  decltype(&::curl_easy_getinfo) easy_getinfo;
  decltype(&::curl_easy_perform) easy_perform;
  decltype(&::curl_easy_setopt) easy_setopt;
  decltype(&::curl_easy_strerror) easy_strerror;
  decltype(&::curl_multi_add_handle) multi_add_handle;
  decltype(&::curl_multi_cleanup) multi_cleanup;
  decltype(&::curl_multi_info_read) multi_info_read;
  decltype(&::curl_multi_init) multi_init;
  decltype(&::curl_multi_perform) multi_perform;
  decltype(&::curl_multi_poll) multi_poll;
  decltype(&::curl_multi_remove_handle) multi_remove_handle;
  decltype(&::curl_slist_append) slist_append;
  decltype(&::curl_slist_free_all) slist_free_all;
};

// kUnavailable, naming the library, where it cannot be loaded. Asked again it answers the same.
Status load_curl();

// Only after load_curl() was fine.
const CurlLibrary& curl_library();

}  // namespace reigen::image
