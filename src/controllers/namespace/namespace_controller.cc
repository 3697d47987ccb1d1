// Namespaces that are being deleted: everything in them goes first, then the finalizer "kubernetes".
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "api/corev1.h"
#include "api/errors.h"
#include "client/client.h"
#include "client/controller.h"
#include "controllers/controller.h"

namespace reigen::controllers {
namespace {

using api::corev1::Namespace;
using NamespacePtr = std::shared_ptr<const Namespace>;

// What is left after a round, and what went wrong.
struct Remaining {
  std::map<std::string, int64_t> objects;     // by resource, "pods."
  std::map<std::string, int64_t> finalizers;  // by finalizer
  std::vector<std::string> errors;
};

struct ConditionText {
  const char* type;
  const char* ok_reason;
  const char* ok_message;
};
constexpr std::array kConditions = {
    ConditionText{"NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"},
    ConditionText{"NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions", "All legacy kube types successfully parsed"},
    ConditionText{"NamespaceDeletionContentFailure", "ContentDeleted", "All content successfully deleted, may be waiting on finalization"},
    ConditionText{"NamespaceContentRemaining", "ContentRemoved", "All content successfully removed"},
    ConditionText{"NamespaceFinalizersRemaining", "ContentHasNoFinalizers", "All content-preserving finalizers finished"},
};

std::string join(const std::map<std::string, int64_t>& counts, std::string_view format) {
  std::string out;
  for (const auto& [name, count] : counts) out += (out.empty() ? "" : ", ") + fmt::format(fmt::runtime(format), name, count);
  return out;
}

// The condition's state after a round: holds, reason, message.
struct Finding {
  bool holds = false;
  std::string reason, message;
};

Finding finding(const ConditionText& text, const Remaining& left) {
  std::string_view type = text.type;
  if (type == "NamespaceDeletionContentFailure" && !left.errors.empty()) {
    return {true, "ContentDeletionFailed", fmt::format("Failed to delete all resource types, {} remaining: {}", left.errors.size(), left.errors[0])};
  }
  if (type == "NamespaceContentRemaining" && !left.objects.empty()) {
    return {true, "SomeResourcesRemain", "Some resources are remaining: " + join(left.objects, "{} has {} resource instances")};
  }
  if (type == "NamespaceFinalizersRemaining" && !left.finalizers.empty()) {
    return {true, "SomeFinalizersRemain", "Some content in the namespace has finalizers remaining: " + join(left.finalizers, "{} in {} resource instances")};
  }
  return {false, text.ok_reason, text.ok_message};
}

bool update_conditions(Namespace& ns, const Remaining& left, WallTime now) {
  bool changed = false;
  for (const auto& text : kConditions) {
    auto found = finding(text, left);
    auto& conditions = ns.status.conditions;
    auto slot = std::find_if(conditions.begin(), conditions.end(), [&](const auto& condition) { return condition.type == text.type; });
    std::string status = found.holds ? "True" : "False";
    if (slot == conditions.end()) slot = conditions.emplace(conditions.end());
    else if (slot->status == status && slot->reason == found.reason && slot->message == found.message) continue;
    if (slot->status != status) slot->last_transition_time = api::Time(now);
    slot->type = text.type;
    slot->status = status;
    slot->reason = found.reason;
    slot->message = found.message;
    changed = true;
  }
  return changed;
}

class NamespaceController final : public Controller, public client::Reconciler {
 public:
  explicit NamespaceController(Context& context)
      : clock_(context.executor.clock()),
        client_(context.transport_as("namespace-controller"), "kube-controller-manager"),
        namespaces_(context.informers.of<Namespace>()),
        loop_(context.executor, {.name = "namespace-controller", .workers = 4}, *this) {
    namespaces_.on_change([this](const NamespacePtr&, const NamespacePtr& now) {
      if (now && now->metadata.deletion_timestamp) loop_.enqueue(now->metadata.name);
    });
    for (const auto* resource : api::all_resources()) {
      bool watched = is_content(*resource) && resource->has(api::kWatch) && resource->kind->resource == resource;
      if (!watched || resource->plural == "events") continue;  // events go at once
      // The garbage collector has the same informers.
      auto informer = context.informers.get(*resource->kind, {.metadata_only = true});
      informer->add_handler([this, weak = std::weak_ptr(informer)](const api::Object* old, const api::Object* now) {
        auto source = weak.lock();
        if (source) contents_changed(*source, old, now);
      });
      contents_.push_back(std::move(informer));
    }
  }

  std::string_view name() const override { return "namespace-controller"; }
  void start() override { loop_.start({&namespaces_.untyped()}); }
  void stop() override { loop_.stop(); }

  Result<client::Next> reconcile(const std::string& key) override {
    auto ns = namespaces_.get("", key);
    if (!ns || !ns->metadata.deletion_timestamp) return client::Next{};
    if (std::find(ns->spec.finalizers.begin(), ns->spec.finalizers.end(), "kubernetes") == ns->spec.finalizers.end()) return client::Next{};
    auto left = empty(key);
    TRY_ASSIGN(ns, write_conditions(key, ns, left));
    if (!ns) return client::Next{};
    if (!left.errors.empty()) return fail(Code::kUnavailable, left.errors[0]);
    if (!left.objects.empty()) return client::Next{};  // contents_changed() looks again
    auto changed = *ns;
    std::erase(changed.spec.finalizers, "kubernetes");
    auto done = client_.write(client::Verb::kUpdate, api::Object::of(std::move(changed)), "finalize");
    if (!done && !api::is_not_found(done.error())) return Fail(std::move(done).error());
    return client::Next{};
  }

 private:
  static bool is_content(const api::ResourceInfo& resource) {
    return resource.namespaced && resource.subresource.empty() && resource.has(api::kDelete) && resource.has(api::kList);
  }

  // The last object of a kind has gone, or one has slipped in that was admitted before the deletion.
  void contents_changed(const client::ObjectInformer& source, const api::Object* old, const api::Object* now) {
    if (old && now) return;
    const auto& name = (now ? now : old)->meta().namespace_;
    auto ns = namespaces_.get("", name);
    if (!ns || !ns->metadata.deletion_timestamp) return;
    if (now || source.list(name).empty()) loop_.enqueue(name);
  }

  // One round over all resources.
  Remaining empty(const std::string& ns) {
    Remaining left;
    for (const auto* resource : api::all_resources()) {
      if (!is_content(*resource)) continue;
      auto done = empty(ns, *resource, left);
      if (!done && !api::is_not_found(done.error())) left.errors.push_back(done.error().message());
    }
    return left;
  }

  client::Request request_for(client::Verb verb, const std::string& ns, const api::ResourceInfo& resource) const {
    client::Request request;
    request.verb = verb;
    request.kind = resource.kind;
    request.namespace_ = ns;
    return request;
  }

  Status empty(const std::string& ns, const api::ResourceInfo& resource, Remaining& left) {
    auto list = request_for(client::Verb::kList, ns, resource);
    auto before = client_.transport().call(list);
    if (!before) return Fail(std::move(before).error());
    if (before->items.empty()) return {};
    auto removal = request_for(client::Verb::kDeleteCollection, ns, resource);
    removal.delete_options.propagation = "Background";
    auto removed = client_.transport().call(removal);
    if (!removed) return Fail(std::move(removed).error());
    auto after = client_.transport().call(list);
    if (!after) return Fail(std::move(after).error());
    if (after->items.empty()) return {};
    left.objects[fmt::format("{}.{}", resource.plural, resource.group)] += static_cast<int64_t>(after->items.size());
    for (const auto& item : after->items) {
      for (const auto& finalizer : item.meta().finalizers) ++left.finalizers[finalizer];
    }
    return {};
  }

  Result<NamespacePtr> write_conditions(const std::string& key, NamespacePtr ns, const Remaining& left) {
    auto changed = *ns;
    if (!update_conditions(changed, left, clock_.wall())) return ns;
    auto written = client_.update_status(std::move(changed));
    if (!written) {
      if (api::is_not_found(written.error())) return NamespacePtr();
      return Fail(std::move(written).error());
    }
    loop_.wrote(key, namespaces_.untyped(), api::Object::of(*written));
    return *written;
  }

  Clock& clock_;
  client::Client client_;
  client::Informer<Namespace> namespaces_;
  std::vector<std::shared_ptr<client::ObjectInformer>> contents_;
  client::ControllerLoop loop_;
};

}  // namespace

std::unique_ptr<Controller> make_namespace_controller(Context& context) { return std::make_unique<NamespaceController>(context); }

}  // namespace reigen::controllers
