#include "apiserver/subresource/proxy.h"

#include <charconv>

#include "api/corev1.h"
#include "api/errors.h"
#include "api/metav1.h"
#include "apiserver/core.h"
#include "apiserver/http_answer.h"
#include "apiserver/node_dialer.h"
#include "apiserver/subresource/link_rewriter.h"
#include "apiserver/subresource/stream_answer.h"
#include "http/client.h"
#include "http/server.h"
#include "http/tls.h"

namespace reigen::apiserver {
namespace {

// "[scheme:]name[:port]".
struct ProxyName {
  std::string scheme = "http", name, port;
};

ProxyName split_name(std::string_view text) {
  ProxyName out;
  size_t first = text.find(':');
  if (first == std::string_view::npos) {
    out.name = text;
    return out;
  }
  size_t second = text.find(':', first + 1);
  if (second == std::string_view::npos) {
    out.name = text.substr(0, first);
    out.port = text.substr(first + 1);
    return out;
  }
  if (!text.substr(0, first).empty()) out.scheme = text.substr(0, first);
  out.name = text.substr(first + 1, second - first - 1);
  out.port = text.substr(second + 1);
  return out;
}

struct Destination {
  std::string node, address;
  uint16_t port = 0;
  std::string scheme = "http";
};

std::optional<uint16_t> number_of(std::string_view text) {
  uint16_t port = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

Result<Destination> pod_destination(Call& call, const ProxyName& name) {
  TRY_ASSIGN(api::Object object, call.core.reader.get("", "pods", call.ns(), name.name));
  const auto& pod = object.as<api::corev1::Pod>();
  Destination to{.node = pod.spec.node_name, .address = pod.status.pod_ip, .port = 0, .scheme = name.scheme};
  if (auto port = number_of(name.port)) to.port = *port;
  for (const auto& container : pod.spec.containers)
    for (const auto& port : container.ports)
      if (to.port == 0 && (name.port.empty() || port.name == name.port)) to.port = static_cast<uint16_t>(port.container_port);
  if (to.port == 0) to.port = 80;
  if (to.address.empty()) return reigen::fail(api::bad_request("address not allowed"));
  return to;
}

bool port_matches(const api::corev1::ServicePort& port, std::string_view wanted) {
  if (wanted.empty() || port.name == wanted) return true;
  return std::to_string(port.port) == wanted;
}

Result<Destination> service_destination(Call& call, const ProxyName& name) {
  TRY_ASSIGN(api::Object object, call.core.reader.get("", "services", call.ns(), name.name));
  const auto& service = object.as<api::corev1::Service>();
  std::optional<std::string> port_name;
  for (const auto& port : service.spec.ports)
    if (!port_name && port_matches(port, name.port)) port_name = port.name;
  if (!port_name) return reigen::fail(api::service_unavailable("no service port \"" + name.port + "\" found for service \"" + name.name + "\""));
  auto endpoints = call.core.reader.get("", "endpoints", call.ns(), name.name);
  if (!endpoints) return reigen::fail(std::move(endpoints).error());
  std::vector<Destination> all;
  for (const auto& subset : endpoints->as<api::corev1::Endpoints>().subsets)
    for (const auto& port : subset.ports)
      if (port.name == *port_name)
        for (const auto& address : subset.addresses) all.push_back({address.node_name.value_or(""), address.ip, static_cast<uint16_t>(port.port), name.scheme});
  if (all.empty()) return reigen::fail(api::service_unavailable("no endpoints available for service \"" + name.name + "\""));
  return all[call.core.random.below(all.size())];
}

bool is_html(const http::Headers& headers) {
  std::string_view type = headers.get("Content-Type");
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return type == "text/html" && !headers.has("Content-Encoding");
}

// Pages and redirections lead through the proxy again.
void keep_links_inside(const http::Request& request, const std::string& prefix, http::ProxyOptions& options) {
  LinkBase base{prefix, options.host};
  options.set_headers.set("X-Forwarded-Uri", prefix + options.target.substr(0, options.target.find('?')));
  // What asks for pages gets them unpacked: links inside gzip are out of reach.
  if (request.headers.get("Accept").find("text/html") != std::string_view::npos) options.remove_headers.push_back("Accept-Encoding");
  options.on_head = [base](int, http::Headers& headers) {
    if (const std::string* location = headers.find("Location")) headers.set("Location", base.rewrite(std::string(*location)));
  };
  options.make_filter = [base](int, const http::Headers& headers) -> http::ProxyOptions::Filter {
    if (!is_html(headers) || headers.has("Location")) return nullptr;
    return [rewriter = std::make_shared<LinkRewriter>(base)](std::string piece) { return piece.empty() ? rewriter->end() : rewriter->feed(piece); };
  };
}

void proxy_to(const CallPtr& call, Destination to) {
  http::ProxyOptions options;
  const std::string& raw = call->request->raw_path;
  std::string rest(call->info.rest_offset < raw.size() ? raw.substr(call->info.rest_offset) : std::string_view());
  options.target = rest.empty() ? "/" : rest;
  if (!call->request->raw_query.empty()) options.target += "?" + call->request->raw_query;
  options.host = to.address.find(':') == std::string::npos ? to.address + ":" + std::to_string(to.port) : "[" + to.address + "]:" + std::to_string(to.port);
  options.tls = to.scheme == "https";
  if (options.tls) {
    auto tls = http::ClientTls::create({.ca_pem = {}, .insecure = true, .server_name = {}, .identity = {}});
    if (!tls) return call->fail(api::internal_error(tls.error().message()));
    options.tls_context = std::move(*tls);
  }
  options.remove_headers = {"Authorization"};
  keep_links_inside(*call->request, raw.substr(0, call->info.rest_offset), options);
  options.on_error = [call](http::Responder&, const Error& error) {
    call->fail(api::service_unavailable("error trying to reach service: " + error.message()));
  };
  count_answer(*call, 200);
  NodeDialer* dialer = call->core.dialer;
  auto dial = [dialer, to](http::Dialed done) {
    dialer->dial(to.node, to.address, to.port, [done = std::move(done)](Result<std::shared_ptr<ByteStream>> stream) mutable { done(std::move(stream)); });
  };
  http::proxy(call->request, call->responder, std::move(dial), std::move(options));
}

void node_proxy(const CallPtr& call, const ProxyName& name) {
  auto node = call->core.reader.get("", "nodes", "", name.name);
  if (!node) return call->fail(node.error());
  std::string_view raw = call->request->raw_path;
  NodeHttpRequest request;
  request.node = name.name;
  request.method = call->request->method;
  request.path_and_query = call->info.rest_offset < raw.size() ? std::string(raw.substr(call->info.rest_offset)) : "/";
  if (!call->request->raw_query.empty()) request.path_and_query += "?" + call->request->raw_query;
  request.body = call->request->body;
  call->core.dialer->node_http(std::move(request), [call](Result<NodeHttpResponse> response) {
    if (!response) return call->fail(api::service_unavailable("error trying to reach service: " + response.error().message()));
    count_answer(*call, response->status);
    http::Headers headers = answer_headers(*call, response->content_type);
    if (!response->location.empty()) headers.set("Location", response->location);
    if (!response->stream) return call->responder->send(response->status, std::move(headers), std::move(response->body));
    call->responder->start(response->status, std::move(headers));
    stream_answer(std::move(response->stream), call->responder);
  });
}

// A path that ends with the name leads to the same with a slash, so that relative links work.
bool redirect(const CallPtr& call) {
  bool bare = call->info.rest_offset >= call->request->raw_path.size();
  if (!bare || (call->request->method != "GET" && call->request->method != "HEAD")) return false;
  http::Headers headers;
  headers.add("Location", call->request->raw_path + "/" + (call->request->raw_query.empty() ? "" : "?" + call->request->raw_query));
  call->responder->send(301, std::move(headers), http::Body());
  return true;
}

}  // namespace

void do_proxy(const CallPtr& call) {
  if (!call->core.dialer) return call->fail(api::service_unavailable("this server reaches no nodes"));
  if (!call->responder) return call->fail(api::bad_request("a proxy needs a connection"));
  if (call->info.verb != "proxy" && redirect(call)) return;
  ProxyName name = split_name(call->name());
  std::string_view plural = call->resource->plural();
  if (plural == "nodes") return node_proxy(call, name);
  if (plural != "pods" && plural != "services") return call->fail(api::unknown_path());
  auto to = plural == "pods" ? pod_destination(*call, name) : service_destination(*call, name);
  if (!to) return call->fail(to.error());
  proxy_to(call, std::move(*to));
}

}  // namespace reigen::apiserver
