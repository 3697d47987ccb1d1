#include "cli/kubeconfig.h"

#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include "api/scalars.h"
#include "base/files.h"

namespace reigen::cli {
namespace {

YAML::Node cluster_node(const KubeconfigEntry& entry) {
  YAML::Node node;
  node["name"] = entry.name;
  node["cluster"]["certificate-authority-data"] = api::base64_encode(entry.ca_pem);
  node["cluster"]["server"] = entry.server;
  return node;
}

YAML::Node user_node(const KubeconfigEntry& entry) {
  YAML::Node node;
  node["name"] = entry.name;
  node["user"]["client-certificate-data"] = api::base64_encode(entry.identity.certificate_pem);
  node["user"]["client-key-data"] = api::base64_encode(entry.identity.key_pem);
  return node;
}

YAML::Node context_node(const KubeconfigEntry& entry) {
  YAML::Node node;
  node["name"] = entry.name;
  node["context"]["cluster"] = entry.name;
  node["context"]["user"] = entry.name;
  return node;
}

void put(YAML::Node root, const char* list, const YAML::Node& item) {
  YAML::Node items = root[list];
  for (size_t i = 0; items.IsSequence() && i < items.size(); ++i) {
    if (items[i]["name"].as<std::string>("") == item["name"].as<std::string>()) {
      items[i] = item;
      return;
    }
  }
  if (!items.IsSequence()) root[list] = YAML::Node(YAML::NodeType::Sequence);
  root[list].push_back(item);
}

void put_all(YAML::Node root, const KubeconfigEntry& entry) {
  put(root, "clusters", cluster_node(entry));
  put(root, "users", user_node(entry));
  put(root, "contexts", context_node(entry));
}

std::string text_of(const YAML::Node& root) {
  YAML::Emitter out;
  out << root;
  return std::string(out.c_str()) + "\n";
}

}  // namespace

std::string kubeconfig_text(const KubeconfigEntry& entry) {
  YAML::Node root;
  root["apiVersion"] = "v1";
  root["kind"] = "Config";
  put_all(root, entry);
  root["current-context"] = entry.name;
  return text_of(root);
}

Status write_kubeconfig(const std::string& path, const KubeconfigEntry& entry) { return write_file(path, kubeconfig_text(entry), 0600); }

Status merge_kubeconfig(const std::string& path, const KubeconfigEntry& entry) {
  if (!path_exists(path)) {
    TRY(make_directories(path.substr(0, path.rfind('/')), 0700));
    return write_kubeconfig(path, entry);
  }
  TRY_ASSIGN(std::string text, read_file(path, 16 << 20));
  try {
    YAML::Node root = YAML::Load(text);
    if (root.IsNull()) root = YAML::Load("{apiVersion: v1, kind: Config}");
    if (!root.IsMap() || root["kind"].as<std::string>("Config") != "Config")
      return fail(Code::kInvalidArgument, path + " is no kubeconfig; it was left as it is");
    put_all(root, entry);
    if (root["current-context"].as<std::string>("").empty()) root["current-context"] = entry.name;
    return write_file(path, text_of(root), 0600);
  } catch (const YAML::Exception& error) {
    return fail(Code::kInvalidArgument, fmt::format("{}:{}: {}; it was left as it is", path, error.mark.line + 1, error.msg));
  }
}

}  // namespace reigen::cli
