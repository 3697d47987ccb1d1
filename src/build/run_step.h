// RUN: a program in a container on the layer in the making.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/spec.h"

namespace reigen::build {

struct RunStep {
  std::string root;     // where the layer is mounted
  std::string scratch;  // a folder for the bundle; removed by the caller
  std::vector<std::string> argv;
  std::vector<std::string> env;
  std::string cwd;
  std::string user;
  std::string script;   // a program to be shown at argv[0], below /dev
  bool network = true;  // without it only a loopback link
  std::vector<runtime::Mount> mounts = {};
  std::function<void(std::string_view data, bool error)> output;
  std::atomic<bool>* cancel = nullptr;
};

// Runs it to its end with crun; the exit code. With a network it is the host's, and so is the name server. A program that cannot be started is an
// error with crun's text. Mount points that were made for it are removed again.
Result<int> run_step(const RunStep& step);

// The points of these mounts that are not there below `root` yet, as crun will make them: real paths, parents first.
std::vector<std::string> missing_points(const std::string& root, const std::vector<runtime::Mount>& mounts);
// Removes such points from a folder that crun's root was written into: what is still an empty file or folder.
void remove_points(const std::string& folder, const std::vector<std::string>& points);

}  // namespace reigen::build
