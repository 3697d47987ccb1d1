#include "node/container_status.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "api/json.h"
#include "api/value.h"
#include "apiserver/docker_error.h"
#include "base/log.h"

namespace reigen::node {
namespace {

constexpr auto kRetry = std::chrono::seconds(1);

// Fields that Docker would leave out: null takes them away.
constexpr std::string_view kOptional[] = {"podUID",    "attempts",  "exits",      "restartCount", "pid",       "exitCode", "error", "errorCode",
                                          "oomKilled", "startedAt", "finishedAt", "health",       "sandboxID", "networks", "ports", "lost"};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

// Go's words for an errno begin with a small letter, and clients look for them. A message that is nothing but such words is moby's own.
std::string in_go_words(std::string message) {
  for (int number = 1; number <= EHWPOISON; ++number) {
    const char* words = ::strerrordesc_np(number);
    if (!words || !message.ends_with(std::string(": ") + words)) continue;
    char& first = message[message.size() - std::string_view(words).size()];
    first = static_cast<char>(std::tolower(static_cast<unsigned char>(first)));
    break;
  }
  return message;
}

std::string ending(std::string message, std::string_view words) {
  if (message.ends_with(words)) return message;
  return message.append(": ").append(words);
}

constexpr std::string_view kFrame = "failed to create task for container: failed to create shim task: OCI runtime create failed: ";

}  // namespace

std::string container_status_patch(const api::dockerv1::ContainerStatus& status) {
  auto tree = api::parse_json(api::encode_json(status));
  api::Value value = tree ? std::move(*tree) : api::Value::object();
  for (auto name : kOptional) {
    if (!value.has(name)) value[name] = nullptr;
  }
  return api::to_json(api::Value::object({{"status", std::move(value)}}));
}

// The words clients look for, whatever the runtime's are: "executable file not found", "no such file or directory", "permission denied".
StartFailure exec_failure(const std::string& raw, const std::string& program) {
  std::string message = in_go_words(raw);
  if (program.empty() && !has(message, "mount")) return {"exec: \"\": executable file not found in $PATH", 400, 127};
  std::string text = lower(message);
  std::string quoted = "exec: \"" + program + "\": ";
  bool of_program = has(text, "executable file") || has(text, "open executable") || has(text, "exec ");
  if (has(text, "permission denied") || has(text, "operation not permitted")) {
    return {of_program ? quoted + "permission denied" : ending(message, "permission denied"), 400, 126};
  }
  if (has(text, "is a directory")) return {quoted + "is a directory: permission denied", 400, 126};
  if (has(text, "not a directory")) {
    return {message + ": " + kWrongKind, 400, 127};
  }
  if (has(text, "not found") || has(text, "no such file or directory")) {
    if (!of_program) return {ending(message, "no such file or directory"), 400, 127};
    bool path = program.find('/') != std::string::npos;
    return {quoted + (path ? "stat " + program + ": no such file or directory" : "executable file not found in $PATH"), 400, 127};
  }
  return {message, 500, 128};
}

size_t user_trouble(const std::string& message) {
  for (const char* begin : {"unable to find user ", "unable to find group ", "Unable to find group ", "uids and gids must be "}) {
    if (size_t at = message.find(begin); at != std::string::npos) return at;
  }
  return std::string::npos;
}

// What the wrapper of the namespaces could not do, and what the namespaces do not allow, is to Docker the runtime's failure.
std::optional<StartFailure> sandbox_failure(const std::string& message) {
  constexpr std::string_view kWrapper = "reigen-wrapper: ";
  if (size_t at = message.find(kWrapper); at != std::string::npos) {
    StartFailure out = exec_failure(message.substr(at + kWrapper.size()), "/");
    out.text = fmt::format("{}runc create failed: unable to start container process: error during container init: {}: unknown", kFrame, out.text);
    return out;
  }
  if (size_t at = message.find(": sysctl \""); message.starts_with("sandbox ") && at != std::string::npos)
    return StartFailure{fmt::format("{}runc create failed: {}: unknown", kFrame, message.substr(at + 2)), 500, 128};
  return std::nullopt;
}

std::optional<FolderTrouble> folder_trouble(const std::string& message) {
  for (std::string_view begin : {"chdir `", "chdir to `"}) {  // of older crun; of newer
    size_t at = message.find(begin), end = message.find("`: ");
    if (at == std::string::npos || end == std::string::npos || end < at + begin.size()) continue;
    at += begin.size();
    return FolderTrouble{message.substr(at, end - at), lower(message.substr(end + 3))};
  }
  return std::nullopt;
}

// The working directory is a file: moby makes it before the runtime is asked.
std::optional<StartFailure> folder_failure(const std::string& message) {
  auto trouble = folder_trouble(message);
  if (!trouble || trouble->why != "not a directory") return std::nullopt;
  return StartFailure{fmt::format("Cannot mkdir: {} is not a directory", trouble->folder), 500, 128};
}

StartFailure start_failure(const Error& error, const std::string& program, bool from_runtime) {
  if (!from_runtime) {
    if (auto of_sandbox = sandbox_failure(error.message())) return *of_sandbox;
    int status = apiserver::docker_status(error).value_or(error.code() == Code::kInvalidArgument ? 400 : 500);
    return {in_go_words(error.message()), status, 128};
  }
  // The engine itself looks into the image's passwd, before there is a runtime to complain.
  if (size_t at = user_trouble(error.message()); at != std::string::npos) {
    std::string text = error.message().substr(at);
    return {text, text.starts_with("uids") ? 400 : 500, 128};
  }
  if (auto of_folder = folder_failure(error.message())) return *of_folder;
  StartFailure out = exec_failure(error.message(), program);
  out.text = fmt::format("{}runc create failed: unable to start container process: {}: unknown", kFrame, out.text);
  return out;
}

ContainerStatusWriter::ContainerStatusWriter(client::Client client, Executor& executor, std::shared_ptr<TaskGroup> tasks, std::string id)
    : client_(std::move(client)), executor_(executor), tasks_(std::move(tasks)), id_(std::move(id)) {}

void ContainerStatusWriter::seed(const api::dockerv1::ContainerStatus& status) {
  std::lock_guard lock(mutex_);
  if (std::exchange(seeded_, true)) return;
  status_ = status;
}

api::dockerv1::ContainerStatus ContainerStatusWriter::current() const {
  std::lock_guard lock(mutex_);
  return status_;
}

void ContainerStatusWriter::change(const std::function<void(api::dockerv1::ContainerStatus&)>& change) {
  {
    std::lock_guard lock(mutex_);
    auto changed = status_;
    change(changed);
    if (changed == status_) return;
    status_ = std::move(changed);
  }
  write();
}

void ContainerStatusWriter::write() {
  std::lock_guard order(writing_);
  std::string patch = container_status_patch(current());
  auto written = client_.patch<api::dockerv1::Container>("", id_, client::PatchType::kMerge, patch, "status");
  std::lock_guard lock(mutex_);
  if (written || written.error().code() == Code::kNotFound) return;
  LOG(kWarning, "docker", "status of container {}: {}", id_, written.error().message());
  if (std::exchange(retrying_, true)) return;
  executor_.after(kRetry, tasks_->wrap([self = shared_from_this()] {
    {
      std::lock_guard again(self->mutex_);
      self->retrying_ = false;
    }
    self->write();
  }));
}

}  // namespace reigen::node
