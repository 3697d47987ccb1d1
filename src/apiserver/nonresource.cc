#include "apiserver/nonresource.h"

#include <algorithm>

#include "api/errors.h"
#include "apiserver/api_server.h"
#include "apiserver/chain.h"
#include "apiserver/codec.h"
#include "apiserver/core.h"
#include "apiserver/http_answer.h"
#include "http/server.h"

namespace reigen::apiserver {
namespace {

constexpr std::string_view kVersion =
    R"({
  "major": "1",
  "minor": "32",
  "gitVersion": "v1.32.0+reigen",
  "gitCommit": "",
  "gitTreeState": "clean",
  "buildDate": "1970-01-01T00:00:00Z",
  "goVersion": "",
  "compiler": "g++",
  "platform": "linux/amd64"
})";

void send_text(Call& call, int code, std::string text) {
  count_answer(call, code);
  http::Headers headers = answer_headers(call, "text/plain; charset=utf-8");
  headers.add("X-Content-Type-Options", "nosniff");
  call.responder->send(code, std::move(headers), std::move(text));
}

void send_json(Call& call, int code, http::Body json) {
  count_answer(call, code);
  call.responder->send(code, answer_headers(call, "application/json"), std::move(json));
}

void not_found_page(Call& call) { send_text(call, 404, "404 page not found\n"); }

// /healthz, /livez, /readyz and their parts.
class Health {
 public:
  Health(Call& call, const ApiServerOptions& options, std::string_view root) : call_(call), root_(root) {
    checks_.push_back({"ping", [] { return Status(); }, true});
    checks_.push_back({"log", [] { return Status(); }, true});
    checks_.push_back({"store", [&call] { return call.core.store.health(); }, true});
    for (const HealthCheck& check : options.health)
      if (check.live || root != "livez") checks_.push_back(check);
  }

  void one(std::string_view name) {
    auto found = std::ranges::find(checks_, name, &HealthCheck::name);
    if (found == checks_.end()) return not_found_page(call_);
    Status status = found->check();
    if (status) return send_text(call_, 200, "ok");
    send_text(call_, 500, "internal server error: " + status.error().message() + "\n");
  }

  void all() {
    auto excluded = call_.request->query.all("exclude");
    std::string lines;
    bool good = true;
    for (HealthCheck& check : checks_) {
      if (std::ranges::find(excluded, std::string_view(check.name)) != excluded.end()) {
        lines += "[+]" + check.name + " excluded: ok\n";
        continue;
      }
      Status status = check.check();
      good = good && status;
      lines += status ? "[+]" + check.name + " ok\n" : "[-]" + check.name + " failed: reason withheld\n";
    }
    if (!good) return send_text(call_, 500, lines + std::string(root_) + " check failed\n");
    if (!call_.request->query.has("verbose")) return send_text(call_, 200, "ok");
    send_text(call_, 200, lines + std::string(root_) + " check passed\n");
  }

 private:
  Call& call_;
  std::string_view root_;
  std::vector<HealthCheck> checks_;
};

void serve_metrics(Call& call) {
  Core& core = call.core;
  std::string text = core.metrics.text();
  auto gauge = [&](std::string_view name, std::string_view help, int64_t value) {
    text += "# HELP " + std::string(name) + " " + std::string(help) + "\n# TYPE " + std::string(name) + " gauge\n" + std::string(name) + " " +
            std::to_string(value) + "\n";
  };
  gauge("apiserver_longrunning_requests", "Watches being served.", core.watches.load());
  gauge("reigen_store_revision", "Newest durable revision.", core.store.current_revision());
  gauge("reigen_store_compacted_revision", "Oldest revision watches can resume from.", core.store.compacted_revision());
  gauge("reigen_object_cache_bytes", "Bytes of decoded and encoded objects kept.", static_cast<int64_t>(core.cache.bytes()));
  text += "# HELP apiserver_storage_objects Stored objects by resource.\n# TYPE apiserver_storage_objects gauge\n";
  for (const auto& resource : core.registry.resources()) {
    if (resource->virtual_ || resource->kind != resource->stored) continue;
    auto count = core.store.count(resource->key_prefix);
    if (count) text += "apiserver_storage_objects{resource=\"" + resource->name().to_string() + "\"} " + std::to_string(*count) + "\n";
  }
  count_answer(call, 200);
  call.responder->send(200, answer_headers(call, "text/plain; version=0.0.4; charset=utf-8"), std::move(text));
}

bool serve_health(Call& call, const ApiServerOptions& options, std::string_view path) {
  for (std::string_view root : {"healthz", "livez", "readyz"}) {
    if (!path.starts_with(root)) continue;
    std::string_view rest = path.substr(root.size());
    if (!rest.empty() && rest.front() != '/') continue;
    Health health(call, options, root);
    if (rest.size() <= 1) health.all();
    else health.one(rest.substr(1));
    return true;
  }
  return false;
}

bool serve_openid(Call& call, const ApiServerOptions& options, std::string_view path) {
  bool keys = path == "/openid/v1/jwks";
  const std::string& document = keys ? options.openid_keys : options.openid_configuration;
  if ((!keys && path != "/.well-known/openid-configuration") || document.empty()) return false;
  count_answer(call, 200);
  http::Headers headers = answer_headers(call, keys ? "application/jwk-set+json" : "application/json");
  headers.set("Cache-Control", "public, max-age=3600");
  call.responder->send(200, std::move(headers), document);
  return true;
}

bool serve_openapi(Call& call, const ApiServerOptions& options, std::string_view path) {
  if (path != "/openapi/v2" && path != "/openapi/v3" && !path.starts_with("/openapi/v3/")) return false;
  std::string_view known = call.request->headers.get("If-None-Match");
  if (known.starts_with("W/")) known.remove_prefix(2);
  if (known.size() >= 2 && known.starts_with('"') && known.ends_with('"')) known = known.substr(1, known.size() - 2);
  OpenApiDocument document;
  if (options.openapi) document = options.openapi->document(path, call.request->headers.get("Accept"), known);
  else if (path == "/openapi/v3") document = {std::make_shared<const std::string>("{\"paths\":{}}\n"), "application/json", ""};
  int code = document.body ? 200 : document.etag.empty() ? 404 : 304;
  count_answer(call, code);
  if (code == 404) {
    call.responder->send(404, {}, http::Body());
    return true;
  }
  http::Headers headers = answer_headers(call, document.media_type);
  headers.add("Vary", "Accept");
  if (!document.etag.empty()) headers.add("Etag", "\"" + document.etag + "\"");
  // An address with its content's hash never answers anything else.
  if (!document.etag.empty() && call.request->query.get("hash") == document.etag) headers.set("Cache-Control", "public, max-age=31536000, immutable");
  call.responder->send(code, std::move(headers), code == 304 ? http::Body() : http::Body(std::move(document.body)));
  return true;
}

void serve_discovery(Call& call, std::string_view path) {
  auto type = negotiate_output(call.request->headers.get("Accept"), {.table = false, .partial = false, .partial_list = false, .discovery = true});
  if (!type) return call.fail(not_acceptable(call.request->headers.get("Accept")));
  auto document = call.core.discovery.find(path, type->shape);
  if (!document) {
    // A version below a known group, or of core, is answered in the API's own form.
    const auto& segments = call.request->segments;
    bool core = !segments.empty() && segments[0] == "api";
    bool known_group = segments.size() > 1 && call.core.discovery.find("/apis/" + segments[1], Shape::kPlain);
    if ((core && segments.size() == 2) || (!core && segments.size() == 3 && known_group)) return call.fail(api::unknown_path());
    return not_found_page(call);
  }
  bool aggregated = type->shape == Shape::kDiscoveryV2 || type->shape == Shape::kDiscoveryV2Beta1;
  count_answer(call, 200);
  std::string media = "application/json";
  if (aggregated && (path == "/api" || path == "/apis"))
    media += std::string(";g=apidiscovery.k8s.io;v=") + (type->shape == Shape::kDiscoveryV2 ? "v2" : "v2beta1") + ";as=APIGroupDiscoveryList";
  http::Headers headers = answer_headers(call, media);
  headers.add("Vary", "Accept");
  if (type->encoding == Encoding::kProtobuf) {
    if (auto bytes = json_to_protobuf(*document)) {
      headers.set("Content-Type", std::string(media_type_of(Encoding::kProtobuf)));
      return call.responder->send(200, std::move(headers), std::move(*bytes));
    }
  }
  if (type->encoding == Encoding::kYaml) {
    headers.set("Content-Type", "application/yaml");
    return call.responder->send(200, std::move(headers), json_to_yaml(*document));
  }
  call.responder->send(200, std::move(headers), http::Body(document));
}

}  // namespace

void serve_nonresource(Call& call, const ApiServerOptions& options) {
  std::string_view path = call.info.path;
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  bool reads = call.request->method == "GET" || call.request->method == "HEAD";
  if (path == "/version") return reads ? send_json(call, 200, std::string(kVersion)) : call.fail(api::method_not_supported({"", ""}, ""));
  if (path == "/metrics") return serve_metrics(call);
  if (serve_health(call, options, path.substr(1))) return;
  if (serve_openapi(call, options, path)) return;
  if (reads && serve_openid(call, options, path)) return;
  if (path == "/")
    return send_json(
        call, 200,
        "{\"paths\":[\"/api\",\"/api/v1\",\"/apis\",\"/healthz\",\"/livez\",\"/metrics\",\"/openapi/v2\",\"/openapi/v3\",\"/readyz\",\"/version\"]}\n");
  if (path == "/api" || path == "/apis" || path.starts_with("/api/") || path.starts_with("/apis/")) return serve_discovery(call, path);
  not_found_page(call);
}

}  // namespace reigen::apiserver
