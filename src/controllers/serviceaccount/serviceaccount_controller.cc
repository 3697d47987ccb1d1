// What every namespace has: the service account "default", and the config map with the certificate that signs the API server's.
#include "api/corev1.h"
#include "api/errors.h"
#include "client/client.h"
#include "client/controller.h"
#include "controllers/controller.h"
#include "controllers/pod_control.h"

namespace reigen::controllers {
namespace {

using api::corev1::ConfigMap;
using api::corev1::Namespace;
using api::corev1::ServiceAccount;

constexpr const char* kRootCa = "kube-root-ca.crt";
constexpr const char* kDescription = "kubernetes.io/description";
constexpr const char* kDescriptionText =
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or "
    "kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";

bool is_gone(const Error& error) { return is_namespace_terminating(error) || api::is_not_found(error) || api::is_already_exists(error); }

// Watches namespaces and the objects of one name in them.
template <class T>
class PerNamespace : public Controller, public client::Reconciler {
 public:
  PerNamespace(Context& context, std::string name, std::string object)
      : name_(std::move(name)),
        object_(std::move(object)),
        client_(context.transport_as(name_), "kube-controller-manager"),
        namespaces_(context.informers.of<Namespace>()),
        objects_(context.informers.of<T>()),
        loop_(context.executor, {.name = name_, .workers = 2}, *this) {
    namespaces_.on_change([this](const auto&, const auto& now) {
      if (now) loop_.enqueue(now->metadata.name);
    });
    objects_.on_change([this](const auto& old, const auto& now) {
      const auto& object = now ? now : old;
      if (object->metadata.name == object_) loop_.enqueue(object->metadata.namespace_);
    });
  }

  std::string_view name() const override { return name_; }
  void start() override { loop_.start({&namespaces_.untyped(), &objects_.untyped()}); }
  void stop() override { loop_.stop(); }

  Result<client::Next> reconcile(const std::string& key) override {
    auto ns = namespaces_.get("", key);
    if (!ns || ns->metadata.deletion_timestamp) return client::Next{};
    auto current = objects_.get(key, object_);
    T wanted = current ? *current : T();
    wanted.metadata.namespace_ = key;
    wanted.metadata.name = object_;
    if (!fill(wanted) && current) return client::Next{};
    auto written = current ? client_.update(std::move(wanted)) : client_.create(std::move(wanted));
    if (!written && !is_gone(written.error())) return Fail(std::move(written).error());
    if (written) loop_.wrote(key, objects_.untyped(), api::Object::of(*written));
    return client::Next{};
  }

 protected:
  // Makes the object what it must be; false where it was that already.
  virtual bool fill(T& object) const = 0;

 private:
  std::string name_, object_;
  client::Client client_;
  client::Informer<Namespace> namespaces_;
  client::Informer<T> objects_;
  client::ControllerLoop loop_;
};

class DefaultAccounts final : public PerNamespace<ServiceAccount> {
 public:
  explicit DefaultAccounts(Context& context) : PerNamespace(context, "service-account-controller", "default") {}

 private:
  bool fill(ServiceAccount&) const override { return false; }
};

class RootCertificates final : public PerNamespace<ConfigMap> {
 public:
  explicit RootCertificates(Context& context) : PerNamespace(context, "root-ca-cert-publisher", kRootCa), certificate_(context.root_ca) {}

 private:
  bool fill(ConfigMap& map) const override {
    auto before = map;
    map.data.clear();
    map.data["ca.crt"] = certificate_;
    map.binary_data.clear();
    map.metadata.annotations[kDescription] = kDescriptionText;
    return !(map == before);
  }
  std::string certificate_;
};

}  // namespace

std::unique_ptr<Controller> make_serviceaccount_controller(Context& context) { return std::make_unique<DefaultAccounts>(context); }
std::unique_ptr<Controller> make_root_ca_controller(Context& context) { return std::make_unique<RootCertificates>(context); }

}  // namespace reigen::controllers
