#include "apiserver/admission/plugins.h"

namespace reigen::apiserver {

std::vector<std::unique_ptr<AdmissionPlugin>> default_admission_plugins() {
  std::vector<std::unique_ptr<AdmissionPlugin>> plugins;
  plugins.push_back(make_namespace_lifecycle());
  plugins.push_back(make_node_restriction());
  plugins.push_back(make_container_link());
  plugins.push_back(make_service_account());
  plugins.push_back(make_taint_nodes_by_condition());
  plugins.push_back(make_priority());
  plugins.push_back(make_default_toleration_seconds());
  plugins.push_back(make_storage_object_in_use_protection());
  plugins.push_back(make_runtime_class());
  return plugins;
}

}  // namespace reigen::apiserver
