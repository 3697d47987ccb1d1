// ObjectReader: what admission, authorization and strategies may read of the cluster: the newest committed objects, from memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/result.h"

namespace reigen::api {
class Object;
}

namespace reigen::apiserver {

class ObjectReader {
 public:
  enum class Change : unsigned char { kAdded, kModified, kDeleted };

  virtual ~ObjectReader() = default;

  // The object in its stored version, or kNotFound. `group` is "" for core. Thread-safe, does not block.
  virtual Result<api::Object> get(std::string_view group, std::string_view resource, std::string_view namespace_, std::string_view name) = 0;

  // Calls fn for each object of a resource ("" as namespace_: of all), ordered by key, until fn returns false.
  virtual void for_each(std::string_view group, std::string_view resource, std::string_view namespace_, const std::function<bool(const api::Object&)>& fn) = 0;

  // A number that grows with every change of the resource: a cache built at this number is current while it stays.
  virtual uint64_t changes(std::string_view group, std::string_view resource) = 0;
};

}  // namespace reigen::apiserver
