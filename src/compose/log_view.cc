#include "compose/log_view.h"

#include <fmt/core.h>

#include <charconv>
#include <condition_variable>
#include <cstdio>
#include <ctime>

#include "base/far_times.h"
#include "compose/short_forms.h"

namespace reigen::compose {
namespace {

constexpr size_t kMaxLine = 1 << 20;  // longer ones are printed in pieces
constexpr const char* kColors[] = {"36", "33", "32", "35", "34", "36;1", "33;1", "32;1", "35;1", "34;1"};

void rest(int milliseconds) {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, std::chrono::milliseconds(milliseconds));
}

std::string seconds_text(WallTime time) {
  auto ns = time.time_since_epoch().count();
  return fmt::format("{}.{:09d}", ns / 1'000'000'000, ns % 1'000'000'000);
}

}  // namespace

void LogView::add(const std::string& name) {
  std::lock_guard lock(mutex_);
  width_ = std::max(width_, name.size());
  colors_.try_emplace(name, colors_.size());
}

void LogView::print(const std::string& name, int stream, std::string_view line) {
  std::string out;
  if (options_.prefix) {
    std::string head = fmt::format("{:<{}} | ", name, width_ + 1);
    out = options_.color ? fmt::format("\x1b[{}m{}\x1b[0m", kColors[colors_[name] % std::size(kColors)], head) : head;
  }
  out += line;
  out += '\n';
  std::FILE* file = stream == 2 && options_.errors_apart ? stderr : stdout;
  std::fwrite(out.data(), 1, out.size(), file);
  std::fflush(file);
}

void LogView::write(const std::string& name, int stream, std::string_view bytes) {
  std::lock_guard lock(mutex_);
  std::string& pending = pending_[{name, stream}];
  pending += bytes;
  size_t begin = 0;
  for (size_t end = pending.find('\n'); end != std::string::npos; end = pending.find('\n', begin)) {
    std::string_view line = std::string_view(pending).substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    print(name, stream, line);
    begin = end + 1;
  }
  pending.erase(0, begin);
  if (pending.size() > kMaxLine) {
    print(name, stream, pending);
    pending.clear();
  }
}

void LogView::finish(const std::string& name) {
  std::lock_guard lock(mutex_);
  for (int stream : {1, 2}) {
    std::string& pending = pending_[{name, stream}];
    if (!pending.empty()) print(name, stream, pending);
    pending.clear();
  }
}

void LogView::note(const std::string& name, std::string_view text) {
  std::lock_guard lock(mutex_);
  fmt::print("{} {}\n", name, text);
  std::fflush(stdout);
}

std::string short_name(const std::string& project, const Observed& container) {
  for (char separator : {'-', '_'})
    if (container.name.starts_with(project + separator)) return container.name.substr(project.size() + 1);
  return container.name;
}

Result<std::string> log_time(const std::string& text) {
  if (text.empty() || text.find_first_not_of("0123456789.") == std::string::npos) return text;
  if (auto ago = parse_duration(text)) return seconds_text(system_clock().wall() - within_reach(*ago));
  std::tm parts{};
  const char* rest_of = ::strptime(text.c_str(), "%Y-%m-%d", &parts);
  if (rest_of && *rest_of == 'T') rest_of = ::strptime(rest_of, "T%H:%M:%S", &parts);
  if (!rest_of) return fail(Code::kInvalidArgument, fmt::format("invalid value for \"since\": failed to parse value as time or duration: \"{}\"", text));
  std::string fraction;
  if (*rest_of == '.') {
    ++rest_of;
    while (*rest_of >= '0' && *rest_of <= '9') fraction += *rest_of++;
  }
  int64_t seconds = ::timegm(&parts);
  if (*rest_of == '+' || *rest_of == '-') {
    int hours = 0, minutes = 0;
    std::sscanf(rest_of + 1, "%2d:%2d", &hours, &minutes);
    seconds -= (*rest_of == '+' ? 1 : -1) * (hours * 3600 + minutes * 60);
  }
  return fraction.empty() ? std::to_string(seconds) : fmt::format("{}.{}", seconds, fraction);
}

Result<std::string> after_last_line(EngineClient& engine, const std::string& id) {
  auto target = with_query(fmt::format("/containers/{}/logs", id), {{"stdout", "1"}, {"stderr", "1"}, {"timestamps", "1"}, {"tail", "1"}});
  TRY_ASSIGN(auto answer, engine.stream("GET", target));
  std::string text;
  while (text.size() < 64) {
    auto piece = read_piece(*answer.body);
    if (!piece || piece->empty()) break;
    text += *piece;
  }
  answer.body->close();
  if (text.size() > 8 && static_cast<unsigned char>(text[0]) < 3) text.erase(0, 8);  // a frame's head
  auto time = log_time(text.substr(0, text.find(' ')));
  if (!time || time->empty()) return std::string();
  std::string fraction = time->find('.') == std::string::npos ? "" : time->substr(time->find('.') + 1);
  fraction.resize(9, '0');
  int64_t seconds = 0, nanoseconds = 0;
  std::from_chars(time->data(), time->data() + time->size(), seconds);
  std::from_chars(fraction.data(), fraction.data() + fraction.size(), nanoseconds);
  if (++nanoseconds == 1'000'000'000) nanoseconds = 0, ++seconds;
  return fmt::format("{}.{:09d}", seconds, nanoseconds);
}

Result<int> show_log(EngineClient& engine, const Observed& container, const std::string& name, const LogOptions& options, LogView& view) {
  TRY_ASSIGN(api::Value facts, engine.get(fmt::format("/containers/{}/json", container.id)));
  const api::Value* terminal = facts.at({"Config", "Tty"});
  bool raw = terminal && terminal->bool_or(false);
  std::string since = options.since, tail = options.tail;
  for (;;) {
    auto began = system_clock().wall();
    auto target = with_query(fmt::format("/containers/{}/logs", container.id), {{"stdout", "1"},
                                                                                {"stderr", "1"},
                                                                                {"follow", options.follow ? "1" : ""},
                                                                                {"timestamps", options.timestamps ? "1" : ""},
                                                                                {"tail", tail},
                                                                                {"since", since},
                                                                                {"until", options.until}});
    TRY_ASSIGN(auto answer, engine.stream("GET", target));
    FrameReader frames(raw);
    for (;;) {
      auto piece = read_piece(*answer.body);
      if (!piece || piece->empty()) break;
      began = system_clock().wall();
      frames.feed(*piece, [&](int stream, std::string_view bytes) { view.write(name, stream, bytes); });
    }
    view.finish(name);
    if (!options.follow) return -1;
    // The stream ends with a run; a policy may begin the next one.
    for (;;) {
      auto now = engine.get(fmt::format("/containers/{}/json", container.id));
      if (!now) return 0;  // removed
      auto status = now->text_at({"State", "Status"});
      if (status == "running" || status == "paused") break;
      const api::Value* code = now->at({"State", "ExitCode"});
      if (status != "restarting") return code ? static_cast<int>(code->int_or(0)) : 0;
      rest(100);
    }
    since = seconds_text(began);
    tail = "all";
  }
}

}  // namespace reigen::compose
