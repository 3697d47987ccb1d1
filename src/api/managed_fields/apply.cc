#include <algorithm>

#include <fmt/core.h>

#include "api/errors.h"
#include "api/json.h"
#include "api/managed_fields/tracking.h"
#include "api/metav1.h"

namespace reigen::api {
namespace {

constexpr const char* kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";

// Group/version and kind as Go prints them: "/v1, Kind=Secret".
std::string print_kind(std::string_view api_version, std::string_view kind) {
  if (api_version.find('/') == std::string_view::npos) return fmt::format("/{}, Kind={}", api_version, kind);
  return fmt::format("{}, Kind={}", api_version, kind);
}

Fail broken(std::string message) {
  ApiStatus status;
  status.code = 500;
  status.message = std::move(message);
  return fail(std::move(status));
}

Error conflict_error(const Owners& owners, std::vector<Touched> touched) {
  auto identity = [&](const Touched& t) { return owners[t.owner].manager + "\n" + owners[t.owner].describe(); };
  std::ranges::sort(touched, {}, identity);
  std::vector<StatusCause> causes;
  std::string lines;
  for (const auto& [index, fields] : touched) {
    std::string who = owners[index].describe();
    lines += (lines.empty() ? "" : "\n") + fmt::format("conflicts with {}:", who);
    fields.each([&](const Path& path) {
      causes.push_back({"FieldManagerConflict", "conflict with " + who, to_string(path)});
      lines += "\n- " + to_string(path);
    });
  }
  std::string message = causes.size() == 1 ? fmt::format("Apply failed with 1 conflict: {}: {}", causes[0].message, causes[0].field)
                                           : fmt::format("Apply failed with {} conflicts: {}", causes.size(), lines);
  return apply_conflict(std::move(causes), std::move(message));
}

class Applier {
 public:
  Applier(const FieldTracking& tracking, const Value& configuration, std::string_view manager, bool force)
      : tracking_(tracking), config_(configuration), force_(force), type_(tracking.kind->type) {
    self_ = Owner{std::string(manager), true, std::string(tracking.kind->api_version), std::string(tracking.subresource), {}, {}};
  }

  Status check() const {
    auto api_version = config_.text_at({"apiVersion"}), kind = config_.text_at({"kind"});
    if (api_version != tracking_.kind->api_version || kind != tracking_.kind->kind)
      return fail(bad_request("invalid object type: " + print_kind(api_version, kind)));
    if (const Value* fields = config_.at({"metadata", "managedFields"}); fields && !fields->is_null())
      return fail(bad_request("metadata.managedFields must be nil"));
    return {};
  }

  Result<Applied> run(const Object* live_object, Object fresh) {
    Looked live(live_object ? *live_object : fresh);
    live_ = live.document();
    auto decoded = decode_owners((live_object ? *live_object : fresh).meta().managed_fields);
    if (!decoded) return broken("failed to decode managed fields: " + decoded.error().message());
    owners_ = std::move(*decoded);
    if (owners_.empty() && live_object) own_what_is_there(live, fresh);
    if (std::string wrong = validate(View::of(config_), schema()); !wrong.empty())
      return broken(fmt::format("failed to create typed patch object ({}/{}; {}): {}", config_.text_at({"metadata", "namespace"}),
                                config_.text_at({"metadata", "name"}), print_kind(tracking_.kind->api_version, tracking_.kind->kind), wrong));
    Owners before = owners_;
    auto touched = lay_over(force_);
    if (!touched.empty() && self_.manager == "kubectl") {
      FieldSet allowed = allowed_by_last_applied(live);
      for (auto& t : touched) t.fields = t.fields.minus(allowed);
      std::erase_if(touched, [](const Touched& t) { return t.fields.empty(); });
      if (touched.empty()) {
        owners_ = std::move(before);
        touched = lay_over(true);
        touched.clear();
      }
    }
    if (!touched.empty() && !force_) return fail(conflict_error(owners_, std::move(touched)));
    return finish(live_object);
  }

 private:
  Schema schema() const { return Schema::of(type_); }

  // The first apply to an object that nobody tracks: what it holds belongs to "before-first-apply".
  void own_what_is_there(const Looked& live, const Object& fresh) {
    Looked nothing(fresh);
    Comparison comparison = compare(nothing.view(), live.view(), schema());
    FieldSet fields = comparison.modified.united(comparison.added);
    if (tracking_.reset) fields = fields.minus_recursively(*tracking_.reset);
    strip_server_fields(fields);
    if (fields.empty()) return;
    owners_.push_back({"before-first-apply", false, self_.api_version, self_.subresource, tracking_.now, std::move(fields)});
  }

  // Merges, prunes and settles with the other owners; the conflicts where not forced.
  std::vector<Touched> lay_over(bool force) {
    merged_ = merge(View::of(live_), View::of(config_), schema());
    FieldSet set = field_set_of(View::of(config_), schema());
    if (tracking_.reset) set = set.minus_recursively(*tracking_.reset);
    std::optional<Owner> last;
    if (Owner* mine = find_owner(owners_, self_)) {
      last = *mine;
      mine->fields = set;
      mine->api_version = self_.api_version;
    } else {
      Owner mine_now = self_;
      mine_now.fields = set;
      owners_.push_back(std::move(mine_now));
    }
    if (last && !last->fields.empty()) prune(*last);
    VersionedComparison comparison(tracking_, compare(View::of(live_), View::of(merged_), schema()), [this] { return live_; }, [this] { return merged_; });
    auto touched = settle(owners_, self_, comparison, force);
    if (!touched.empty() && !force) return touched;
    if (Owner* mine = find_owner(owners_, self_)) strip_server_fields(mine->fields);
    std::erase_if(owners_, [](const Owner& owner) { return owner.fields.empty(); });
    return force ? std::vector<Touched>() : touched;
  }

  Result<TypedDocument> convert(const TypedDocument& document, const std::string& api_version) const {
    if (document.document.text_at({"apiVersion"}) == api_version) return document;
    if (!tracking_.convert) return fail(Code::kNotFound, "no such version: " + api_version);
    return tracking_.convert(document.document, api_version);
  }

  // Takes out what the manager applied before and does not any more, unless somebody else owns it.
  void prune(const Owner& last) {
    auto merged = convert({merged_, type_}, last.api_version);
    if (!merged) return;
    Schema there = Schema::of(merged->type);
    FieldSet last_named = with_named_fields(last.fields, there);
    TypedDocument pruned{remove_items(merged->document, last_named, there), merged->type};
    add_back_owned(*merged, pruned, last.api_version);
    // What hangs below something taken out by nobody's wish.
    auto back = convert(pruned, last.api_version);
    if (!back) return;
    FieldSet pruned_set = with_named_fields(field_set_of(View::of(back->document), there), there);
    FieldSet merged_set = with_named_fields(field_set_of(View::of(merged->document), there), there);
    Value result = remove_items(merged->document, merged_set.minus(pruned_set).intersected(last_named), there);
    auto here = convert({std::move(result), merged->type}, self_.api_version);
    if (here) merged_ = std::move(here->document);
    if (!merged_.is_object()) merged_ = Value::object();
  }

  void add_back_owned(const TypedDocument& merged_last, TypedDocument& pruned, const std::string& last_version) {
    std::map<std::string, FieldSet> owned;
    for (const auto& owner : owners_) owned[owner.api_version] = owned[owner.api_version].united(owner.fields);
    std::vector<std::string> versions;
    if (owned.contains(last_version)) versions.push_back(last_version);
    for (const auto& [version, fields] : owned)
      if (version != last_version) versions.push_back(version);
    TypedDocument merged = merged_last;
    for (const auto& version : versions) {
      auto m = convert(merged, version), p = convert(pruned, version);
      if (!m || !p) continue;
      Schema there = Schema::of(m->type);
      FieldSet merged_set = with_named_fields(field_set_of(View::of(m->document), there), there);
      FieldSet kept = with_named_fields(field_set_of(View::of(p->document), there), there).united(with_named_fields(owned[version], there));
      pruned = {remove_items(m->document, merged_set.minus(kept), there), m->type};
      merged = std::move(*m);
    }
  }

  // kubectl moving from client-side apply: conflicts on what its annotation says it applied and what still stands are none.
  FieldSet allowed_by_last_applied(const Looked& live) const {
    const Value* annotation = live_.at({"metadata", "annotations", kLastApplied});
    if (!annotation) return {};
    auto applied = parse_json(annotation->text());
    if (!applied || applied->text_at({"apiVersion"}) != tracking_.kind->api_version) return {};
    if (!validate(View::of(*applied), schema()).empty()) return {};
    Comparison comparison = compare(View::of(*applied), live.view(), schema());
    return field_set_of(View::of(*applied), schema()).minus(comparison.modified).minus(comparison.added).minus(comparison.removed);
  }

  Result<Applied> finish(const Object* live_object) {
    bool changed = !(merged_ == live_);
    if (changed)
      if (Owner* mine = find_owner(owners_, self_)) mine->time = tracking_.now;
    Applied applied{.object = {}, .changed = changed};
    if (self_.manager == "kubectl" && merged_.at({"metadata", "annotations", kLastApplied})) write_last_applied();
    merged_.erase({"metadata", "managedFields"});
    auto object = from_value(merged_, *tracking_.kind);
    if (!object)
      return broken(fmt::format("failed to convert new object ({}/{}; {}) to proper version: {}", merged_.text_at({"metadata", "namespace"}),
                                merged_.text_at({"metadata", "name"}), print_kind(tracking_.kind->api_version, tracking_.kind->kind),
                                object.error().message()));
    applied.object = std::move(*object);
    (void)live_object;
    applied.object.mut_meta().managed_fields = encode_owners(std::move(owners_));
    return applied;
  }

  void write_last_applied() {
    Value config = config_;
    config.erase({"metadata", "annotations", kLastApplied});
    Value* annotations = merged_.at({"metadata", "annotations"});
    size_t total = 0;
    std::string text = to_json(config, {.sorted = true}) + "\n";
    for (const auto& member : annotations->members())
      if (member.key() != kLastApplied) total += member.key().size() + member.value.text().size();
    // Beyond the limit of all annotations it is dropped rather than refused.
    if (total + text.size() + std::string_view(kLastApplied).size() > (256u << 10)) annotations->erase(kLastApplied);
    else annotations->set(kLastApplied, text);
  }

  const FieldTracking& tracking_;
  const Value& config_;
  bool force_;
  const TypeDesc* type_;
  Owner self_;
  Value live_, merged_;
  Owners owners_;
};

}  // namespace

Result<Applied> apply_configuration(const FieldTracking& tracking, const Object* live, const Value& configuration, std::string_view manager, bool force) {
  Applier applier(tracking, configuration, manager, force);
  TRY(applier.check());
  return applier.run(live, Object::make(*tracking.kind));
}

}  // namespace reigen::api
