#include "client/kubeconfig.h"

#include <yaml-cpp/yaml.h>

#include "api/scalars.h"
#include "base/files.h"

namespace reigen::client {
namespace {

Result<YAML::Node> find_named(const YAML::Node& root, const char* list, const char* member, const std::string& name) {
  for (const auto& item : root[list]) {
    if (item["name"].as<std::string>("") == name) return YAML::Node(item[member]);
  }
  return fail(Code::kNotFound, std::string("kubeconfig: there is no \"") + name + "\" in " + list);
}

std::string text(const YAML::Node& node, const char* name) {
  auto value = node[name];
  return value && value.IsScalar() ? value.as<std::string>() : std::string();
}

// "x-data" in base64, else the file named by "x".
Result<std::string> data_or_file(const YAML::Node& node, const char* name, const std::string& folder) {
  if (auto data = text(node, (std::string(name) + "-data").c_str()); !data.empty()) {
    auto decoded = api::base64_decode(data);
    if (!decoded) return fail(decoded.error().context(std::string("kubeconfig: ") + name + "-data"));
    return decoded;
  }
  auto path = text(node, name);
  if (path.empty()) return std::string();
  return read_file(path.starts_with('/') ? path : folder + "/" + path);
}

Result<Kubeconfig> parse(const YAML::Node& root, std::string_view wanted, const std::string& folder) {
  if (!root.IsMap()) return fail(Code::kInvalidArgument, "kubeconfig: not a map");
  std::string context_name = wanted.empty() ? text(root, "current-context") : std::string(wanted);
  if (context_name.empty()) return fail(Code::kInvalidArgument, "kubeconfig: no current-context is set");
  TRY_ASSIGN(auto context, find_named(root, "contexts", "context", context_name));
  TRY_ASSIGN(auto cluster, find_named(root, "clusters", "cluster", text(context, "cluster")));
  Kubeconfig config;
  config.server = text(cluster, "server");
  if (config.server.empty()) return fail(Code::kInvalidArgument, "kubeconfig: the cluster has no server");
  while (config.server.ends_with('/')) config.server.pop_back();
  TRY_ASSIGN(config.ca_pem, data_or_file(cluster, "certificate-authority", folder));
  config.insecure = text(cluster, "insecure-skip-tls-verify") == "true";
  config.server_name = text(cluster, "tls-server-name");
  if (auto space = text(context, "namespace"); !space.empty()) config.namespace_ = space;
  if (text(context, "user").empty()) return config;
  TRY_ASSIGN(auto user, find_named(root, "users", "user", text(context, "user")));
  for (const char* other : {"exec", "auth-provider", "username"}) {
    if (user[other]) return fail(Code::kUnimplemented, std::string("kubeconfig: users with \"") + other + "\" are not supported");
  }
  TRY_ASSIGN(config.certificate_pem, data_or_file(user, "client-certificate", folder));
  TRY_ASSIGN(config.key_pem, data_or_file(user, "client-key", folder));
  config.token = text(user, "token");
  if (auto path = text(user, "tokenFile"); config.token.empty() && !path.empty()) {
    TRY_ASSIGN(config.token, read_file(path.starts_with('/') ? path : folder + "/" + path));
    while (!config.token.empty() && config.token.back() == '\n') config.token.pop_back();
  }
  return config;
}

}  // namespace

Result<Kubeconfig> parse_kubeconfig(std::string_view yaml, std::string_view context, const std::string& folder) {
  try {
    return parse(YAML::Load(std::string(yaml)), context, folder);
  } catch (const std::exception& error) {
    return fail(Code::kInvalidArgument, std::string("kubeconfig: ") + error.what());
  }
}

Result<Kubeconfig> load_kubeconfig(const std::string& path, std::string_view context) {
  TRY_ASSIGN(auto yaml, read_file(path));
  auto slash = path.rfind('/');
  auto config = parse_kubeconfig(yaml, context, slash == std::string::npos ? "." : path.substr(0, slash));
  if (!config) return fail(std::move(config).error().context(path));
  return config;
}

}  // namespace reigen::client
