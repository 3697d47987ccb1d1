// What a list, watch or deletecollection selects.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "api/field_selector.h"
#include "api/label_selector.h"
#include "apiserver/call.h"

namespace reigen::apiserver {

struct Selection {
  api::LabelSelector labels;
  api::FieldSelector fields;
  const Resource* resource = nullptr;
  std::string namespace_;  // from the path, or from metadata.namespace; "" all
  std::string name;        // from the path (old watches) or from metadata.name; "" all

  bool everything() const { return labels.empty() && fields.empty() && name.empty(); }
  // True when key_prefix() says it all: no object needs to be looked at.
  bool by_key() const;
  // Of the stored version.
  bool matches(const api::Object& object) const;
  // Prefix of the keys, or the one key.
  std::string key_prefix() const;

 private:
  bool names_one() const;
};

// 400 with Kubernetes' text for selectors that are none, or that name a field the kind has not.
Result<Selection> parse_selection(Call& call, const ListOptions& options);
// One page of the list that the options ask for.
Result<ListPage> read_page(Call& call, const ListOptions& options);
// Namespace and name in a key of the resource.
std::pair<std::string, std::string> names_of(const Resource& resource, std::string_view key);

}  // namespace reigen::apiserver
