// What happens, a line a thing: redrawn in place on a terminal, a line an event elsewhere. On standard error. Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace reigen::compose {

enum class ProgressMode : unsigned char { kTerminal, kPlain, kQuiet };

class ProgressView {
 public:
  // `color`: ticks and states in colours (a terminal, and neither NO_COLOR nor --ansi never).
  ProgressView(ProgressMode mode, bool color) : mode_(mode), color_(color) {}

  enum class State : unsigned char { kWorking, kDone, kWarning, kFailed };
  // "Container web-1", "Starting". On a terminal the thing keeps its line.
  void tell(const std::string& thing, std::string_view what, State state);
  void begin(const std::string& thing, std::string_view what) { tell(thing, what, State::kWorking); }
  void done(const std::string& thing, std::string_view what) { tell(thing, what, State::kDone); }
  void failed(const std::string& thing, std::string_view what) { tell(thing, what, State::kFailed); }
  // What follows begins a new block of lines. `title` is the block's: "Running".
  void block(std::string title);
  // --dry-run: every line says that nothing is done.
  void rehearse() { prefix_ = "DRY-RUN MODE -  "; }
  // A warning on a line of its own, above the block.
  void warn(std::string_view text);

 private:
  struct Line {
    std::string thing, what;
    State state = State::kWorking;
    TimePoint began{}, ended{};
  };
  void draw();
  std::string paint(std::string_view text, const char* color) const;

  const ProgressMode mode_;
  const bool color_;
  std::mutex mutex_;
  std::string title_ = "Running", prefix_;
  std::vector<Line> lines_;
  std::map<std::string, size_t> places_;
  size_t drawn_ = 0;
};

}  // namespace reigen::compose
