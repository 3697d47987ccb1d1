#include <algorithm>

#include "api/managed_fields/creation.h"
#include "api/managed_fields/tracking.h"
#include "api/metav1.h"

namespace reigen::api {
namespace {

constexpr std::string_view kServerMetadata[] = {"clusterName",     "creationTimestamp", "generation", "managedFields", "name", "namespace",
                                                "resourceVersion", "selfLink",          "uid"};

bool is_reset(const std::vector<metav1::ManagedFieldsEntry>& entries) {
  if (entries.size() != 1) return false;
  const auto& e = entries[0];
  return e.manager.empty() && e.operation.empty() && e.api_version.empty() && e.fields_type.empty() && e.subresource.empty() && !e.time &&
         (!e.fields_v1 || e.fields_v1->empty());
}

Owners owners_before(const FieldTracking& tracking, const Object* live, const Object& object) {
  auto live_owners = [&]() -> Owners {
    if (!live) return {};
    auto owners = decode_owners(live->meta().managed_fields);
    return owners ? std::move(*owners) : Owners();
  };
  const auto& given = object.meta().managed_fields;
  if (!tracking.subresource.empty()) return live_owners();
  if (is_reset(given)) return {};
  auto owners = decode_owners(given);
  if (!owners || owners->empty()) return live_owners();
  return std::move(*owners);
}

FieldSet sum(FieldSet a, FieldSet b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  return a.united(b);
}

// Nobody owned anything before and there is nothing to compare with.
void track_creation(const FieldTracking& tracking, Object& object, const Owner& self) {
  std::optional<std::string> fields;
  {
    Looked after(object);
    fields = created_fields(after.view(), after.schema(), tracking.reset);
  }
  if (!fields || fields->empty()) return;
  auto& entry = object.mut_meta().managed_fields.emplace_back();
  entry.manager = self.manager;
  entry.operation = "Update";
  entry.api_version = self.api_version;
  entry.time = tracking.now;
  entry.fields_type = "FieldsV1";
  entry.fields_v1.emplace(std::move(*fields));
  entry.subresource = self.subresource;
}

}  // namespace

void strip_server_fields(FieldSet& fields) {
  auto& nodes = fields.nodes();
  std::erase_if(nodes, [](FieldSet::Node& node) {
    if (node.element.kind != PathElement::Kind::kField) return false;
    auto name = node.element.value.text();
    if (name == "apiVersion" || name == "kind") node.member = false;
    if (name == "metadata") {
      node.member = false;
      std::erase_if(node.children.nodes(), [](FieldSet::Node& child) {
        if (std::ranges::find(kServerMetadata, child.element.value.text()) != std::end(kServerMetadata)) child.member = false;
        return !child.member && child.children.empty();
      });
    }
    return !node.member && node.children.empty();
  });
}

Looked::Looked(const Object& object) : kind_(&object.kind()), schema_(Schema::of(object.kind().type)) {
  if (!object.is_tree()) {
    view_ = View::of(object.data(), *kind_->type, arena_);
    return;
  }
  Value document = object.tree();
  if (!document.is_object()) document = Value::object();
  document.set("metadata", View::of(&object.meta(), type_of<metav1::ObjectMeta>(), arena_).to_value());
  arena_.push_back(std::move(document));
  view_ = View::of(arena_.back());
}

Value Looked::document() const {
  Value document = view_.to_value();
  document.set("apiVersion", kind_->api_version);
  document.set("kind", kind_->kind);
  return document;
}

VersionedComparison::VersionedComparison(const FieldTracking& tracking, Comparison own, std::function<Value()> before, std::function<Value()> after)
    : tracking_(tracking), own_(std::move(own)), before_(std::move(before)), after_(std::move(after)) {
  if (!tracking.reset) return;
  own_.removed = own_.removed.minus_recursively(*tracking.reset);
  own_.modified = own_.modified.minus_recursively(*tracking.reset);
  own_.added = own_.added.minus_recursively(*tracking.reset);
}

const Comparison* VersionedComparison::in(const std::string& api_version) {
  if (api_version == tracking_.kind->api_version) return &own_;
  auto [it, is_new] = others_.try_emplace(api_version);
  if (is_new && tracking_.convert) {
    auto before = tracking_.convert(before_(), api_version), after = tracking_.convert(after_(), api_version);
    if (before && after) it->second = compare(View::of(before->document), View::of(after->document), Schema::of(before->type));
  }
  return it->second ? &*it->second : nullptr;
}

std::vector<Touched> settle(Owners& owners, const Owner& self, VersionedComparison& comparison, bool force) {
  std::erase_if(owners, [&](const Owner& owner) { return !owner.same_identity(self) && !comparison.in(owner.api_version); });
  std::vector<Touched> touched;
  for (size_t i = 0; i < owners.size(); ++i) {
    if (owners[i].same_identity(self)) continue;
    const Comparison& seen = *comparison.in(owners[i].api_version);
    FieldSet lost = sum(owners[i].fields.intersected(seen.modified), owners[i].fields.intersected(seen.added));
    if (!lost.empty()) touched.push_back({i, std::move(lost)});
  }
  if (!force && !touched.empty()) return touched;
  for (const auto& [index, fields] : touched) owners[index].fields = owners[index].fields.minus(fields);
  for (auto& owner : owners) {
    if (owner.same_identity(self)) continue;
    const Comparison& seen = *comparison.in(owner.api_version);
    if (!seen.removed.empty()) owner.fields = owner.fields.minus(seen.removed);
  }
  std::erase_if(owners, [](const Owner& owner) { return owner.fields.empty(); });
  return touched;
}

void track_update(const FieldTracking& tracking, const Object* live, Object& object, std::string_view manager) {
  if (!object.has_meta()) return;
  Owners owners = owners_before(tracking, live, object);
  if (!object.meta().managed_fields.empty()) object.mut_meta().managed_fields.clear();
  // An object nobody tracks so far stays so until the first apply.
  if (owners.empty() && live && !live->meta().uid.empty()) return;
  Owner self{
      std::string(manager.empty() ? "unknown" : manager), false, std::string(tracking.kind->api_version), std::string(tracking.subresource), tracking.now, {}};
  if (!live && owners.empty() && !object.is_tree()) return track_creation(tracking, object, self);
  Object fresh;
  if (!live) fresh = Object::make(object.kind());
  Looked before(live ? *live : fresh), after(object);
  Comparison own = compare(before.view(), after.view(), after.schema());
  if (own.failed) return;
  VersionedComparison comparison(tracking, std::move(own), [&] { return before.document(); }, [&] { return after.document(); });
  // Nobody is exempt: what the manager owned and changed comes back to it below.
  settle(owners, Owner{}, comparison, true);
  FieldSet changed = sum(comparison.own().modified, comparison.own().added);
  strip_server_fields(changed);
  if (!changed.empty()) {
    if (Owner* previous = find_owner(owners, self)) {
      previous->fields = previous->fields.united(changed);
      previous->time = tracking.now;
    } else {
      self.fields = std::move(changed);
      owners.push_back(std::move(self));
    }
  }
  cap_update_owners(owners);
  if (!owners.empty()) object.mut_meta().managed_fields = encode_owners(std::move(owners));
}

std::string manager_of(std::string_view requested, std::string_view user_agent) {
  if (!requested.empty()) return std::string(requested);
  auto prefix = user_agent.substr(0, user_agent.find('/'));
  std::string out;
  for (char c : prefix) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) out += c;
    if (out.size() >= 128) break;
  }
  return out;
}

}  // namespace reigen::api
