// The row of a HorizontalPodAutoscaler, whatever its version.
#include <algorithm>
#include <optional>

#include "api/autoscalingv2.h"
#include "apiserver/conversion.h"
#include "apiserver/table/cells.h"
#include "apiserver/table/rows.h"

namespace reigen::apiserver {
namespace {

using namespace api::autoscalingv2;

constexpr size_t kMetricsShown = 2;

std::string text_of(const std::optional<api::Quantity>& quantity, const char* otherwise) { return quantity ? quantity->to_string() : otherwise; }

std::string percent(const std::optional<int32_t>& number, const char* otherwise) { return number ? std::to_string(*number) + "%" : otherwise; }

// Of metrics that have a value, or an average over pods.
std::string value_text(const MetricTarget& target, const MetricValueStatus* current) {
  if (!target.average_value) return (current ? text_of(current->value, "0") : "<unknown>") + "/" + text_of(target.value, "0");
  return (current ? text_of(current->average_value, "<unknown>") : "<unknown>") + "/" + target.average_value->to_string() + " (avg)";
}

std::string resource_text(const std::string& name, const MetricTarget& target, const MetricValueStatus* current) {
  if (target.average_value) return name + ": " + (current ? text_of(current->average_value, "0") : "<unknown>") + "/" + target.average_value->to_string();
  return name + ": " + (current ? percent(current->average_utilization, "<unknown>") : "<unknown>") + "/" + percent(target.average_utilization, "<auto>");
}

std::string metric_text(const MetricSpec& spec, const MetricStatus* status) {
  if (spec.type == "External" && spec.external) return value_text(spec.external->target, status && status->external ? &status->external->current : nullptr);
  if (spec.type == "Object" && spec.object) return value_text(spec.object->target, status && status->object ? &status->object->current : nullptr);
  if (spec.type == "Pods" && spec.pods) {
    std::string current = status && status->pods ? text_of(status->pods->current.average_value, "0") : "<unknown>";
    return current + "/" + text_of(spec.pods->target.average_value, "0");
  }
  if (spec.type == "Resource" && spec.resource)
    return resource_text(spec.resource->name, spec.resource->target, status && status->resource ? &status->resource->current : nullptr);
  if (spec.type == "ContainerResource" && spec.container_resource)
    return resource_text(spec.container_resource->name, spec.container_resource->target,
                         status && status->container_resource ? &status->container_resource->current : nullptr);
  return "<unknown type>";
}

std::string metrics_text(const HorizontalPodAutoscaler& hpa) {
  const auto& specs = hpa.spec.metrics;
  if (specs.empty()) return "<none>";
  std::vector<std::string> shown;
  for (size_t i = 0; i < std::min(specs.size(), kMetricsShown); ++i)
    shown.push_back(metric_text(specs[i], i < hpa.status.current_metrics.size() ? &hpa.status.current_metrics[i] : nullptr));
  std::string out = joined(shown, ", ");
  if (specs.size() > kMetricsShown) out += " + " + std::to_string(specs.size() - kMetricsShown) + " more...";
  return out;
}

void autoscaler_row(const api::Object& object, WallTime now, Row& row) {
  auto converted = convert(object, api::kind_of<HorizontalPodAutoscaler>());
  if (!converted) return;
  const auto& hpa = converted->as<HorizontalPodAutoscaler>();
  row.text(hpa.metadata.name);
  row.text(hpa.spec.scale_target_ref.kind + "/" + hpa.spec.scale_target_ref.name);
  row.text(metrics_text(hpa));
  row.text(hpa.spec.min_replicas ? std::to_string(*hpa.spec.min_replicas) : "<unset>");
  row.number(hpa.spec.max_replicas);
  row.number(hpa.status.current_replicas);
  row.text(age_of(hpa.metadata.creation_timestamp, now));
}

constexpr RowLine kLines[] = {{"autoscaling", "HorizontalPodAutoscaler", autoscaler_row}};

}  // namespace

std::span<const RowLine> autoscaler_rows() { return kLines; }

}  // namespace reigen::apiserver
