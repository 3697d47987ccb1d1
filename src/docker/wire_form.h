// Requests as Go reads them: names without case, wrong types refused in Go's words; and as Go writes them again: every field of the type in order, with
// its zero where nothing was sent, without those that `omitempty` drops. By the tables of schema/dockerv1.schema. Pure.
#pragma once

#include "api/type_desc.h"
#include "api/value.h"
#include "base/result.h"

namespace reigen::docker {

// What inspect shows of `sent`. Members that the type has not are dropped. kInvalidArgument: "invalid JSON: json: cannot unmarshal …".
Result<api::Value> wire_form(const api::TypeDesc& type, const api::Value& sent);
template <class T>
Result<api::Value> wire_form(const api::Value& sent) {
  return wire_form(api::type_of<T>(), sent);
}

}  // namespace reigen::docker
