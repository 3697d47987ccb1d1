#include "scheduler/scheduler.h"

#include <deque>

#include "api/appsv1.h"
#include "api/errors.h"
#include "api/json.h"
#include "api/metav1.h"
#include "base/guarded.h"
#include "base/log.h"
#include "client/event_recorder.h"
#include "client/informer.h"
#include "scheduler/pod_writer.h"
#include "scheduler/scheduling_core.h"

namespace reigen::scheduler {
namespace {

using api::corev1::Node;
using api::corev1::Pod;
using client::Informer;

constexpr int kDecisionsPerTurn = 256;  // then others get the thread
constexpr size_t kBindingsPerTask = 16;

}  // namespace

struct Scheduler::State : std::enable_shared_from_this<State> {
  State(Options options, client::Transport& transport, client::Informers& informers, Executor& executor)
      : options(std::move(options)),
        informers(informers),
        executor(executor),
        strand(informers.strand()),
        core(this->options.scheduler_name, {this->options.initial_backoff, this->options.max_backoff, this->options.unschedulable_timeout}),
        writer(this->options.scheduler_name, transport, executor) {}

  const Options options;
  client::Informers& informers;
  Executor& executor;
  Strand strand;  // the informers': what they tell wakes no other thread
  // What happened, for the strand.
  struct Inbox {
    std::deque<Fn> events;
    bool woken = false;
    Metrics metrics;
  };
  Guarded<Inbox> inbox;
  TaskGroup tasks;

  // On the strand only.
  SchedulingCore core;
  PodWriter writer;
  Metrics counted;
  int unsynced = 0;
  size_t binding = 0;  // calls under way
  TimerId timer = 0;
  TimePoint timer_due{};

  TimePoint now() { return executor.clock().now(); }

  // Thread-safe.
  void tell(Fn event) {
    auto access = inbox.lock();
    access->events.push_back(std::move(event));
    wake(*access);
  }
  void wake(Inbox& box) {
    if (std::exchange(box.woken, true)) return;
    strand.post(tasks.wrap([self = weak_from_this()] {
      if (auto state = self.lock()) state->turn();
    }));
  }

  void turn() {
    std::deque<Fn> events;
    {
      auto access = inbox.lock();
      access->woken = false;
      events.swap(access->events);
    }
    for (auto& event : events) event();
    if (unsynced > 0) return;
    auto due = core.advance(now());
    bool more = decide();
    set_timer(due);
    publish_metrics();
    if (more) wake(*inbox.lock());
  }

  // Returns whether there may be more to decide at once.
  bool decide() {
    std::vector<Binding> bindings;
    bool more = true;
    for (int i = 0; i < kDecisionsPerTurn && more; ++i) {
      if (binding + bindings.size() >= options.max_bindings) {
        more = false;  // a binding that ends wakes us
        break;
      }
      auto decision = core.next(now());
      if (!decision) {
        more = false;
        break;
      }
      ++counted.attempts;
      if (decision->node.empty()) {
        ++counted.unschedulable;
        counted.preempted += decision->victims.size();
        writer.unschedulable(*decision);
      } else {
        bindings.push_back({decision->pod, decision->node});
      }
    }
    send(std::move(bindings));
    return more;
  }

  void send(std::vector<Binding> bindings) {
    binding += bindings.size();
    for (size_t from = 0; from < bindings.size(); from += kBindingsPerTask) {
      auto end = std::min(bindings.size(), from + kBindingsPerTask);
      std::vector<Binding> some(std::make_move_iterator(bindings.begin() + static_cast<std::ptrdiff_t>(from)),
                                std::make_move_iterator(bindings.begin() + static_cast<std::ptrdiff_t>(end)));
      executor.post(tasks.wrap([self = shared_from_this(), some = std::move(some)]() mutable {
        for (auto& one : some)
          self->writer.assign(std::move(one), [weak = self->weak_from_this()](const Binding& done, Status status) {
            if (auto state = weak.lock()) state->bound(done, std::move(status));
          });
      }));
    }
  }

  // From any thread.
  void bound(const Binding& done, Status status) {
    tell([this, done, status = std::move(status)] {
      --binding;
      if (status) {
        ++counted.bound;
        return;
      }
      ++counted.failed_bindings;
      bool gone = api::is_not_found(status.error());
      if (!gone)
        LOG(kWarning, "scheduler", "binding pod {}/{} to {}: {}", done.pod->metadata.namespace_, done.pod->metadata.name, done.node, status.error().message());
      core.binding_failed(done.pod, !gone, now());
    });
  }

  void set_timer(std::optional<TimePoint> due) {
    if (!due) return;
    if (timer != 0 && timer_due <= *due && timer_due > now()) return;
    if (timer != 0) strand.cancel(timer);
    timer_due = *due;
    timer = strand.after(*due - now(), tasks.wrap([self = weak_from_this()] {
      if (auto state = self.lock()) {
        state->timer = 0;
        state->turn();
      }
    }));
  }

  void publish_metrics() {
    auto sizes = core.queue_sizes();
    counted.active = sizes.active;
    counted.backing_off = sizes.backing_off;
    counted.waiting = sizes.waiting;
    counted.gated = sizes.gated;
    counted.nodes = core.nodes();
    counted.classes = core.classes();
    inbox.lock()->metrics = counted;
  }

  // Follows a kind; `apply` runs on the strand.
  template <class T>
  void follow(std::function<void(State&, const std::shared_ptr<const T>&, const std::shared_ptr<const T>&)> apply) {
    ++unsynced;
    auto weak = weak_from_this();
    informers.of<T>().on_change(
        [weak, apply = std::move(apply)](const std::shared_ptr<const T>& previous, const std::shared_ptr<const T>& current) {
          auto self = weak.lock();
          if (!self || self->tasks.stopped()) return;
          self->tell([state = self.get(), apply, previous, current] { apply(*state, previous, current); });
        },
        [weak] {
          if (auto self = weak.lock()) self->tell([state = self.get()] { --state->unsynced; });
        });
  }
  template <class T>
  void follow_owner(std::function<Result<api::LabelSelector>(const T&)> selector) {
    follow<T>([selector = std::move(selector)](State& state, const auto& previous, const auto& current) {
      if (!current) return state.core.owners().remove_owner(previous->metadata.uid);
      auto selects = selector(*current);
      state.core.owners().put_owner(current->metadata.uid, selects ? std::move(*selects) : api::LabelSelector::nothing());
    });
  }

  void start() {
    // Owners and nodes first: the first pods are decided once all have synced anyway.
    follow<Node>([](State& state, const auto& previous, const auto& current) { state.core.node_changed(previous, current); });
    follow<api::corev1::Namespace>([](State& state, const auto& previous, const auto& current) {
      const auto& meta = (current ? current : previous)->metadata;
      state.core.namespace_changed(meta.name, current ? &meta.labels : nullptr);
    });
    follow<api::corev1::Service>([](State& state, const auto& previous, const auto& current) {
      if (current) return state.core.owners().put_service(*current);
      state.core.owners().remove_service(previous->metadata.namespace_, previous->metadata.name);
    });
    follow_owner<api::corev1::ReplicationController>(
        [](const auto& owner) -> Result<api::LabelSelector> { return api::LabelSelector::from_map(owner.spec.selector); });
    follow_owner<api::appsv1::ReplicaSet>([](const auto& owner) { return api::LabelSelector::from(owner.spec.selector.get()); });
    follow_owner<api::appsv1::StatefulSet>([](const auto& owner) { return api::LabelSelector::from(owner.spec.selector.get()); });
    follow<Pod>([](State& state, const auto& previous, const auto& current) { state.core.pod_changed(previous, current, state.now()); });
  }
};

Scheduler::Scheduler(Options options, client::Transport& transport, client::Informers& informers, Executor& executor)
    : state_(std::make_shared<State>(std::move(options), transport, informers, executor)) {}

Scheduler::~Scheduler() { stop(); }

void Scheduler::start() {
  state_->strand.post(state_->tasks.wrap([state = state_.get()] { state->start(); }));
}

void Scheduler::stop() { state_->tasks.stop(); }

Metrics Scheduler::metrics() const { return state_->inbox.lock()->metrics; }

}  // namespace reigen::scheduler
