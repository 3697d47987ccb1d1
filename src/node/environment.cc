#include "node/environment.h"

#include <algorithm>
#include <cctype>

namespace reigen::node {
namespace {

using namespace api::corev1;

std::string upper(std::string name) {
  for (char& c : name) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

std::string joined(const std::string& host, const std::string& port) {
  return host.find(':') == std::string::npos ? host + ":" + port : "[" + host + "]:" + port;
}

std::string missing_key(const char* kind, const std::string& key, const Pod& pod, const std::string& name) {
  return "couldn't find key " + key + " in " + kind + " " + pod.metadata.namespace_ + "/" + name;
}

class Builder {
 public:
  Builder(const Pod& pod, const Container& container, const NodeFacts& facts, const std::vector<std::string>& ips, PodObjects& objects)
      : pod_(pod), container_(container), facts_(facts), ips_(ips), objects_(objects) {}

  Result<ContainerEnvironment> build() {
    auto services = objects_.services(pod_.metadata.namespace_);
    if (!pod_.spec.enable_service_links.value_or(true)) std::erase_if(services, [](const auto& s) { return !is_master(*s); });
    if (pod_.metadata.namespace_ != "default") {
      for (auto& service : objects_.services("default")) {
        if (is_master(*service)) services.push_back(service);
      }
    }
    out_.services = service_environment(services);
    for (const auto& source : container_.env_from) TRY(add_all(source));
    for (const auto& variable : container_.env) TRY(add(variable));
    return std::move(out_);
  }

 private:
  static bool is_master(const Service& service) { return service.metadata.namespace_ == "default" && service.metadata.name == "kubernetes"; }

  Status add_all(const EnvFromSource& source) {
    if (source.config_map_ref) {
      auto map = objects_.config_map(pod_.metadata.namespace_, source.config_map_ref->name);
      if (!map) return pass(map.error(), source.config_map_ref->optional.value_or(false));
      for (const auto& [key, value] : (*map)->data) out_.own[source.prefix + key] = value;
    }
    if (source.secret_ref) {
      auto secret = objects_.secret(pod_.metadata.namespace_, source.secret_ref->name);
      if (!secret) return pass(secret.error(), source.secret_ref->optional.value_or(false));
      for (const auto& [key, value] : (*secret)->data) out_.own[source.prefix + key] = std::string(value.view());
    }
    return {};
  }

  static Status pass(const Error& error, bool optional) {
    if (optional && error.code() == Code::kNotFound) return {};
    return fail(error);
  }

  Status add(const EnvVar& variable) {
    if (!variable.value.empty() || !variable.value_from) {
      out_.own[variable.name] = expand_variables(variable.value, out_.own, out_.services);
      return {};
    }
    const auto& from = *variable.value_from;
    if (from.field_ref) {
      TRY_ASSIGN(out_.own[variable.name], field_value(pod_, from.field_ref->field_path, facts_, ips_));
    } else if (from.resource_field_ref) {
      TRY_ASSIGN(out_.own[variable.name], resource_value(pod_, container_, *from.resource_field_ref, facts_));
    } else if (from.config_map_key_ref) {
      return add_config(variable.name, *from.config_map_key_ref);
    } else if (from.secret_key_ref) {
      return add_secret(variable.name, *from.secret_key_ref);
    }
    return {};
  }

  Status add_config(const std::string& name, const ConfigMapKeySelector& ref) {
    bool optional = ref.optional.value_or(false);
    auto map = objects_.config_map(pod_.metadata.namespace_, ref.name);
    if (!map) return pass(map.error(), optional);
    const auto* value = (*map)->data.get(ref.key);
    if (!value && optional) return {};
    if (!value) return fail(Code::kInvalidArgument, missing_key("ConfigMap", ref.key, pod_, ref.name));
    out_.own[name] = *value;
    return {};
  }

  Status add_secret(const std::string& name, const SecretKeySelector& ref) {
    bool optional = ref.optional.value_or(false);
    auto secret = objects_.secret(pod_.metadata.namespace_, ref.name);
    if (!secret) return pass(secret.error(), optional);
    const auto* value = (*secret)->data.get(ref.key);
    if (!value && optional) return {};
    if (!value) return fail(Code::kInvalidArgument, missing_key("Secret", ref.key, pod_, ref.name));
    out_.own[name] = std::string(value->view());
    return {};
  }

  const Pod& pod_;
  const Container& container_;
  const NodeFacts& facts_;
  const std::vector<std::string>& ips_;
  PodObjects& objects_;
  ContainerEnvironment out_;
};

}  // namespace

std::string expand_variables(std::string_view text, const Environment& first, const Environment& second, std::set<std::string>* missing) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    char next = text[i + 1];
    size_t end = next == '(' ? text.find(')', i + 2) : std::string_view::npos;
    if (next == '$') {
      out += '$';
      ++i;
    } else if (next == '(' && end != std::string_view::npos) {
      std::string name(text.substr(i + 2, end - i - 2));
      auto it = first.find(name);
      bool known = it != first.end();
      if (!known) known = (it = second.find(name)) != second.end();
      if (missing && (!known || it->second.empty())) missing->insert(name);
      out += known ? std::string_view(it->second) : text.substr(i, end - i + 1);
      i = end;
    } else {
      out += '$';
      out += next;
      ++i;
    }
  }
  return out;
}

Environment service_environment(const std::vector<std::shared_ptr<const Service>>& services) {
  Environment out;
  for (const auto& service : services) {
    const auto& ip = service->spec.cluster_ip;
    if (ip.empty() || ip == "None" || service->spec.ports.empty()) continue;
    std::string name = upper(service->metadata.name);
    std::string first = std::to_string(service->spec.ports.front().port);
    out[name + "_SERVICE_HOST"] = ip;
    out[name + "_SERVICE_PORT"] = first;
    for (const auto& port : service->spec.ports) {
      if (!port.name.empty()) out[name + "_SERVICE_PORT_" + upper(port.name)] = std::to_string(port.port);
    }
    bool is_first = true;
    for (const auto& port : service->spec.ports) {
      std::string protocol = port.protocol.empty() ? "tcp" : port.protocol;
      for (char& c : protocol) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      std::string number = std::to_string(port.port), url = protocol + "://" + joined(ip, number);
      if (std::exchange(is_first, false)) out[name + "_PORT"] = url;
      std::string prefix = name + "_PORT_" + number + "_" + upper(protocol);
      out[prefix] = url;
      out[prefix + "_PROTO"] = protocol;
      out[prefix + "_PORT"] = number;
      out[prefix + "_ADDR"] = ip;
    }
  }
  return out;
}

std::vector<std::string> ContainerEnvironment::list() const {
  Environment all = services;
  for (const auto& [name, value] : own) all[name] = value;
  std::vector<std::string> out;
  for (const auto& [name, value] : all) out.push_back(name + "=" + value);
  return out;
}

Result<ContainerEnvironment> make_environment(const Pod& pod, const Container& container, const NodeFacts& facts, const std::vector<std::string>& pod_ips,
                                              PodObjects& objects) {
  return Builder(pod, container, facts, pod_ips, objects).build();
}

}  // namespace reigen::node
