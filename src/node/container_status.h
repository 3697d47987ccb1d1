// The status of a Container, which its node alone writes.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "api/dockerv1.h"
#include "base/executor.h"
#include "client/client.h"

namespace reigen::node {

// A merge patch that sets all fields of the status: what is empty is taken away.
std::string container_status_patch(const api::dockerv1::ContainerStatus& status);

// What a failed start says to Docker's clients: its text, HTTP status and exit code. `program` is argv[0].
struct StartFailure {
  std::string text;
  int status = 500, exit_code = 128;
};
// Where in an error that the image has no such --user or --group-add begins; npos when it says something else.
size_t user_trouble(const std::string& message);
// The working directory that the runtime could not enter, and why in Go's words.
struct FolderTrouble {
  std::string folder, why;
};
std::optional<FolderTrouble> folder_trouble(const std::string& message);
// What a thing of the wrong kind (a file for a folder) is answered with, behind the reason.
inline constexpr const char* kWrongKind =
    "Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type";
// `from_runtime`: the program could not be started, as crun says; else something before it failed.
StartFailure start_failure(const Error& error, const std::string& program, bool from_runtime);
// The same of an exec's command.
StartFailure exec_failure(const std::string& message, const std::string& program);

// Keeps the status and writes its changes one after the other. Thread-safe; change() blocks for the commit. A write that fails is tried
// again once a second until it succeeds or the Container is gone.
class ContainerStatusWriter : public std::enable_shared_from_this<ContainerStatusWriter> {
 public:
  ContainerStatusWriter(client::Client client, Executor& executor, std::shared_ptr<TaskGroup> tasks, std::string id);

  // What the API knows, once; later calls do nothing.
  void seed(const api::dockerv1::ContainerStatus& status);
  api::dockerv1::ContainerStatus current() const;
  void change(const std::function<void(api::dockerv1::ContainerStatus&)>& change);

 private:
  void write();

  client::Client client_;
  Executor& executor_;
  const std::shared_ptr<TaskGroup> tasks_;
  const std::string id_;
  std::mutex writing_;  // one write at a time, in order
  mutable std::mutex mutex_;
  api::dockerv1::ContainerStatus status_;
  bool seeded_ = false, retrying_ = false;
};

}  // namespace reigen::node
