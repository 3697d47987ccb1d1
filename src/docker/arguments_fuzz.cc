// Short texts of users: detach keys and what is typed then, ports, binds, signals, versions, lists of CPUs, names.
#include <cstdint>

#include "base/check.h"
#include "docker/api_version.h"
#include "docker/create_checks.h"
#include "docker/detach_keys.h"
#include "docker/host_facts.h"
#include "docker/mount_points.h"
#include "docker/port_bindings.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace reigen::docker;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string_view first = text.substr(0, size / 2), second = text.substr(size / 2);
  if (auto keys = DetachKeys::parse(first)) {
    std::string out;
    bool detached = keys->feed(second, out);
    // Without the keys every byte arrives, in order.
    if (!detached) CHECK(out + keys->rest() == second);
  }
  (void)parse_port(text);
  (void)check_port(text);
  if (auto range = parse_port_range(text)) CHECK(range->first <= range->last);
  if (auto bind = parse_bind(std::string(text))) CHECK(bind->destination.starts_with('/'));
  std::string clean = clean_path(text);
  CHECK(!clean.empty() && clean_path(clean) == clean);
  if (auto checked = check_volume_name(text)) CHECK(text.find('/') == std::string_view::npos);
  if (auto signal = parse_signal(text)) CHECK(*signal >= 0 && *signal < 128);
  if (auto version = negotiate(text)) CHECK(*version <= kNewestVersion);
  (void)is_version_segment(text);
  (void)parse_cpu_list(text);
  return 0;
}
