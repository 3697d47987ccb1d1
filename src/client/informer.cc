#include "client/informer.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <span>

#include "api/metav1.h"
#include "base/log.h"

namespace reigen::client {
namespace {

constexpr size_t kMaxQueuedEvents = 1 << 16;  // beyond, the watch is dropped and everything listed again
constexpr Duration kFirstBackOff = std::chrono::milliseconds(200);
constexpr Duration kLongestBackOff = std::chrono::seconds(30);

uint64_t version_number(std::string_view text) {
  uint64_t version = 0;
  std::from_chars(text.data(), text.data() + text.size(), version);
  return version;
}

struct WatchItem {
  enum class Kind : uint8_t { kEvent, kBookmark, kClosed } kind;
  WatchType type = WatchType::kAdded;
  api::Object object = {};
  std::string version = {};
  std::optional<Error> error = {};
};

}  // namespace

std::string key_of(std::string_view namespace_, std::string_view name) {
  if (namespace_.empty()) return std::string(name);
  std::string key;
  key.reserve(namespace_.size() + name.size() + 1);
  key += namespace_;
  key += '/';
  key += name;
  return key;
}

std::string key_of(const api::Object& object) { return key_of(object.meta().namespace_, object.meta().name); }

std::pair<std::string, std::string> split_key(std::string_view key) {
  auto slash = key.find('/');
  if (slash == std::string_view::npos) return {"", std::string(key)};
  return {std::string(key.substr(0, slash)), std::string(key.substr(slash + 1))};
}

// Everything but the store (objects, indexes, version), the watch's queue and the flags belongs to the strand.
struct ObjectInformer::State : std::enable_shared_from_this<ObjectInformer::State> {
  State(Transport& transport, const Strand& strand, const api::KindInfo& kind, InformerOptions options)
      : transport(transport), kind(kind), options(std::move(options)), strand(strand) {}

  struct Index {
    IndexFunction function;
    std::map<std::string, std::set<std::string>, std::less<>> keys;  // by value
  };
  struct Registered {
    Handler handler;
    Fn on_synced;
  };
  class Sink;

  Transport& transport;
  const api::KindInfo& kind;
  const InformerOptions options;
  Strand strand;

  mutable std::shared_mutex store_mutex;
  std::map<std::string, api::Object, std::less<>> objects;
  std::map<std::string, Index, std::less<>> indexes;
  uint64_t version = 0;
  bool synced = false;

  std::mutex queue_mutex;
  std::vector<WatchItem> queued;
  uint64_t watch_number = 0;  // events of an older watch are dropped
  bool draining = false;

  std::vector<Registered> handlers;
  std::multimap<uint64_t, Fn> waiting;
  std::unique_ptr<WatchHandle> watch;
  std::string resource_version;  // to resume from
  Duration back_off = kFirstBackOff;
  bool started = false;
  std::atomic<bool> stopped = false;
  TaskGroup tasks;  // last: awaited first

  void post(Fn fn) { strand.post(tasks.wrap(std::move(fn))); }
  void later(Duration delay, Fn fn) { strand.after(delay, tasks.wrap(std::move(fn))); }

  Request request(Verb verb) const {
    Request request;
    request.verb = verb;
    request.kind = &kind;
    request.namespace_ = options.namespace_;
    request.label_selector = options.label_selector;
    request.field_selector = options.field_selector;
    request.metadata_only = options.metadata_only;
    return request;
  }

  void list(bool from_cache) {
    Request request = this->request(Verb::kList);
    // Any state the server has is good at first; after Gone it must be a new one.
    if (from_cache) request.resource_version = "0";
    transport.call_async(std::move(request), [weak = weak_from_this()](Result<Response> response) {
      auto self = weak.lock();
      if (!self) return;
      self->post([self = self.get(), response = std::move(response)]() mutable { self->on_listed(std::move(response)); });
    });
  }

  void on_listed(Result<Response> response) {
    if (!response) {
      LOG(kWarning, "informer", "list {}: {}", path_of(request(Verb::kList)), response.error().message());
      return retry([this] { list(false); });
    }
    back_off = kFirstBackOff;
    replace(std::move(response->items));
    resource_version = response->resource_version;
    bool first = !std::exchange(synced_on_strand, true);
    set_version(version_number(resource_version), true);
    if (first) {
      for (auto& registered : handlers) tell_synced(registered);
    }
    start_watch();
  }
  bool synced_on_strand = false;

  static void tell_synced(Registered& registered) {
    if (registered.on_synced) std::exchange(registered.on_synced, nullptr)();
  }

  void retry(Fn fn) {
    Duration delay = back_off;
    back_off = std::min(back_off * 2, kLongestBackOff);
    later(delay, std::move(fn));
  }

  // The list becomes the store; handlers get the difference.
  void replace(std::vector<api::Object> items) {
    std::set<std::string> present;
    for (auto& item : items) {
      present.insert(key_of(item));
      apply(WatchType::kModified, std::move(item));
    }
    std::vector<api::Object> gone;
    for (auto& [key, object] : objects) {
      if (!present.contains(key)) gone.push_back(object);
    }
    for (auto& object : gone) apply(WatchType::kDeleted, std::move(object));
  }

  void start_watch();
  void on_closed(std::optional<Error> error);
  void drain();

  void apply(WatchType type, api::Object object) {
    std::string key = key_of(object);
    api::Object previous;
    if (auto found = objects.find(key); found != objects.end()) previous = found->second;
    if (type == WatchType::kDeleted) {
      if (!previous) return;
      store(key, previous, {});
      // The last state known is the one that came with the deletion.
      tell(&object, nullptr);
      return;
    }
    if (previous && previous.meta().resource_version == object.meta().resource_version) return;
    store(key, previous, object);
    if (previous && previous.meta().uid != object.meta().uid) {
      // Deleted and made again while we did not look.
      tell(&previous, nullptr);
      previous = {};
    }
    tell(previous ? &previous : nullptr, &object);
  }

  void store(const std::string& key, const api::Object& previous, const api::Object& current) {
    std::unique_lock lock(store_mutex);
    for (auto& [name, index] : indexes) {
      if (previous) unindex(index, key, previous);
      if (current) {
        for (auto& value : index.function(current)) index.keys[value].insert(key);
      }
    }
    if (current) {
      objects[key] = current;
    } else {
      objects.erase(key);
    }
  }

  static void unindex(Index& index, const std::string& key, const api::Object& object) {
    for (auto& value : index.function(object)) {
      auto found = index.keys.find(value);
      if (found == index.keys.end()) continue;
      found->second.erase(key);
      if (found->second.empty()) index.keys.erase(found);
    }
  }

  void tell(const api::Object* previous, const api::Object* current) {
    for (auto& registered : handlers) registered.handler(previous, current);
  }

  void set_version(uint64_t newest, bool now_synced) {
    {
      std::unique_lock lock(store_mutex);
      version = std::max(version, newest);
      if (now_synced) synced = true;
    }
    while (!waiting.empty() && waiting.begin()->first <= version) {
      Fn fn = std::move(waiting.begin()->second);
      waiting.erase(waiting.begin());
      fn();
    }
  }
};

// What the transport calls; hands over to the strand in batches.
class ObjectInformer::State::Sink final : public WatchSink {
 public:
  Sink(std::weak_ptr<State> state, uint64_t number) : state_(std::move(state)), number_(number) {}

  void event(WatchType type, api::Object object) override { push({.kind = WatchItem::Kind::kEvent, .type = type, .object = std::move(object)}); }
  void events(std::vector<WatchEvent> events) override {
    std::vector<WatchItem> items;
    items.reserve(events.size());
    for (auto& [type, object] : events) items.push_back({.kind = WatchItem::Kind::kEvent, .type = type, .object = std::move(object)});
    push(items);
  }
  void bookmark(std::string version, bool) override { push({.kind = WatchItem::Kind::kBookmark, .version = std::move(version)}); }
  void closed(std::optional<Error> error) override { push({.kind = WatchItem::Kind::kClosed, .error = std::move(error)}); }

 private:
  void push(WatchItem item) { push(std::span(&item, 1)); }
  void push(std::span<WatchItem> items) {
    auto state = state_.lock();
    if (!state || state->stopped) return;
    {
      std::lock_guard lock(state->queue_mutex);
      if (number_ != state->watch_number) return;
      if (state->queued.size() + items.size() > kMaxQueuedEvents && !state->queued.empty()) {
        state->queued.clear();
        ++state->watch_number;
        state->queued.push_back({.kind = WatchItem::Kind::kClosed, .error = Error(Code::kGone, "too many events wait for the informer")});
      } else {
        state->queued.insert(state->queued.end(), std::make_move_iterator(items.begin()), std::make_move_iterator(items.end()));
      }
      if (std::exchange(state->draining, true)) return;
    }
    state->post([state = state.get()] { state->drain(); });
  }

  std::weak_ptr<State> state_;
  const uint64_t number_;
};

void ObjectInformer::State::start_watch() {
  uint64_t number;
  {
    std::lock_guard lock(queue_mutex);
    number = ++watch_number;
    queued.clear();
  }
  Request request = this->request(Verb::kWatch);
  request.resource_version = resource_version;
  auto started = transport.watch(std::move(request), std::make_shared<Sink>(weak_from_this(), number));
  if (started) {
    watch = std::move(*started);
  } else {
    on_closed(started.error());
  }
}

void ObjectInformer::State::on_closed(std::optional<Error> error) {
  watch.reset();
  if (!error) return later(std::chrono::milliseconds(1), [this] { start_watch(); });
  if (error->code() == Code::kGone) {
    LOG(kInfo, "informer", "watch {}: {}; lists again", path_of(request(Verb::kList)), error->message());
    return list(false);
  }
  LOG(kWarning, "informer", "watch {}: {}", path_of(request(Verb::kList)), error->message());
  retry([this] { start_watch(); });
}

void ObjectInformer::State::drain() {
  std::vector<WatchItem> batch;
  {
    std::lock_guard lock(queue_mutex);
    draining = false;
    batch.swap(queued);
  }
  for (auto& item : batch) {
    switch (item.kind) {
      case WatchItem::Kind::kEvent:
        back_off = kFirstBackOff;
        resource_version = item.object.meta().resource_version;
        apply(item.type, std::move(item.object));
        set_version(version_number(resource_version), false);
        break;
      case WatchItem::Kind::kBookmark:
        resource_version = std::move(item.version);
        set_version(version_number(resource_version), false);
        break;
      case WatchItem::Kind::kClosed: return on_closed(std::move(item.error));
    }
  }
}

ObjectInformer::ObjectInformer(Transport& transport, Executor& executor, const api::KindInfo& kind, InformerOptions options)
    : ObjectInformer(transport, Strand(executor), kind, std::move(options)) {}

ObjectInformer::ObjectInformer(Transport& transport, const Strand& strand, const api::KindInfo& kind, InformerOptions options)
    : state_(std::make_shared<State>(transport, strand, kind, std::move(options))) {}

ObjectInformer::~ObjectInformer() { stop(); }

void ObjectInformer::start() {
  state_->post([state = state_.get()] {
    if (!std::exchange(state->started, true)) state->list(true);
  });
}

void ObjectInformer::stop() {
  if (state_->stopped.exchange(true)) return;
  state_->tasks.stop();
  state_->watch.reset();
  state_->waiting.clear();
}

void ObjectInformer::add_handler(Handler handler, Fn on_synced) {
  state_->post([state = state_.get(), handler = std::move(handler), on_synced = std::move(on_synced)]() mutable {
    for (auto& [key, object] : state->objects) handler(nullptr, &object);
    state->handlers.push_back({std::move(handler), std::move(on_synced)});
    if (state->synced_on_strand) State::tell_synced(state->handlers.back());
  });
}

void ObjectInformer::add_index(const std::string& name, IndexFunction function) {
  std::unique_lock lock(state_->store_mutex);
  auto [index, added] = state_->indexes.try_emplace(name);
  if (!added) return;
  index->second.function = std::move(function);
  for (auto& [key, object] : state_->objects) {
    for (auto& value : index->second.function(object)) index->second.keys[value].insert(key);
  }
}

bool ObjectInformer::has_synced() const {
  std::shared_lock lock(state_->store_mutex);
  return state_->synced;
}

uint64_t ObjectInformer::version() const {
  std::shared_lock lock(state_->store_mutex);
  return state_->version;
}

void ObjectInformer::when_seen(uint64_t version, Fn fn) {
  if (this->version() >= version) return fn();
  state_->post([state = state_.get(), version, fn = std::move(fn)]() mutable {
    if (state->version >= version) return fn();
    state->waiting.emplace(version, std::move(fn));
  });
}

api::Object ObjectInformer::get(std::string_view key) const {
  std::shared_lock lock(state_->store_mutex);
  auto found = state_->objects.find(key);
  return found == state_->objects.end() ? api::Object() : found->second;
}

api::Object ObjectInformer::get(std::string_view namespace_, std::string_view name) const { return get(key_of(namespace_, name)); }

std::vector<api::Object> ObjectInformer::list(std::string_view namespace_) const {
  std::shared_lock lock(state_->store_mutex);
  std::vector<api::Object> objects;
  std::string prefix = namespace_.empty() ? "" : std::string(namespace_) + "/";
  if (prefix.empty()) objects.reserve(state_->objects.size());
  for (auto it = state_->objects.lower_bound(prefix); it != state_->objects.end() && it->first.starts_with(prefix); ++it) objects.push_back(it->second);
  return objects;
}

std::vector<api::Object> ObjectInformer::by_index(std::string_view name, std::string_view value) const {
  std::shared_lock lock(state_->store_mutex);
  std::vector<api::Object> objects;
  auto index = state_->indexes.find(name);
  CHECK(index != state_->indexes.end());
  auto keys = index->second.keys.find(value);
  if (keys == index->second.keys.end()) return objects;
  objects.reserve(keys->second.size());
  for (const auto& key : keys->second) objects.push_back(state_->objects.find(key)->second);
  return objects;
}

size_t ObjectInformer::size() const {
  std::shared_lock lock(state_->store_mutex);
  return state_->objects.size();
}

const api::KindInfo& ObjectInformer::kind() const { return state_->kind; }

std::vector<std::string> index_by_owner(const api::Object& object) {
  for (const auto& owner : object.meta().owner_references) {
    if (owner.controller.value_or(false)) return {owner.uid};
  }
  return {};
}

ObjectInformer::IndexFunction index_by_label(std::string label) {
  return [label = std::move(label)](const api::Object& object) -> std::vector<std::string> {
    auto* value = object.meta().labels.get(label);
    if (!value) return {};
    return {*value};
  };
}

std::shared_ptr<ObjectInformer> Informers::get(const api::KindInfo& kind, const InformerOptions& options) {
  std::string id = std::string(kind.api_version) + "\n" + std::string(kind.kind) + "\n" + options.namespace_ + "\n" + options.label_selector + "\n" +
                   options.field_selector + (options.metadata_only ? "\nm" : "");
  auto shared = shared_.lock();
  auto& informer = shared->informers[id];
  if (!informer) {
    informer = std::make_shared<ObjectInformer>(transport_, strand_, kind, options);
    if (shared->started) informer->start();
  }
  return informer;
}

void Informers::start() {
  auto shared = shared_.lock();
  shared->started = true;
  for (auto& [id, informer] : shared->informers) informer->start();
}

bool Informers::has_synced() const {
  auto shared = shared_.lock();
  return std::ranges::all_of(shared->informers, [](auto& entry) { return entry.second->has_synced(); });
}

void Informers::when_synced(Fn fn) {
  struct Countdown {
    std::atomic<size_t> missing;
    Fn fn;
  };
  auto countdown = std::make_shared<Countdown>(1, std::move(fn));
  auto arrived = [countdown] {
    if (countdown->missing.fetch_sub(1) == 1) countdown->fn();
  };
  {
    auto shared = shared_.lock();
    countdown->missing += shared->informers.size();
    for (auto& [id, informer] : shared->informers) informer->add_handler([](const api::Object*, const api::Object*) {}, arrived);
  }
  arrived();
}

Status Informers::wait_synced(Duration timeout) {
  struct Gate {
    std::mutex mutex;
    std::condition_variable opened;
    bool open = false;
  };
  auto gate = std::make_shared<Gate>();
  when_synced([gate] {
    std::lock_guard lock(gate->mutex);
    gate->open = true;
    gate->opened.notify_all();
  });
  std::unique_lock lock(gate->mutex);
  if (!gate->opened.wait_for(lock, timeout, [&] { return gate->open; })) return fail(Code::kDeadlineExceeded, "the informers have not synced in time");
  return {};
}

void Informers::stop() {
  std::vector<std::shared_ptr<ObjectInformer>> informers;
  {
    auto shared = shared_.lock();
    for (auto& [id, informer] : shared->informers) informers.push_back(informer);
  }
  for (auto& informer : informers) informer->stop();
}

}  // namespace reigen::client
