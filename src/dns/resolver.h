// Answers questions about the cluster from the table of records (Kubernetes DNS specification 1.1).
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "dns/message.h"
#include "dns/record_table.h"

namespace reigen::dns {

inline constexpr uint32_t kTtlSeconds = 5;

struct Resolution {
  Answer answer;
  // The last alias leads out of the cluster: ask others for it and add what they say.
  std::string continue_with;
};

// Nothing when the name is not ours and others have to be asked. `shuffle` is a number that turns the order of several addresses.
std::optional<Resolution> resolve(const RecordTable& table, const Query& query, uint32_t shuffle);

}  // namespace reigen::dns
