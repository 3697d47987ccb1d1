// JsonProgress: the lines that pull, push, load, import and build stream: {"status", "progressDetail", "progress", "id"}, notes, and the error at
// the end. The head of the answer leaves with the first line, so that an error before it has a status of its own. On one thread.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "docker/call.h"
#include "docker/stream_answer.h"

namespace reigen::docker {

class JsonProgress {
 public:
  // The call stays the caller's until the first line.
  JsonProgress(Call& call, Clock& clock);

  void line(const api::Value& value);
  void status(std::string_view text, std::string_view id = {});
  void stream(std::string_view text);
  void aux(api::Value value);
  // Of a layer: at most 10 a second unless it begins or ends. `id` is a digest: 12 digits are shown.
  void progress(const std::string& id, const std::string& status, uint64_t current, uint64_t total);

  // Ends the answer. An error before any line has a status of its own; else it is the last line.
  void finish();
  void finish(const Error& error, int exit_code = 0);
  // The error is the last line in any case.
  void finish_in_stream(const Error& error, int exit_code = 0);

  // Errors are lines too, from now on.
  void begin();
  bool begun() const { return answer_ != nullptr; }
  // Set when the client has gone: what to cancel by.
  std::atomic<bool>& gone() { return *gone_; }

 private:
  void write(std::string text);
  void watch();

  Call& call_;
  Clock& clock_;
  std::unique_ptr<StreamAnswer> answer_;
  std::shared_ptr<std::atomic<bool>> gone_ = std::make_shared<std::atomic<bool>>(false);
  struct Told {
    std::string status;
    TimePoint at{};
  };
  std::map<std::string, Told> told_;
};

// Docker's bar: "[====>   ]  1.2MB/3.4MB".
std::string progress_bar(uint64_t current, uint64_t total);
std::string human_size(uint64_t bytes);  // "1.234MB": four significant digits, units of 1000

}  // namespace reigen::docker
