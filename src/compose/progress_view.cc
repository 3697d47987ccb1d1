#include "compose/progress_view.h"

#include <fmt/core.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstdio>

namespace reigen::compose {
namespace {

size_t terminal_width() {
  winsize size{};
  return ::ioctl(2, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

}  // namespace

std::string ProgressView::paint(std::string_view text, const char* color) const {
  return color_ ? fmt::format("\x1b[{}m{}\x1b[0m", color, text) : std::string(text);
}

void ProgressView::tell(const std::string& thing, std::string_view what, State state) {
  std::lock_guard lock(mutex_);
  if (mode_ == ProgressMode::kQuiet) return;
  if (mode_ == ProgressMode::kPlain) {
    fmt::print(stderr, " {}{}  {}\n", prefix_, thing, what);
    return;
  }
  TimePoint now = system_clock().now();
  auto [place, fresh] = places_.try_emplace(thing, lines_.size());
  if (fresh) lines_.push_back({prefix_ + thing, "", State::kWorking, now, now});
  Line& line = lines_[place->second];
  if (state == State::kWorking && line.state != State::kWorking) line.began = now;
  line.what = what;
  line.state = state;
  line.ended = now;
  draw();
}

void ProgressView::draw() {
  std::string out = "\x1b[?25l";
  if (drawn_ > 0) out += fmt::format("\x1b[{}A", drawn_);
  size_t width = terminal_width(), longest = 0;
  auto ended = std::ranges::count_if(lines_, [](const Line& line) { return line.state != State::kWorking; });
  for (const auto& line : lines_) longest = std::max(longest, line.thing.size());
  longest = std::min(longest, width > 30 ? width - 25 : 20);
  out += fmt::format("\r\x1b[K[+] {} {}/{}\n", title_, ended, lines_.size());
  for (const auto& line : lines_) {
    const char* sign = line.state == State::kDone ? "✔" : line.state == State::kFailed ? "✘" : line.state == State::kWarning ? "!" : "⠿";
    const char* color = line.state == State::kDone ? "32" : line.state == State::kFailed ? "31" : line.state == State::kWarning ? "33" : "34";
    double seconds = std::chrono::duration<double>(line.ended - line.began).count();
    out += fmt::format("\r\x1b[K {} {:<{}}  {}  {:.1f}s\n", paint(sign, color), line.thing.substr(0, longest), longest,
                       paint(fmt::format("{:<10}", line.what), color), seconds);
  }
  drawn_ = lines_.size() + 1;
  out += "\x1b[?25h";
  std::fwrite(out.data(), 1, out.size(), stderr);
}

void ProgressView::block(std::string title) {
  std::lock_guard lock(mutex_);
  title_ = std::move(title);
  lines_.clear();
  places_.clear();
  drawn_ = 0;
}

void ProgressView::warn(std::string_view text) {
  std::lock_guard lock(mutex_);
  if (mode_ == ProgressMode::kTerminal && drawn_ > 0) {
    drawn_ = 0;  // the block is drawn anew below
    lines_.clear();
    places_.clear();
  }
  fmt::print(stderr, "{}\n", text);
}

}  // namespace reigen::compose
