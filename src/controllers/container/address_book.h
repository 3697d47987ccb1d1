// The addresses that runs have, by container: what the pods' annotations say, and what was given to a pod that is on its way to the API.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/guarded.h"
#include "controllers/container/address_plan.h"
#include "controllers/container/container_plan.h"

namespace reigen::controllers {

// Thread-safe.
class AddressBook {
 public:
  // From the informer of pods: what it shows counts.
  void pod_changed(const std::shared_ptr<const api::corev1::Pod>& old, const std::shared_ptr<const api::corev1::Pod>& now);

  // Plans with everything taken that others have, and holds the outcome until a pod shows it. One at a time.
  api::dockerv1::EndpointsRecord give(const std::string& id, AddressInput input, const std::function<std::string()>& new_id);
  // What was given last could not be written into a pod.
  void give_back(const std::string& id);

 private:
  struct Held {
    int64_t run = 0;  // of the pod that is shown; 0: none
    api::dockerv1::EndpointsRecord shown;
    std::optional<api::dockerv1::EndpointsRecord> pending;
  };
  Guarded<std::map<std::string, Held>> held_;
};

// The record in a pod's annotation; empty when it does not decode.
api::dockerv1::EndpointsRecord record_of(const api::corev1::Pod& pod);

}  // namespace reigen::controllers
