// ForkPoints: lets a simulation go on in a child process from any of its points, so that what led there is computed once.
//
//   if (points.fork(n)) { ... this is the child: change something, run to the end, points.report(text); }
//
// The process must have one thread. What the child knows (memory, simulated disk, random numbers) is what its parent knew at the point, so
// its run is the one that a program would make that did everything from the beginning.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/fd.h"

namespace reigen::sim {

class ForkPoints {
 public:
  struct End {
    uint64_t point = 0;
    std::string report;
    std::string died;  // why there is no report: "killed by signal 6"
  };

  // At most `at_once` children run; fork() waits for the oldest.
  explicit ForkPoints(size_t at_once) : at_once_(at_once) {}
  ~ForkPoints();
  ForkPoints(const ForkPoints&) = delete;
  ForkPoints& operator=(const ForkPoints&) = delete;

  bool fork(uint64_t point);
  bool is_child() const { return bool(to_parent_); }
  [[noreturn]] void report(const std::string& text);
  // The parent's: all children, in the order of their points.
  std::vector<End> finish();

 private:
  struct Running {
    uint64_t point;
    int pid;
    Fd output;
  };
  void wait_for_oldest();

  size_t at_once_;
  std::deque<Running> running_;
  std::vector<End> ended_;
  Fd to_parent_;  // in a child
};

}  // namespace reigen::sim
