// GET /events: what happened and what happens.
#include <fmt/core.h>

#include "docker/engine.h"
#include "docker/event_filter.h"
#include "docker/go_json.h"
#include "docker/system_handlers.h"
#include "docker/time_argument.h"

namespace reigen::docker {

namespace {

constexpr size_t kMaxBacklog = 4 << 20;  // bytes a client may be behind; then it is cut off

// One client that follows. Kept by its responder's on_close and by its timer; the log only knows it weakly.
class EventStream : public std::enable_shared_from_this<EventStream> {
 public:
  EventStream(std::shared_ptr<http::Responder> responder, Filters filters, ApiVersion version)
      : responder_(std::move(responder)), filters_(std::move(filters)), version_(version) {}

  void start(Engine& engine, WallTime since, std::optional<WallTime> until) {
    responder_->on_close([self = shared_from_this()] { self->end(); });
    responder_->start(200, answer_headers("application/json"));
    auto follower = engine.events.follow(since, [weak = weak_from_this()] {
      if (auto self = weak.lock()) self->send();
    });
    {
      std::lock_guard lock(mutex_);
      if (ended_) return;
      follower_ = std::move(follower);
    }
    send();
    if (until) {
      engine.work.after(*until - engine.clock.wall(), [weak = weak_from_this()] {
        if (auto self = weak.lock()) self->finish();
      });
    }
  }

 private:
  void send() {
    bool lost = false;
    {
      std::lock_guard lock(mutex_);
      if (!follower_) return;
      std::string lines;
      for (const auto& event : follower_->take(lost)) {
        if (has_event(version_, *event) && wants_event(filters_, *event)) lines += go_json(event_json(*event));
      }
      if (!lines.empty()) responder_->write(std::move(lines));
      lost = lost || responder_->buffered() > kMaxBacklog;
      if (lost) follower_ = nullptr;
    }
    if (lost) responder_->abort();
  }
  void finish() {
    end();
    responder_->finish();
  }
  void end() {
    std::lock_guard lock(mutex_);
    ended_ = true;
    follower_ = nullptr;
  }

  std::shared_ptr<http::Responder> responder_;
  const Filters filters_;
  const ApiVersion version_;
  std::mutex mutex_;
  std::shared_ptr<EventLog::Follower> follower_;
  bool ended_ = false;
};

}  // namespace

void system_events(Call call) {
  auto since = parse_seconds(call.arg("since"));
  if (!since) return call.error(since.error());
  auto until = parse_seconds(call.arg("until"));
  if (!until) return call.error(until.error());
  if (*since && *until && **until < **since) {
    return call.error(Error(Code::kInvalidArgument, fmt::format("`since` time ({}) cannot be after `until` time ({})", call.arg("since"), call.arg("until"))));
  }
  auto filters = Filters::parse(call.arg("filters"));
  if (!filters) return call.error(filters.error());
  WallTime from = since->value_or(*until ? WallTime(Duration(1)) : WallTime{});
  if (*until && **until <= call.engine.clock.wall()) {
    std::string lines;
    for (const auto& event : call.engine.events.past(from, **until)) {
      if (has_event(call.version, *event) && wants_event(*filters, *event)) lines += go_json(event_json(*event));
    }
    return call.json_text(200, std::move(lines));
  }
  auto stream = std::make_shared<EventStream>(std::move(call.responder), std::move(*filters), call.version);
  stream->start(call.engine, from, *until);
}

}  // namespace reigen::docker
