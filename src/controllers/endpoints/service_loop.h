// A loop over services that runs when a service, one of its pods or one of its written objects changes: Endpoints and EndpointSlices.
#pragma once

#include <set>
#include <string>

#include "client/controller.h"
#include "controllers/controller.h"
#include "controllers/endpoints/service_pods.h"

namespace reigen::controllers {

class ServiceLoop : public Controller, public client::Reconciler {
 public:
  ServiceLoop(Context& context, std::string name, std::vector<client::ObjectInformer*> more_inputs);

  std::string_view name() const override { return name_; }
  void start() override;
  void stop() override { loop_.stop(); }

 protected:
  ServicePtr service(const std::string& key) const { return services_.get(key); }
  std::vector<PodPtr> pods_in(const std::string& namespace_) const { return pods_.list(namespace_); }

  client::Informer<api::corev1::Service> services_;
  client::Informer<api::corev1::Pod> pods_;
  client::ControllerLoop loop_;

 private:
  void pod_changed(const PodPtr& old, const PodPtr& now);
  void enqueue_services_of(const api::corev1::Pod& pod);

  std::string name_;
  std::vector<client::ObjectInformer*> more_inputs_;
};

}  // namespace reigen::controllers
