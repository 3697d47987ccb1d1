// Informer<T>: all objects of a kind, kept up to date by a list and a watch, in memory.
//
// Objects are shared, never copied: in process they are those of the server's watch cache. Never change one; copy it first.
// A lost connection resumes from the last version seen; when the server no longer has that (Gone), it lists again and the handlers
// get the difference.
//
// Threads: everything may be called from any thread. Handlers run one at a time on the informer's strand, in the order of versions;
// the store already shows the change. They must be short: put a key into a queue.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "base/guarded.h"
#include "client/transport.h"

namespace reigen::client {

// "namespace/name", or "name" for cluster-scoped objects.
std::string key_of(const api::Object& object);
std::string key_of(std::string_view namespace_, std::string_view name);
// The two parts of a key.
std::pair<std::string, std::string> split_key(std::string_view key);

struct InformerOptions {
  std::string namespace_;  // "" for all
  std::string label_selector;
  std::string field_selector;  // "spec.nodeName=a"
  bool metadata_only = false;
};

// The informer of a kind given at run time; Informer<T> is the typed view on one.
class ObjectInformer {
 public:
  // `previous` is null for an addition, `current` for a deletion (then previous is the last state known).
  using Handler = std::function<void(const api::Object* previous, const api::Object* current)>;
  using IndexFunction = std::function<std::vector<std::string>(const api::Object&)>;

  // Transport, executor and kind outlive it. The kind must have a resource.
  ObjectInformer(Transport& transport, Executor& executor, const api::KindInfo& kind, InformerOptions options = {});
  // On a strand that it shares with others.
  ObjectInformer(Transport& transport, const Strand& strand, const api::KindInfo& kind, InformerOptions options = {});
  ~ObjectInformer();  // stops
  ObjectInformer(const ObjectInformer&) = delete;
  ObjectInformer& operator=(const ObjectInformer&) = delete;

  // Before start() or after; a late handler first gets an addition for each object there is. `on_synced` (may be empty) runs
  // once, behind the additions of the first list.
  void add_handler(Handler handler, Fn on_synced = {});
  // An index may be added later too; adding the same name again changes nothing.
  void add_index(const std::string& name, IndexFunction function);

  void start();
  void stop();  // ends the watch, waits for handlers; not from a handler
  // The first list is in the store (its handlers may still be running).
  bool has_synced() const;
  // The newest version seen, 0 before the first list.
  uint64_t version() const;
  // Calls fn once the informer has seen `version`, at once when it has; on the strand or the caller's thread. Dropped by stop().
  void when_seen(uint64_t version, Fn fn);

  api::Object get(std::string_view namespace_, std::string_view name) const;  // empty when missing
  api::Object get(std::string_view key) const;
  std::vector<api::Object> list(std::string_view namespace_ = "") const;                    // by key
  std::vector<api::Object> by_index(std::string_view index, std::string_view value) const;  // by key
  size_t size() const;
  const api::KindInfo& kind() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

template <class T>
class Informer {
 public:
  using Ptr = std::shared_ptr<const T>;

  explicit Informer(std::shared_ptr<ObjectInformer> untyped) : untyped_(std::move(untyped)) {}
  Informer(Transport& transport, Executor& executor, InformerOptions options = {})
      : untyped_(std::make_shared<ObjectInformer>(transport, executor, api::kind_of<T>(), std::move(options))) {}

  // previous is null for an addition, current for a deletion.
  void on_change(std::function<void(const Ptr& previous, const Ptr& current)> handler, Fn on_synced = {}) {
    untyped_->add_handler(
        [handler = std::move(handler)](const api::Object* previous, const api::Object* current) {
          handler(previous ? previous->share<T>() : nullptr, current ? current->share<T>() : nullptr);
        },
        std::move(on_synced));
  }
  void add_index(const std::string& name, std::function<std::vector<std::string>(const T&)> function) {
    untyped_->add_index(name, [function = std::move(function)](const api::Object& object) { return function(object.as<T>()); });
  }

  void start() { untyped_->start(); }
  void stop() { untyped_->stop(); }
  bool has_synced() const { return untyped_->has_synced(); }

  Ptr get(std::string_view namespace_, std::string_view name) const { return share(untyped_->get(namespace_, name)); }
  Ptr get(std::string_view key) const { return share(untyped_->get(key)); }
  std::vector<Ptr> list(std::string_view namespace_ = "") const { return share(untyped_->list(namespace_)); }
  std::vector<Ptr> by_index(std::string_view index, std::string_view value) const { return share(untyped_->by_index(index, value)); }
  size_t size() const { return untyped_->size(); }

  ObjectInformer& untyped() { return *untyped_; }

 private:
  static Ptr share(const api::Object& object) { return object ? object.share<T>() : nullptr; }
  static std::vector<Ptr> share(const std::vector<api::Object>& objects) {
    std::vector<Ptr> typed;
    typed.reserve(objects.size());
    for (const auto& object : objects) typed.push_back(object.share<T>());
    return typed;
  }
  std::shared_ptr<ObjectInformer> untyped_;
};

// Index functions many controllers share. The names are the indexes' names.
inline constexpr std::string_view kByOwner = "owner-uid";  // the controlling owner's uid
std::vector<std::string> index_by_owner(const api::Object& object);
// The index of a label's values is named "label:<key>".
ObjectInformer::IndexFunction index_by_label(std::string label);

// The informers of a process: one per kind and options, shared by everyone who asks. They share a strand: what a commit has for several
// of them wakes one thread.
class Informers {
 public:
  Informers(Transport& transport, Executor& executor) : transport_(transport), strand_(executor) {}
  ~Informers() { stop(); }

  // Lives as long as this. Started by start(), or at once when that was before.
  template <class T>
  Informer<T> of(const InformerOptions& options = {}) {
    return Informer<T>(get(api::kind_of<T>(), options));
  }
  std::shared_ptr<ObjectInformer> get(const api::KindInfo& kind, const InformerOptions& options = {});

  // Theirs, for who wants to be told on it.
  const Strand& strand() const { return strand_; }

  void start();
  bool has_synced() const;
  // Calls fn once all informers there are now have synced.
  void when_synced(Fn fn);
  // Waits for it; not under SimExecutor.
  Status wait_synced(Duration timeout);
  void stop();

 private:
  struct Shared {
    std::map<std::string, std::shared_ptr<ObjectInformer>> informers;
    bool started = false;
  };
  Transport& transport_;
  Strand strand_;
  mutable Guarded<Shared> shared_;
};

}  // namespace reigen::client
