#include "build/build_progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace reigen::build {
namespace {

// https://no-color.org
bool no_color() {
  const char* value = std::getenv("NO_COLOR");
  return value && *value;
}

}  // namespace

BuildProgress::BuildProgress(bool quiet) : quiet_(quiet), bold_(::isatty(STDERR_FILENO) != 0 && !no_color()) {}

void BuildProgress::show(const BuildEvent& event) {
  using Kind = BuildEvent::Kind;
  if (event.kind == Kind::kWarning) fmt::print(stderr, "warning: {}\n", event.text);
  if (quiet_) return;
  const char* bold = bold_ ? "\x1b[1m" : "";
  const char* plain = bold_ ? "\x1b[0m" : "";
  switch (event.kind) {
    case Kind::kStep:
      started_ = system_clock().now();
      cached_ = false;
      fmt::print(stderr, "{}[{}/{}]{} {}\n", bold, event.step, event.total, plain, event.text);
      break;
    case Kind::kCached: cached_ = true; break;
    case Kind::kOutput:
    case Kind::kErrorOutput: std::fwrite(event.text.data(), 1, event.text.size(), stderr); break;
    case Kind::kDone: {
      double seconds = std::chrono::duration<double>(system_clock().now() - started_).count();
      if (cached_) fmt::print(stderr, "      cached\n");
      else if (seconds >= 0.05) fmt::print(stderr, "      {:.1f} s\n", seconds);
      break;
    }
    default: break;  // the classic builder's, which this is not shown
  }
}

}  // namespace reigen::build
