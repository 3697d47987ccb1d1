// Lines of several containers, each behind its container's name. Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "compose/observe.h"
#include "compose/session.h"

namespace reigen::compose {

class LogView {
 public:
  struct Options {
    bool color = false, prefix = true;
    bool errors_apart = false;  // what came as standard error goes there; else all to standard output
  };
  explicit LogView(Options options) : options_(options) {}

  // Names are known before the first line, so that the columns stand still.
  void add(const std::string& name);
  // Bytes as they come; whole lines are printed. `stream` 2 is standard error.
  void write(const std::string& name, int stream, std::string_view bytes);
  void finish(const std::string& name);                       // what is left without a line end
  void note(const std::string& name, std::string_view text);  // "web-1 exited with code 0"

 private:
  void print(const std::string& name, int stream, std::string_view line);
  const Options options_;
  std::mutex mutex_;
  size_t width_ = 0;
  std::map<std::string, size_t> colors_;
  std::map<std::pair<std::string, int>, std::string> pending_;
};

struct LogOptions {
  bool follow = false, timestamps = false;
  std::string tail = "all", since, until;  // since and until as the engine takes them
};

// "PROJECT-web-1" without the project.
std::string short_name(const std::string& project, const Observed& container);
// "42m" or a time of RFC 3339 or a number of seconds as the engine's number of seconds.
Result<std::string> log_time(const std::string& text);

// The moment behind the last line of a container's log, for `since`; empty when there is none.
Result<std::string> after_last_line(EngineClient& engine, const std::string& id);

// Writes one container's log until it ends. With follow: until the container stops; over restarts by its policy it goes on.
// The exit code, -1 when not asked for (follow is off).
Result<int> show_log(EngineClient& engine, const Observed& container, const std::string& name, const LogOptions& options, LogView& view);

}  // namespace reigen::compose
