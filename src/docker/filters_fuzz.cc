#include <cstddef>
#include <cstdint>
#include <string_view>

#include "docker/filters.h"
#include "docker/name_pattern.h"
#include "docker/prune_filter.h"
#include "docker/status_text.h"
#include "docker/time_argument.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  size_t half = size / 2;
  if (auto filters = reigen::docker::Filters::parse(text)) (void)filters->pattern("name", "some-name");
  if (auto pattern = reigen::docker::NamePattern::parse(text.substr(0, half))) (void)pattern->found_in(text.substr(half));
  const reigen::WallTime now{std::chrono::seconds(1'800'000'000)};
  (void)reigen::docker::parse_moment(text, now);
  (void)reigen::docker::PruneFilter::parse(text, now);
  (void)reigen::docker::parse_seconds(text);
  // What a client, an image or a clock put into an object is shown beside the present.
  if (auto time = reigen::docker::parse_time(text)) (void)reigen::docker::human_duration(now - *time);
  return 0;
}
