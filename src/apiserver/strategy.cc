#include "apiserver/strategy.h"

#include "api/equal.h"
#include "api/metav1.h"
#include "api/object.h"
#include "api/validation.h"

namespace reigen::apiserver {
namespace {

char* at(void* data, const api::FieldDesc& field) { return static_cast<char*>(data) + field.offset; }
const char* at(const void* data, const api::FieldDesc& field) { return static_cast<const char*>(data) + field.offset; }

const api::FieldDesc* status_field(const api::Object& object) {
  if (object.is_tree()) return nullptr;
  const api::FieldDesc* field = object.type().find("status");
  return field && field->value->kind == api::Kind::kStruct ? field : nullptr;
}

class PathSegmentStrategy final : public Strategy {
 public:
  std::vector<std::string> check_name(std::string_view name, bool prefix) const override { return api::is_path_segment_name(name, prefix); }
};

}  // namespace

const Strategy& path_segment_strategy() {
  static const PathSegmentStrategy strategy;
  return strategy;
}

void reset_status(api::Object& object) {
  const api::FieldDesc* field = status_field(object);
  if (!field) return;
  const api::TypeDesc& type = *field->value->type;
  void* fresh = type.create();
  type.assign(at(object.mut_data(), *field), fresh);
  type.destroy(fresh);
}

void keep_status(api::Object& object, const api::Object& old) {
  const api::FieldDesc* field = status_field(object);
  if (field) field->value->type->assign(at(object.mut_data(), *field), at(old.data(), *field));
}

void keep_all_but_status(api::Object& object, const api::Object& old) {
  const api::FieldDesc* field = status_field(object);
  if (!field) return;
  api::metav1::ObjectMeta meta = object.meta();
  api::Object kept = old.clone();
  field->value->type->assign(at(kept.mut_data(), *field), at(object.data(), *field));
  kept.mut_meta() = std::move(meta);
  object = std::move(kept);
}

void Strategy::prepare_create(StrategyContext&, api::Object& object) const { reset_status(object); }

void Strategy::prepare_update(StrategyContext& context, api::Object& object, const api::Object& old) const {
  if (context.part == Part::kStatus) keep_all_but_status(object, old);
  else if (context.part == Part::kMain) keep_status(object, old);
}

bool Strategy::spec_changed(const api::Object& object, const api::Object& old) const {
  if (object.is_tree()) return false;
  for (const api::FieldDesc& field : object.type().fields) {
    if (field.name == "metadata" || field.name == "status") continue;
    if (!api::equal(*field.value, at(object.data(), field), at(old.data(), field))) return true;
  }
  return false;
}

void Strategy::validate(StrategyContext&, const api::Object&, api::FieldErrors&) const {}
void Strategy::validate_update(StrategyContext& context, const api::Object& object, const api::Object&, api::FieldErrors& errors) const {
  validate(context, object, errors);
}
void Strategy::warnings(StrategyContext&, const api::Object&, std::vector<std::string>&) const {}
void Strategy::warnings_on_update(StrategyContext& context, const api::Object& object, const api::Object&, std::vector<std::string>& texts) const {
  warnings(context, object, texts);
}
void Strategy::canonicalize(api::Object&) const {}
Result<Rollback> Strategy::begin_create(StrategyContext&, api::Object&) const { return Rollback(); }
Result<Rollback> Strategy::begin_update(StrategyContext&, api::Object&, const api::Object&) const { return Rollback(); }
void Strategy::after_update(StrategyContext&, const api::Object&, const api::Object&) const {}
void Strategy::after_delete(StrategyContext&, const api::Object&) const {}

std::vector<std::string> Strategy::check_name(std::string_view name, bool prefix) const {
  return api::is_dns1123_subdomain(prefix ? api::mask_trailing_dash(name) : std::string(name));
}

std::optional<int64_t> Strategy::grace_period(StrategyContext&, const api::Object&, std::optional<int64_t>) const { return std::nullopt; }
void Strategy::prepare_graceful_delete(StrategyContext&, api::Object&) const {}
Status Strategy::check_delete(StrategyContext&, const api::Object&) const { return {}; }
std::string Strategy::field_value(const api::Object&, std::string_view) const { return {}; }

}  // namespace reigen::apiserver
