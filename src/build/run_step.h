// RUN: a program in a container on the layer in the making.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace reigen::build {

struct RunStep {
  std::string root;     // where the layer is mounted
  std::string scratch;  // a folder for the bundle; removed by the caller
  std::vector<std::string> argv;
  std::vector<std::string> env;
  std::string cwd;
  std::string user;
  std::string input;    // standard input: a heredoc
  bool network = true;  // the host's; without it only a loopback link
  std::function<void(std::string_view data, bool error)> output;
  std::atomic<bool>* cancel = nullptr;
};

// Runs it to its end with crun; the exit code. With a network it is the host's, and so is the name server.
Result<int> run_step(const RunStep& step);

}  // namespace reigen::build
