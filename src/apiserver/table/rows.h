// The lists of row functions, one a file of table/.
#pragma once

#include <array>
#include <span>

#include "apiserver/table/table.h"

namespace reigen::apiserver {

std::span<const RowLine> core_rows();
std::span<const RowLine> pod_rows();
std::span<const RowLine> apps_rows();
std::span<const RowLine> storage_rows();
std::span<const RowLine> other_rows();
std::span<const RowLine> autoscaler_rows();
std::span<const RowLine> docker_rows();

inline std::array<std::span<const RowLine>, 7> row_lines() {
  return {pod_rows(), core_rows(), apps_rows(), storage_rows(), other_rows(), autoscaler_rows(), docker_rows()};
}

// The schema's columns of a kind: those of its resource, and of kinds that only a subresource serves (Scale).
std::span<const api::Column> row_columns(const api::KindInfo& kind);

}  // namespace reigen::apiserver
