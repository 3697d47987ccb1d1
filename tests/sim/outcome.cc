#include "outcome.h"

#include <fmt/core.h>

#include <cstdlib>

namespace reigen::sim {

// For the way out of a child: lines; violations, which have lines of their own, end with a zero byte.
std::string to_text(const Outcome& outcome) {
  std::string text = fmt::format("{} {}\n", outcome.disk_operations, outcome.crashed ? 1 : 0);
  for (const auto& violation : outcome.violations) text += violation + '\0';
  return text;
}

Outcome outcome_of(const ForkPoints::End& end) {
  Outcome outcome;
  if (!end.died.empty()) {
    outcome.violations.push_back("the run was " + end.died);
    return outcome;
  }
  auto line = end.report.find('\n');
  outcome.disk_operations = std::strtoull(end.report.c_str(), nullptr, 10);
  outcome.crashed = line != std::string::npos && end.report[line - 1] == '1';
  for (size_t at = line + 1; line != std::string::npos && at < end.report.size();) {
    auto zero = end.report.find('\0', at);
    outcome.violations.push_back(end.report.substr(at, zero - at));
    at = zero == std::string::npos ? zero : zero + 1;
  }
  return outcome;
}

std::map<uint64_t, Outcome> run_with_children(size_t at_once, const std::function<Outcome(ForkPoints&)>& run) {
  ForkPoints points(at_once);
  Outcome outcome = run(points);
  if (points.is_child()) points.report(to_text(outcome));
  std::map<uint64_t, Outcome> outcomes;
  for (const auto& end : points.finish()) outcomes[end.point] = outcome_of(end);
  outcomes[0] = std::move(outcome);
  return outcomes;
}

}  // namespace reigen::sim
