#include "client/event_recorder.h"

#include <fmt/core.h>

#include <atomic>
#include <deque>
#include <list>
#include <set>
#include <unordered_map>

#include "api/corev1.h"
#include "api/errors.h"
#include "api/value.h"
#include "base/log.h"

namespace reigen::client {
namespace {

// The correlator's figures in client-go (tools/record/events_cache.go) and the broadcaster's retries (event.go).
constexpr size_t kCacheEntries = 4096;
constexpr size_t kSimilarEvents = 10;
constexpr Duration kSimilarInterval = std::chrono::seconds(600);
constexpr double kSpamBurst = 25;
constexpr double kSpamPerSecond = 1.0 / 300;
constexpr size_t kQueue = 1000;
constexpr int kMaxTries = 12;
constexpr Duration kRetryDelay = std::chrono::seconds(10);

// The least recently used entry leaves when there are more than kCacheEntries.
template <class V>
class LruMap {
 public:
  V& operator[](const std::string& key) {
    if (auto found = places_.find(key); found != places_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      return found->second->second;
    }
    entries_.emplace_front(key, V());
    places_[key] = entries_.begin();
    if (entries_.size() > kCacheEntries) {
      places_.erase(entries_.back().first);
      entries_.pop_back();
    }
    return entries_.front().second;
  }

 private:
  std::list<std::pair<std::string, V>> entries_;
  std::unordered_map<std::string, typename std::list<std::pair<std::string, V>>::iterator> places_;
};

struct Similar {
  std::set<std::string> messages;
  TimePoint last{};
};
struct Sent {
  int count = 0;
  std::string name;
  api::Time first;
};
struct Bucket {
  double tokens = kSpamBurst;
  TimePoint filled{};
};
struct Outgoing {
  api::corev1::Event event;
  bool patch = false;
  int tries = 0;
};

std::string object_key(const api::corev1::ObjectReference& about) {
  return fmt::format("{}\n{}\n{}\n{}\n{}", about.kind, about.namespace_, about.name, about.uid, about.api_version);
}

}  // namespace

struct EventRecorder::State : std::enable_shared_from_this<EventRecorder::State> {
  State(Transport& transport, Executor& executor, EventSource source) : transport(transport), executor(executor), source(std::move(source)), strand(executor) {}

  Transport& transport;
  Executor& executor;
  const EventSource source;
  Strand strand;
  std::atomic<size_t> waiting = 0;
  // The strand's.
  LruMap<Similar> similar;
  LruMap<Sent> sent;
  LruMap<Bucket> buckets;
  std::deque<Outgoing> outgoing;
  bool sending = false;
  TaskGroup tasks;

  void record(api::corev1::Event event) {
    Outgoing out{.event = std::move(event)};
    correlate(out);
    if (!passes_spam_filter(out.event)) {
      --waiting;
      return;
    }
    outgoing.push_back(std::move(out));
    send_next();
  }

  void correlate(Outgoing& out) {
    auto& event = out.event;
    auto now = executor.clock().now();
    std::string group = object_key(event.involved_object) + "\n" + event.type + "\n" + event.reason;
    std::string key = group + "\n" + event.involved_object.field_path + "\n" + event.message;
    Similar& group_state = similar[group];
    if (now - group_state.last > kSimilarInterval) group_state.messages.clear();
    group_state.last = now;
    group_state.messages.insert(event.message);
    if (group_state.messages.size() >= kSimilarEvents) {
      group_state.messages.erase(group_state.messages.begin());
      event.message = "(combined from similar events): " + event.message;
      key = std::move(group);
    }
    Sent& earlier = sent[key];
    if (earlier.count > 0) {
      event.metadata.name = earlier.name;
      event.first_timestamp = earlier.first;
      event.count = earlier.count + 1;
      out.patch = true;
    } else {
      earlier.name = event.metadata.name;
      earlier.first = event.first_timestamp;
    }
    earlier.count = event.count;
  }

  bool passes_spam_filter(const api::corev1::Event& event) {
    Bucket& bucket = buckets[object_key(event.involved_object)];
    auto now = executor.clock().now();
    double seconds = bucket.filled == TimePoint{} ? 0 : std::chrono::duration<double>(now - bucket.filled).count();
    bucket.tokens = std::min(kSpamBurst, bucket.tokens + seconds * kSpamPerSecond);
    bucket.filled = now;
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  void send_next() {
    if (sending || outgoing.empty()) return;
    sending = true;
    auto& out = outgoing.front();
    Request request;
    request.kind = &api::kind_of<api::corev1::Event>();
    request.namespace_ = out.event.metadata.namespace_;
    request.field_manager = source.component;
    if (out.patch) {
      request.verb = Verb::kPatch;
      request.name = out.event.metadata.name;
      request.patch_type = PatchType::kStrategic;
      request.patch = fmt::format(R"({{"count":{},"lastTimestamp":"{}","message":{}}})", out.event.count, out.event.last_timestamp.to_string(),
                                  api::to_json(api::Value(out.event.message)));
    } else {
      request.verb = Verb::kCreate;
      request.body = api::Object::of(out.event);
    }
    transport.call_async(std::move(request), [weak = weak_from_this()](Result<Response> response) {
      auto self = weak.lock();
      if (!self) return;
      self->strand.post(
          self->tasks.wrap([self = self.get(), response = std::move(response)] { self->on_answer(response ? std::optional<Error>() : response.error()); }));
    });
  }

  void on_answer(const std::optional<Error>& error) {
    sending = false;
    auto& out = outgoing.front();
    if (error) {
      if (out.patch && api::is_not_found(*error)) {
        // The event was deleted meanwhile (they expire): it begins anew.
        out.patch = false;
        return send_next();
      }
      bool refused = api::find_status(*error) != nullptr;
      if (!refused && ++out.tries < kMaxTries) {
        strand.after(kRetryDelay, tasks.wrap([this] { send_next(); }));
        return;
      }
      LOG(kWarning, "events", "event {} {} of {}/{} is lost: {}", out.event.type, out.event.reason, out.event.involved_object.namespace_,
          out.event.involved_object.name, error->message());
    }
    outgoing.pop_front();
    --waiting;
    send_next();
  }
};

api::corev1::ObjectReference reference_to(const api::Object& object, std::string_view field_path) {
  api::corev1::ObjectReference reference;
  const auto& meta = object.meta();
  reference.kind = object.kind().kind;
  reference.api_version = object.kind().api_version;
  reference.namespace_ = meta.namespace_;
  reference.name = meta.name;
  reference.uid = meta.uid;
  reference.resource_version = meta.resource_version;
  reference.field_path = field_path;
  return reference;
}

EventRecorder::EventRecorder(Transport& transport, Executor& executor, EventSource source)
    : state_(std::make_shared<State>(transport, executor, std::move(source))) {}

EventRecorder::~EventRecorder() { state_->tasks.stop(); }

void EventRecorder::event(const api::Object& about, std::string_view type, std::string_view reason, std::string message) {
  event(reference_to(about), type, reason, std::move(message));
}

void EventRecorder::event(const api::corev1::ObjectReference& about, std::string_view type, std::string_view reason, std::string message) {
  if (state_->waiting.fetch_add(1) >= kQueue) {
    --state_->waiting;
    LOG(kWarning, "events", "too many events wait: {} {} of {} is dropped", type, reason, about.name);
    return;
  }
  WallTime now = state_->executor.clock().wall();
  api::corev1::Event event;
  event.metadata.name = fmt::format("{}.{:x}", about.name, now.time_since_epoch().count());
  event.metadata.namespace_ = about.namespace_.empty() ? "default" : about.namespace_;
  event.involved_object = about;
  event.type = type;
  event.reason = reason;
  event.message = std::move(message);
  event.source.component = state_->source.component;
  event.source.host = state_->source.host;
  event.reporting_component = state_->source.component;
  event.reporting_instance = state_->source.host;
  event.first_timestamp = event.last_timestamp = api::Time(now);
  event.count = 1;
  state_->strand.post(state_->tasks.wrap([state = state_.get(), event = std::move(event)]() mutable { state->record(std::move(event)); }));
}

bool EventRecorder::idle() const { return state_->waiting == 0; }

}  // namespace reigen::client
