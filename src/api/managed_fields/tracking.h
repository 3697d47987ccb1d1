// What updates and applies share.
#pragma once

#include <map>

#include "api/managed_fields.h"
#include "api/managed_fields/owners.h"
#include "api/managed_fields/typed.h"

namespace reigen::api {

// Drops what nobody owns: kind, apiVersion and the server's own metadata.
void strip_server_fields(FieldSet& fields);

// An object looked at; keeps what the view refers to.
class Looked {
 public:
  explicit Looked(const Object& object);
  const View& view() const { return view_; }
  const Schema& schema() const { return schema_; }
  // With apiVersion and kind.
  Value document() const;

 private:
  ViewArena arena_;
  const KindInfo* kind_;
  View view_;
  Schema schema_;
};

// Compares two objects in every version that an owner speaks.
class VersionedComparison {
 public:
  // `document` functions are called only where another version asks.
  VersionedComparison(const FieldTracking& tracking, Comparison own, std::function<Value()> before, std::function<Value()> after);
  // nullptr where the version is gone.
  const Comparison* in(const std::string& api_version);
  const Comparison& own() const { return own_; }

 private:
  const FieldTracking& tracking_;
  Comparison own_;
  std::function<Value()> before_, after_;
  std::map<std::string, std::optional<Comparison>> others_;
};

// The fields of `owner` that the change touched.
struct Touched {
  size_t owner;
  FieldSet fields;
};
// Owners of versions that are gone are dropped. Owners other than `self` lose what was changed or removed, or, without `force`, what they
// would lose is returned and nothing is taken.
std::vector<Touched> settle(Owners& owners, const Owner& self, VersionedComparison& comparison, bool force);

}  // namespace reigen::api
