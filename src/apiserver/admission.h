// AdmissionPlugin: changes or refuses a write after it was decoded and authorized.
//
// Runs on an I/O thread outside the writer, and again when the write conflicted with another; must not block. Objects are of the
// stored (internal) version of their kind.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/object_reader.h"
#include "apiserver/user.h"
#include "base/result.h"

namespace reigen::api {
class Object;
struct KindInfo;
}  // namespace reigen::api

namespace reigen::apiserver {

enum class Operation : unsigned char { kCreate, kUpdate, kDelete, kConnect };
std::string_view to_string(Operation operation);  // CREATE, UPDATE, DELETE, CONNECT

struct AdmissionRequest {
  Operation operation = Operation::kCreate;
  std::string_view group, version, resource, subresource;
  std::string_view kind;  // of the object that is written: "Scale" for a scale subresource
  std::string_view namespace_;
  std::string_view name;  // "" for a create with generateName
  const User* user = nullptr;
  bool dry_run = false;
  api::Object* object = nullptr;            // null for delete and most connects; admit() may change it
  const api::Object* old_object = nullptr;  // null for create
  ObjectReader* reader = nullptr;
  std::vector<std::string>* warnings = nullptr;  // each becomes a Warning header
};

class AdmissionPlugin {
 public:
  virtual ~AdmissionPlugin() = default;
  virtual std::string_view name() const = 0;
  virtual bool handles(Operation operation) const = 0;
  // Mutating step. An Error with a metav1::Status as detail (api/errors.h) is answered as it is; any other becomes a 403 Forbidden
  // "<resource> \"<name>\" is forbidden: <message>".
  virtual Status admit(AdmissionRequest& /*request*/) { return {}; }
  // Validating step, after validation of the object.
  virtual Status validate(const AdmissionRequest& /*request*/) { return {}; }
};

}  // namespace reigen::apiserver
