#include "image/registry_login.h"

#include "image/digest.h"
#include "image/json_reader.h"
#include "image/json_writer.h"
#include "image/manifest.h"
#include "image/registry_state.h"

namespace reigen::image {
namespace {

// "https://index.docker.io/v1/" and "registry.example.com:5000/" name a host each.
std::string host_of_server(std::string server) {
  for (const char* scheme : {"https://", "http://"})
    if (server.starts_with(scheme)) server.erase(0, std::string_view(scheme).size());
  server = server.substr(0, server.find('/'));
  if (server.empty() || server == "index.docker.io" || server == "registry-1.docker.io") return "docker.io";
  return server;
}

void write_platform(JsonWriter& json, const Platform& platform) {
  json.begin_object().key("architecture").value(platform.architecture).key("os").value(platform.os);
  if (!platform.variant.empty()) json.key("variant").value(platform.variant);
  json.end_object();
}

Result<std::string> type_of(const std::string& manifest, bool index) {
  simdjson::dom::parser parser;
  TRY_ASSIGN(auto root, parse_document(parser, manifest, "image manifest"));
  std::string type;
  TRY(read_string(root, "mediaType", type));
  if (type.empty()) type = index ? media::kOciIndex : media::kOciManifest;
  return type;
}

}  // namespace

Result<std::string> check_login(const std::string& server, const Credentials& credentials, const PullerOptions& options) {
  std::string host = host_of_server(server);
  // A name on that server, so that it is checked as one; nothing is asked about the repository.
  auto reference = parse_reference(host + "/login");
  if (!reference || reference->registry != host) return fail(Code::kInvalidArgument, "\"" + server.substr(0, 200) + "\" is no registry");
  PullOptions pull;
  pull.credentials = {credentials};
  RegistryClient client(*reference, options, pull);
  auto& state = client.state();
  state.login = true;
  TRY_ASSIGN(auto answer, state.ask("", {}));
  if (answer.status == 0) return fail(state.error_of(answer, "registry"));
  if (answer.status != 200) return fail(Code::kUnauthenticated, "login attempt to " + state.base + "/v2/ failed with status: " + std::to_string(answer.status));
  return state.refresh_token;
}

Result<std::string> inspect_remote(const Reference& reference, const PullOptions& options, const PullerOptions& settings) {
  RegistryClient client(reference, settings, options);
  TRY_ASSIGN(auto text, client.manifest(reference.digest.empty() ? reference.tag : reference.digest));
  TRY_ASSIGN(bool index, is_index(text));
  TRY_ASSIGN(auto type, type_of(text, index));
  JsonWriter json;
  json.begin_object().key("Descriptor").begin_object().key("mediaType").value(type).key("digest").value(digest_of(text));
  json.key("size").value(static_cast<int64_t>(text.size())).end_object().key("Platforms").begin_array();
  if (index) {
    TRY_ASSIGN(auto list, parse_index(text));
    for (const auto& entry : list.manifests) write_platform(json, entry.platform);
  } else {
    TRY_ASSIGN(auto manifest, parse_manifest(text));
    TRY_ASSIGN(auto config_text, client.document(manifest.config.digest));
    TRY_ASSIGN(auto config, parse_image_config(config_text));
    write_platform(json, {config.os, config.architecture, config.variant});
  }
  return json.end_array().end_object().take();
}

}  // namespace reigen::image
