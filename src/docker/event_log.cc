#include "docker/event_log.h"

#include <algorithm>

namespace reigen::docker {

api::Value event_json(const Event& event) {
  api::Value out = api::Value::object();
  bool container = event.type == "container";
  if (container || event.type == "image") {
    out.set("status", event.action);
    out.set("id", event.id);
  }
  auto attributes = event.attributes;
  std::ranges::sort(attributes);
  api::Value shown = api::Value::object();
  for (const auto& [name, value] : attributes) shown.set(name, value);
  if (const auto* image = container ? shown.find("image") : nullptr; image && !image->text().empty()) out.set("from", image->text());
  out.set("Type", event.type);
  out.set("Action", event.action);
  out.set("Actor", api::Value::object({{"ID", event.id}, {"Attributes", std::move(shown)}}));
  out.set("scope", "local");
  int64_t ns = event.time.time_since_epoch().count();
  out.set("time", ns / 1'000'000'000);
  out.set("timeNano", ns);
  return out;
}

std::vector<EventLog::EventPtr> EventLog::Follower::take(bool& lost) {
  auto queue = queue_.lock();
  std::vector<EventPtr> out(queue->events.begin(), queue->events.end());
  queue->events.clear();
  queue->told = false;
  lost = queue->lost;
  return out;
}

void EventLog::add(Event event) {
  std::vector<std::shared_ptr<Follower>> told;
  {
    auto state = state_.lock();
    if (event.time == WallTime{}) event.time = clock_.wall();
    event.time = std::max(event.time, state->last + std::chrono::nanoseconds(1));
    state->last = event.time;
    auto shared = std::make_shared<const Event>(std::move(event));
    state->kept.push_back(shared);
    if (state->kept.size() > kKept) state->kept.pop_front();
    std::erase_if(state->followers, [](const auto& weak) { return weak.expired(); });
    for (const auto& weak : state->followers) {
      auto follower = weak.lock();
      if (!follower) continue;
      auto queue = follower->queue_.lock();
      if (queue->lost) continue;
      if (queue->events.size() >= kQueue) {
        queue->lost = true;
      } else {
        queue->events.push_back(shared);
      }
      if (!std::exchange(queue->told, true)) told.push_back(follower);
    }
  }
  for (const auto& follower : told) follower->wake_();
}

std::shared_ptr<EventLog::Follower> EventLog::follow(WallTime since, std::function<void()> wake) {
  auto follower = std::make_shared<Follower>();
  follower->wake_ = std::move(wake);
  auto state = state_.lock();
  if (since != WallTime{}) {
    auto queue = follower->queue_.lock();
    for (const auto& event : state->kept) {
      if (event->time >= since) queue->events.push_back(event);
    }
  }
  state->followers.push_back(follower);
  return follower;
}

std::vector<EventLog::EventPtr> EventLog::past(WallTime since, WallTime until) const {
  std::vector<EventPtr> out;
  auto state = state_.lock();
  for (const auto& event : state->kept) {
    if (event->time >= since && event->time <= until) out.push_back(event);
  }
  return out;
}

size_t EventLog::followers() const {
  auto state = state_.lock();
  return static_cast<size_t>(std::ranges::count_if(state->followers, [](const auto& weak) { return !weak.expired(); }));
}

}  // namespace reigen::docker
