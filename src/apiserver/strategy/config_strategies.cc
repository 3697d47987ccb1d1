// ConfigMap and Secret: rules of pkg/apis/core/validation.

#include "api/corev1.h"
#include "api/json_reader.h"
#include "api/metav1.h"
#include "api/object.h"
#include "apiserver/metadata.h"
#include "apiserver/strategy/core_strategies.h"
#include "apiserver/strategy/instance.h"
#include "apiserver/validation/checks.h"

namespace reigen::apiserver {
namespace {

using api::FieldError;
using api::FieldErrors;
using api::FieldPath;
using api::Object;
using api::corev1::ConfigMap;
using api::corev1::Secret;

constexpr size_t kMaxBytes = 1024 * 1024;
constexpr std::string_view kFrozen = "field is immutable when `immutable` is set";

void check_key(FieldErrors& errors, const FieldPath& path, const std::string& key) {
  api::add_invalid(errors, path.key(key), key, api::is_config_map_key(key));
}

template <class T>
void check_frozen(FieldErrors& errors, const T& object, const T& old) {
  if (old.immutable.value_or(false) && !object.immutable.value_or(false)) errors.push_back(FieldError::forbidden(FieldPath("immutable"), std::string(kFrozen)));
  if (old.immutable.value_or(false) && object.data != old.data) errors.push_back(FieldError::forbidden(FieldPath("data"), std::string(kFrozen)));
}

class ConfigMapStrategy final : public Strategy {
 public:
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    const ConfigMap& config = object.as<ConfigMap>();
    FieldPath data("data"), binary("binaryData");
    size_t total = 0;
    for (const auto& [key, value] : config.data) {
      check_key(errors, data, key);
      if (config.binary_data.contains(key)) errors.push_back(FieldError::invalid(data.key(key), key, "duplicate of key present in binaryData"));
      total += value.size();
    }
    for (const auto& [key, value] : config.binary_data) {
      check_key(errors, binary, key);
      total += value.size();
    }
    if (total > kMaxBytes) errors.push_back(FieldError::too_long(FieldPath(""), kMaxBytes));
  }
  void validate_update(StrategyContext& context, const Object& object, const Object& old, FieldErrors& errors) const override {
    const ConfigMap& config = object.as<ConfigMap>();
    const ConfigMap& before = old.as<ConfigMap>();
    check_frozen(errors, config, before);
    if (before.immutable.value_or(false) && config.binary_data != before.binary_data)
      errors.push_back(FieldError::forbidden(FieldPath("binaryData"), std::string(kFrozen)));
    repeat_meta(*this, object, true, errors);
    validate(context, object, errors);
  }
  bool allow_create_on_update() const override { return false; }
};

bool is_json_object(std::string_view text) {
  api::JsonReader reader(text, 100);
  return (reader.peek() == '{' || reader.peek() == 'n') && reader.skip() && reader.at_end();
}

// Of the types that Kubernetes knows; all others hold anything.
void check_content(FieldErrors& errors, const Secret& secret) {
  FieldPath data("data");
  auto required = [&](std::string_view key) {
    if (!secret.data.contains(key)) errors.push_back(FieldError::required(data.key(key)));
    return secret.data.contains(key);
  };
  auto required_json = [&](std::string_view key) {
    if (required(key) && !is_json_object(secret.data.get(key)->view()))
      errors.push_back(FieldError::invalid(data.key(key), "<secret contents redacted>", "invalid JSON object"));
  };
  const std::string& type = secret.type;
  if (type == "kubernetes.io/service-account-token") {
    constexpr std::string_view kName = "kubernetes.io/service-account.name";
    FieldPath metadata("metadata");
    if (secret.metadata.annotations.value_or(kName, "").empty()) errors.push_back(FieldError::required(metadata.child("annotations", kName)));
  } else if (type == "kubernetes.io/dockercfg") {
    required_json(".dockercfg");
  } else if (type == "kubernetes.io/dockerconfigjson") {
    required_json(".dockerconfigjson");
  } else if (type == "kubernetes.io/basic-auth") {
    if (secret.data.contains("username") || secret.data.contains("password")) return;
    required("username");
    required("password");
  } else if (type == "kubernetes.io/ssh-auth") {
    const api::Bytes* key = secret.data.get("ssh-privatekey");
    if (!key || key->empty()) errors.push_back(FieldError::required(data.key("ssh-privatekey")));
  } else if (type == "kubernetes.io/tls") {
    required("tls.crt");
    required("tls.key");
  }
}

class SecretStrategy final : public Strategy {
 public:
  void prepare_create(StrategyContext&, Object&) const override {}
  void prepare_update(StrategyContext&, Object& object, const Object& old) const override {
    // The type's default would change it.
    if (object.as<Secret>().type.empty()) object.mut<Secret>().type = old.as<Secret>().type;
  }
  void validate(StrategyContext&, const Object& object, FieldErrors& errors) const override {
    const Secret& secret = object.as<Secret>();
    FieldPath data("data");
    size_t total = 0;
    for (const auto& [key, value] : secret.data) {
      check_key(errors, data, key);
      total += value.size();
    }
    if (total > kMaxBytes) errors.push_back(FieldError::too_long(data, kMaxBytes));
    check_content(errors, secret);
  }
  void validate_update(StrategyContext& context, const Object& object, const Object& old, FieldErrors& errors) const override {
    const Secret& secret = object.as<Secret>();
    check_immutable(errors, FieldPath("type"), secret.type, old.as<Secret>().type);
    check_frozen(errors, secret, old.as<Secret>());
    repeat_meta(*this, object, true, errors);
    validate(context, object, errors);
  }
  std::vector<std::string_view> fields() const override { return {"type"}; }
  std::string field_value(const Object& object, std::string_view) const override { return object.as<Secret>().type; }
};

}  // namespace

const Strategy& config_map_strategy() { return instance<ConfigMapStrategy>(); }
const Strategy& secret_strategy() { return instance<SecretStrategy>(); }

}  // namespace reigen::apiserver
