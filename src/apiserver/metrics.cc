#include "apiserver/metrics.h"

#include <fmt/core.h>

#include <algorithm>

namespace reigen::apiserver {

void Metrics::count(std::string_view verb, std::string_view group, std::string_view version, std::string_view resource, std::string_view subresource, int code,
                    Duration taken) {
  auto key = std::make_tuple(verb, group, version, resource, subresource, code);
  Series* series = nullptr;
  {
    std::lock_guard lock(mutex_);
    auto found = series_.find(key);
    if (found == series_.end()) found = series_.try_emplace(Key(verb, group, version, resource, subresource, code)).first;
    series = &found->second;
  }
  double seconds = std::chrono::duration<double>(taken).count();
  size_t bucket = static_cast<size_t>(std::ranges::lower_bound(kBounds, seconds) - kBounds.begin());
  series->buckets[bucket].fetch_add(1, std::memory_order_relaxed);
  series->count.fetch_add(1, std::memory_order_relaxed);
  series->micros.fetch_add(static_cast<uint64_t>(std::max<int64_t>(0, taken.count() / 1000)), std::memory_order_relaxed);
}

std::string Metrics::text() const {
  std::string requests =
      "# HELP apiserver_request_total Requests by verb, group, version, resource, subresource and HTTP code.\n# TYPE apiserver_request_total counter\n";
  std::string durations =
      "# HELP apiserver_request_duration_seconds Time from the request's arrival to its answer.\n# TYPE apiserver_request_duration_seconds histogram\n";
  std::lock_guard lock(mutex_);
  for (const auto& [key, series] : series_) {
    const auto& [verb, group, version, resource, subresource, code] = key;
    std::string labels = fmt::format("verb=\"{}\",group=\"{}\",version=\"{}\",resource=\"{}\",subresource=\"{}\"", verb, group, version, resource, subresource);
    uint64_t count = series.count.load(std::memory_order_relaxed);
    requests += fmt::format("apiserver_request_total{{{},code=\"{}\"}} {}\n", labels, code, count);
    uint64_t sum = 0;
    for (size_t i = 0; i < kBounds.size(); ++i) {
      sum += series.buckets[i].load(std::memory_order_relaxed);
      durations += fmt::format("apiserver_request_duration_seconds_bucket{{{},code=\"{}\",le=\"{}\"}} {}\n", labels, code, kBounds[i], sum);
    }
    durations += fmt::format("apiserver_request_duration_seconds_bucket{{{},code=\"{}\",le=\"+Inf\"}} {}\n", labels, code, count);
    durations += fmt::format("apiserver_request_duration_seconds_sum{{{},code=\"{}\"}} {}\n", labels, code,
                             static_cast<double>(series.micros.load(std::memory_order_relaxed)) / 1e6);
    durations += fmt::format("apiserver_request_duration_seconds_count{{{},code=\"{}\"}} {}\n", labels, code, count);
  }
  return requests + durations;
}

}  // namespace reigen::apiserver
