#include "node/event_recorder.h"

#include <fmt/core.h>

#include <atomic>
#include <list>
#include <unordered_map>

#include "base/log.h"
#include "client/client.h"

namespace reigen::node {
namespace {

using namespace api::corev1;
constexpr int kQueueLimit = 1000;
constexpr size_t kRemembered = 1024;
constexpr size_t kMessageLimit = 1024;  // of the API

}  // namespace

struct EventRecorder::State {
  State(client::Transport& transport, Executor& executor, std::string c, std::string h)
      : client(transport), strand(executor), clock(executor.clock()), component(std::move(c)), host(std::move(h)) {}

  struct Known {
    std::string name;
    int32_t count = 0;
  };

  client::Client client;
  Strand strand;
  Clock& clock;
  std::string component, host;
  std::atomic<int> waiting = 0;
  // Of the strand.
  std::unordered_map<std::string, Known> known;
  std::list<std::string> order;
  uint64_t sequence = 0;
  TaskGroup tasks;

  void write(const ObjectReference& about, bool warning, const std::string& reason, const std::string& message, WallTime at) {
    std::string space = about.namespace_.empty() ? "default" : about.namespace_;
    std::string key = about.kind + "/" + space + "/" + about.name + "/" + about.uid + "/" + about.field_path + "/" + reason + "/" + message;
    auto it = known.find(key);
    if (it != known.end()) {
      std::string patch = fmt::format("{{\"count\":{},\"lastTimestamp\":\"{}\"}}", it->second.count + 1, api::Time(at).to_string());
      if (client.patch<Event>(space, it->second.name, client::PatchType::kMerge, patch)) {
        ++it->second.count;
        return;
      }
      known.erase(it);  // expired by now
      order.remove(key);
    }
    Event event;
    event.metadata.namespace_ = space;
    event.metadata.name = fmt::format("{}.{:x}", about.name, static_cast<uint64_t>(at.time_since_epoch().count()) + sequence++);
    event.involved_object = about;
    event.reason = reason;
    event.message = message.substr(0, kMessageLimit);
    event.source.component = component;
    event.source.host = host;
    event.first_timestamp = event.last_timestamp = api::Time(at);
    event.count = 1;
    event.type = warning ? "Warning" : "Normal";
    event.reporting_component = component;
    event.reporting_instance = host;
    std::string name = event.metadata.name;
    if (auto made = client.create(std::move(event)); !made) {
      LOG(kDebug, "node", "event {} of {}: {}", reason, about.name, made.error().message());
      return;
    }
    known[key] = {name, 1};
    order.push_back(key);
    if (order.size() > kRemembered) {
      known.erase(order.front());
      order.pop_front();
    }
  }
};

EventRecorder::EventRecorder(client::Transport& transport, Executor& executor, std::string component, std::string host)
    : state_(std::make_shared<State>(transport, executor, std::move(component), std::move(host))) {}

EventRecorder::~EventRecorder() { state_->tasks.stop(); }

void EventRecorder::event(ObjectReference about, bool warning, std::string reason, std::string message) {
  if (state_->waiting.fetch_add(1) >= kQueueLimit) {
    state_->waiting.fetch_sub(1);
    return;
  }
  state_->strand.post(state_->tasks.wrap(
      [state = state_.get(), about = std::move(about), warning, reason = std::move(reason), message = std::move(message), at = state_->clock.wall()] {
        state->waiting.fetch_sub(1);
        state->write(about, warning, reason, message, at);
      }));
}

void EventRecorder::pod_event(const Pod& pod, bool warning, std::string reason, std::string message) {
  ObjectReference about;
  about.kind = "Pod";
  about.api_version = "v1";
  about.namespace_ = pod.metadata.namespace_;
  about.name = pod.metadata.name;
  about.uid = pod.metadata.uid;
  about.resource_version = pod.metadata.resource_version;
  event(std::move(about), warning, std::move(reason), std::move(message));
}

void EventRecorder::container_event(const Pod& pod, const Container& container, bool warning, std::string reason, std::string message) {
  ObjectReference about;
  about.kind = "Pod";
  about.api_version = "v1";
  about.namespace_ = pod.metadata.namespace_;
  about.name = pod.metadata.name;
  about.uid = pod.metadata.uid;
  about.resource_version = pod.metadata.resource_version;
  bool init = false;
  for (const auto& candidate : pod.spec.init_containers) init = init || candidate.name == container.name;
  about.field_path = std::string(init ? "spec.initContainers{" : "spec.containers{") + container.name + "}";
  event(std::move(about), warning, std::move(reason), std::move(message));
}

}  // namespace reigen::node
