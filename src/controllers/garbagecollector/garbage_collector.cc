// The garbage collector: objects whose owners are gone go too, in the background, before their owner (foreground), or stay as orphans.
#include <fmt/core.h>

#include <algorithm>

#include "api/errors.h"
#include "base/log.h"
#include "client/client.h"
#include "client/controller.h"
#include "controllers/controller.h"
#include "controllers/garbagecollector/ownership_graph.h"

namespace reigen::controllers {
namespace {

enum class OwnerState { kThere, kGone, kWaiting };  // waiting: it is being deleted in the foreground

class GarbageCollector final : public Controller, public client::Reconciler {
 public:
  explicit GarbageCollector(Context& context)
      : client_(context.transport_as("generic-garbage-collector"), "kube-controller-manager"),
        loop_(context.executor, {.name = "garbage-collector", .workers = 4}, *this) {
    for (const auto* resource : api::all_resources()) {
      bool collects = resource->subresource.empty() && resource->has(api::kDelete) && resource->has(api::kWatch) && resource->kind->resource == resource;
      // Events are many, own nothing, and expire by themselves.
      if (!collects || resource->plural == "events") continue;
      auto informer = context.informers.get(*resource->kind, {.metadata_only = true});
      informer->add_handler([this, kind = resource->kind](const api::Object* old, const api::Object* now) { changed(*kind, old, now); });
      inputs_.push_back(informer);
    }
  }

  std::string_view name() const override { return "garbage-collector"; }
  void start() override {
    std::vector<client::ObjectInformer*> inputs;
    for (const auto& input : inputs_) inputs.push_back(input.get());
    loop_.start(std::move(inputs));
  }
  void stop() override { loop_.stop(); }

  Result<client::Next> reconcile(const std::string& uid) override {
    auto node = graph_.find(uid);
    if (!node) return client::Next{};
    if (node->deleting) {
      if (node->orphan) return orphan_dependents(*node);
      if (node->foreground) return delete_dependents(*node);
      return client::Next{};
    }
    if (node->owners.empty()) return client::Next{};
    return judge(*node);
  }

 private:
  void changed(const api::KindInfo& kind, const api::Object* old, const api::Object* now) {
    if (now) {
      graph_.put(*now, kind);
      const auto& meta = now->meta();
      if (!meta.owner_references.empty() || meta.deletion_timestamp) loop_.enqueue(meta.uid);
      if (!old) return;
      if (meta.uid != old->meta().uid) return removed(old->meta());
      if (meta.owner_references != old->meta().owner_references) wake_deleting_owners(old->meta());
      return;
    }
    removed(old->meta());
  }

  void removed(const api::metav1::ObjectMeta& meta) {
    // Out of the graph first: a worker may judge a dependent at once and must not find its owner there any more.
    auto dependents = graph_.dependents(meta.uid);
    graph_.remove(meta.uid);
    for (const auto& dependent : dependents) loop_.enqueue(dependent.uid);
    wake_deleting_owners(meta);
  }

  // An owner that waits for its dependents looks again.
  void wake_deleting_owners(const api::metav1::ObjectMeta& meta) {
    for (const auto& owner : meta.owner_references) {
      auto node = graph_.find(owner.uid);
      if (node && node->deleting) loop_.enqueue(owner.uid);
    }
  }

  Result<OwnerState> state_of(const GraphNode& node, const api::metav1::OwnerReference& owner) {
    if (auto known = graph_.find(owner.uid); known && (known->namespace_.empty() || known->namespace_ == node.namespace_)) {
      return known->deleting && known->foreground ? OwnerState::kWaiting : OwnerState::kThere;
    }
    // The graph may be behind: only the API knows that an owner is gone.
    const auto* kind = api::find_kind(owner.api_version, owner.kind);
    if (!kind || !kind->resource) return OwnerState::kThere;
    auto found = client_.get_object(*kind, kind->resource->namespaced ? node.namespace_ : "", owner.name);
    if (!found && !api::is_not_found(found.error())) return Fail(std::move(found).error());
    return found && found->meta().uid == owner.uid ? OwnerState::kThere : OwnerState::kGone;
  }

  Result<client::Next> judge(const GraphNode& node) {
    bool there = false, waiting = false;
    std::vector<std::string> gone;
    for (const auto& owner : node.owners) {
      TRY_ASSIGN(auto state, state_of(node, owner));
      if (state == OwnerState::kThere) there = true;
      else gone.push_back(owner.uid);
      waiting = waiting || state == OwnerState::kWaiting;
    }
    if (gone.empty()) return client::Next{};
    if (there) return done(drop_owners(node, gone));
    // Something that owns others goes after them when its own owner waits for it.
    auto dependents = graph_.dependents(node.uid);
    if (waiting && !dependents.empty()) {
      // A dependent that waits for its own dependents may wait for this one: a circle, in which nobody may block.
      if (std::any_of(dependents.begin(), dependents.end(), [](const auto& dependent) { return dependent.deleting && dependent.foreground; })) {
        auto unblocked = unblock(node);
        if (!unblocked && !api::is_not_found(unblocked.error())) return Fail(std::move(unblocked).error());
      }
      return done(remove(node, "Foreground"));
    }
    return done(remove(node, node.orphan ? "Orphan" : node.foreground ? "Foreground" : "Background"));
  }

  static Result<client::Next> done(Status status) {
    if (!status && !api::is_not_found(status.error()) && !api::is_conflict(status.error())) return Fail(std::move(status).error());
    return client::Next{};
  }

  Status remove(const GraphNode& node, const char* propagation) {
    client::DeleteOptions options;
    options.propagation = propagation;
    options.uid = node.uid;
    return client_.remove_object(*node.kind, node.namespace_, node.name, std::move(options));
  }

  Status patch(const GraphNode& node, std::string body) {
    auto patched = client_.patch_object(*node.kind, node.namespace_, node.name, client::PatchType::kMerge, std::move(body), "");
    if (!patched) return Fail(std::move(patched).error());
    return {};
  }

  Status drop_owners(const GraphNode& node, const std::vector<std::string>& uids) {
    return change_owners(
        node, [&](auto& owners) { std::erase_if(owners, [&](const auto& owner) { return std::find(uids.begin(), uids.end(), owner.uid) != uids.end(); }); });
  }

  // None of its owners waits for it any more.
  Status unblock(const GraphNode& node) {
    return change_owners(node, [](auto& owners) {
      for (auto& owner : owners) owner.block_owner_deletion = false;
    });
  }

  // Reads the object anew: a merge patch replaces the whole list.
  template <class Change>
  Status change_owners(const GraphNode& node, Change change) {
    TRY_ASSIGN(api::Object fresh, client_.get_object(*node.kind, node.namespace_, node.name));
    if (fresh.meta().uid != node.uid) return {};
    auto changed = fresh;
    change(changed.mut_meta().owner_references);
    auto written = client_.write(client::Verb::kUpdate, std::move(changed), "");
    if (!written) return Fail(std::move(written).error());
    return {};
  }

  Status drop_finalizer(const GraphNode& node, std::string_view finalizer) {
    TRY_ASSIGN(api::Object fresh, client_.get_object(*node.kind, node.namespace_, node.name));
    if (fresh.meta().uid != node.uid) return {};
    std::string list;
    for (const auto& item : fresh.meta().finalizers) {
      if (item != finalizer) list += fmt::format("{}\"{}\"", list.empty() ? "" : ",", item);
    }
    return patch(node, fmt::format(R"({{"metadata":{{"resourceVersion":"{}","finalizers":[{}]}}}})", fresh.meta().resource_version, list));
  }

  Result<client::Next> orphan_dependents(const GraphNode& node) {
    for (const auto& dependent : graph_.dependents(node.uid)) {
      auto dropped = drop_owners(dependent, {node.uid});
      if (!dropped && !api::is_not_found(dropped.error())) return Fail(std::move(dropped).error());
    }
    return done(drop_finalizer(node, "orphan"));
  }

  Result<client::Next> delete_dependents(const GraphNode& node) {
    bool blocked = false;
    for (const auto& dependent : graph_.dependents(node.uid)) {
      bool blocks = std::any_of(dependent.owners.begin(), dependent.owners.end(),
                                [&](const auto& owner) { return owner.uid == node.uid && owner.block_owner_deletion.value_or(false); });
      blocked = blocked || blocks;
      if (!dependent.deleting) loop_.enqueue(dependent.uid);
    }
    // Each of them wakes this one again when it goes or leaves.
    if (blocked) return client::Next{};
    return done(drop_finalizer(node, "foregroundDeletion"));
  }

  client::Client client_;
  OwnershipGraph graph_;
  std::vector<std::shared_ptr<client::ObjectInformer>> inputs_;
  client::ControllerLoop loop_;
};

}  // namespace

std::unique_ptr<Controller> make_garbage_collector(Context& context) { return std::make_unique<GarbageCollector>(context); }

}  // namespace reigen::controllers
