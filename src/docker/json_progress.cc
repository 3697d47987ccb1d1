#include "docker/json_progress.h"

#include <fmt/core.h>

#include <algorithm>

#include "docker/go_json.h"

namespace reigen::docker {
namespace {

constexpr auto kEvery = std::chrono::milliseconds(100);
constexpr size_t kShownDigits = 12;

std::string short_id(const std::string& id) { return id.starts_with("sha256:") ? id.substr(7, kShownDigits) : id; }

}  // namespace

std::string human_size(uint64_t bytes) {
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  constexpr const char* units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  while (value >= 1000 && unit + 1 < std::size(units)) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.4g}{}", value, units[unit]);
}

std::string progress_bar(uint64_t current, uint64_t total) {
  if (current == 0 && total == 0) return "";
  if (total == 0) return fmt::format("{:>8}", human_size(current));
  auto done = std::min<size_t>(50, static_cast<size_t>(static_cast<double>(current) / static_cast<double>(total) * 50));
  return fmt::format("[{}>{}] {:>8}/{}", std::string(done, '='), std::string(50 - done, ' '), human_size(current), human_size(total));
}

JsonProgress::JsonProgress(Call& call, Clock& clock) : call_(call), clock_(clock) { watch(); }

void JsonProgress::watch() {
  call_.responder->on_close([gone = gone_] { *gone = true; });
}

void JsonProgress::begin() {
  if (answer_) return;
  answer_ = std::make_unique<StreamAnswer>(call_.responder, 200, answer_headers("application/json"));
  watch();  // there is one callback; its own is only a shorter way to the failed write that it waits for
}

void JsonProgress::write(std::string text) {
  begin();
  if (*gone_) return;
  if (!answer_->write(std::move(text))) *gone_ = true;
}

void JsonProgress::line(const api::Value& value) {
  std::string text = go_json(value);
  text.pop_back();
  text += "\r\n";  // as Docker's stream formatter ends its lines
  write(std::move(text));
}

void JsonProgress::status(std::string_view text, std::string_view id) {
  auto value = api::Value::object({{"status", text}});
  if (!id.empty()) value.set("id", id);
  line(value);
}

void JsonProgress::stream(std::string_view text) { line(api::Value::object({{"stream", text}})); }
void JsonProgress::aux(api::Value value) { line(api::Value::object({{"aux", std::move(value)}})); }

void JsonProgress::progress(const std::string& id, const std::string& status, uint64_t current, uint64_t total) {
  auto& told = told_[id];
  auto now = clock_.now();
  bool ends = total > 0 && current >= total;
  if (told.status == status && !ends && now < told.at + kEvery) return;
  told = {status, now};
  auto detail = api::Value::object();
  if (current > 0 || total > 0) {
    detail.set("current", static_cast<int64_t>(current));
    if (total > 0) detail.set("total", static_cast<int64_t>(total));
  }
  auto value = api::Value::object({{"status", status}, {"progressDetail", std::move(detail)}});
  if (auto bar = progress_bar(current, total); !bar.empty()) value.set("progress", bar);
  value.set("id", short_id(id));
  line(value);
}

void JsonProgress::finish() {
  begin();
  answer_->finish();
}

void JsonProgress::finish(const Error& error, int exit_code) {
  if (!answer_) return call_.error(error);
  finish_in_stream(error, exit_code);
}

void JsonProgress::finish_in_stream(const Error& error, int exit_code) {
  auto detail = api::Value::object();
  if (exit_code != 0) detail.set("code", exit_code);
  detail.set("message", error.message());
  line(api::Value::object({{"errorDetail", std::move(detail)}, {"error", error.message()}}));
  answer_->finish();
}

}  // namespace reigen::docker
