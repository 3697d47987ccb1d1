#include "apiserver/request_info.h"

#include <span>

#include "http/message.h"

namespace reigen::apiserver {
namespace {

std::string_view verb_of_method(std::string_view method) {
  if (method == "GET" || method == "HEAD") return "get";
  if (method == "POST") return "create";
  if (method == "PUT") return "update";
  if (method == "PATCH") return "patch";
  if (method == "DELETE") return "delete";
  return "";
}

std::string_view lower_method(std::string_view method) {
  if (method == "GET") return "get";
  if (method == "POST") return "post";
  if (method == "PUT") return "put";
  if (method == "PATCH") return "patch";
  if (method == "DELETE") return "delete";
  if (method == "HEAD") return "head";
  if (method == "OPTIONS") return "options";
  return "other";
}

bool takes_selectors(std::string_view verb) { return verb == "list" || verb == "watch" || verb == "deletecollection"; }

// The value of metadata.name=x in a field selector, or "".
std::string_view exact_name(std::string_view selector) {
  while (!selector.empty()) {
    size_t comma = selector.find(',');
    std::string_view term = selector.substr(0, comma);
    constexpr std::string_view kName = "metadata.name=";
    if (term.starts_with(kName)) {
      std::string_view value = term.substr(kName.size());
      if (value.starts_with('=')) value.remove_prefix(1);
      bool plain = !value.empty() && value != "." && value != ".." && value.find_first_of("/%\\") == std::string_view::npos;
      return plain ? value : std::string_view();
    }
    selector = comma == std::string_view::npos ? std::string_view() : selector.substr(comma + 1);
  }
  return {};
}

// The offset in raw_path after its n-th segment.
size_t offset_after(std::string_view raw_path, size_t n) {
  size_t at = 0;
  for (size_t i = 0; i < n; ++i) {
    while (at < raw_path.size() && raw_path[at] == '/') ++at;
    while (at < raw_path.size() && raw_path[at] != '/') ++at;
  }
  return at;
}

void read_parts(const http::Request& request, std::span<const std::string> parts, RequestInfo& info) {
  const size_t consumed = request.segments.size() - parts.size();
  info.resource = parts[0];
  size_t used = 1;
  if (parts.size() >= 2) info.name = parts[1], used = 2;
  if (parts.size() >= 3 && info.verb != "proxy") info.subresource = parts[2], used = 3;
  for (const std::string& part : parts.subspan(used)) info.rest.push_back(part);
  info.rest_offset = offset_after(request.raw_path, consumed + used);
  info.name_in_path = info.name;
}

void read_list_verbs(const http::Request& request, RequestInfo& info) {
  if (info.name.empty() && info.verb == "get") {
    const std::string* watch = request.query.find("watch");
    info.verb = watch && query_bool(*watch) ? "watch" : "list";
    if (const std::string* fields = request.query.find("fieldSelector")) info.name = exact_name(*fields);
  }
  if (info.name.empty() && info.verb == "delete") info.verb = "deletecollection";
  if (info.verb_in_path || !takes_selectors(info.verb)) return;
  info.field_selector = request.query.get("fieldSelector");
  info.label_selector = request.query.get("labelSelector");
}

}  // namespace

bool query_bool(std::string_view value) { return !(value == "0" || http::iequals(value, "false")); }

Result<RequestInfo> parse_request_info(const http::Request& request) {
  RequestInfo info;
  info.path = request.path;
  info.verb = lower_method(request.method);
  std::span<const std::string> parts(request.segments);
  if (parts.size() < 3 || (parts[0] != "api" && parts[0] != "apis")) return info;
  info.prefix = parts[0];
  parts = parts.subspan(1);
  if (info.prefix == "apis") {
    if (parts.size() < 3) return info;
    info.group = parts[0];
    parts = parts.subspan(1);
  }
  info.resource_request = true;
  info.version = parts[0];
  parts = parts.subspan(1);
  if (parts[0] == "proxy" || parts[0] == "watch") {
    if (parts.size() < 2) return fail(Code::kInvalidArgument, "unable to determine kind and namespace from url, " + request.target);
    info.verb = parts[0] == "proxy" ? "proxy" : "watch";
    info.verb_in_path = true;
    parts = parts.subspan(1);
  } else {
    info.verb = verb_of_method(request.method);
  }
  if (parts[0] == "namespaces" && parts.size() > 1) {
    info.namespace_ = parts[1];
    if (parts.size() > 2 && parts[2] != "status" && parts[2] != "finalize") parts = parts.subspan(2);
  }
  read_parts(request, parts, info);
  read_list_verbs(request, info);
  return info;
}

}  // namespace reigen::apiserver
