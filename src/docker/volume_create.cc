// POST /volumes/create, PUT /volumes/x
#include <fmt/core.h>

#include <set>

#include "api/docker_names.h"
#include "api/json.h"
#include "docker/object_writes.h"
#include "docker/volume_handlers.h"
#include "docker/wire_form.h"
#include "docker/error_answer.h"

namespace reigen::docker {

namespace {

using api::Value;

Status check(const VolumeWish& wish, const std::string& driver) {
  TRY(check_volume_driver(driver));
  TRY(check_volume_name(wish.name));
  static const std::set<std::string_view> kOptions{"type", "o", "device", "size"};
  for (const auto& [name, value] : wish.options) {
    if (!kOptions.contains(name)) return fail(Code::kInvalidArgument, fmt::format("invalid option: \"{}\"", name));
  }
  if (wish.options.contains("size")) return fail(Code::kInvalidArgument, "quota size requested but no quota support");
  if (wish.options.empty()) return {};
  for (const char* name : {"device", "type"}) {
    if (!wish.options.contains(name)) return fail(Code::kInvalidArgument, fmt::format("missing required option: \"{}\"", name));
  }
  return {};
}

Result<std::shared_ptr<const api::dockerv1::Volume>> create(Call& call) {
  TRY_ASSIGN(Value body, as_bad_request(call.json_body()));
  TRY_ASSIGN(Value formed, wire_form<api::dockerv1::VolumeCreate>(body));
  TRY_ASSIGN(auto asked, api::decode_json_as<api::dockerv1::VolumeCreate>(api::to_json(formed)));
  VolumeWish wish;
  wish.name = asked.name;
  wish.anonymous = asked.name.empty();
  if (wish.anonymous) wish.name = call.engine.random.hex(32);
  for (const auto& [name, value] : asked.labels) wish.labels.emplace(name, value);
  for (const auto& [name, value] : asked.driver_opts) wish.options.emplace(name, value);
  // Options and labels are those of the volume that is there.
  bool known = call.engine.volumes.get("", api::volume_object_name(wish.name)) != nullptr;
  if (auto good = known ? check_volume_driver(asked.driver) : check(wish, asked.driver); !good) return fail(Error(good.error()).context("create " + wish.name));
  return make_volume(call.engine, wish);
}

}  // namespace

void volume_create(Call call) {
  auto volume = create(call);
  if (!volume) return call.error(volume.error());
  call.json(201, volume_json(call.engine, **volume, call.version), "volume");
}

void volume_update(Call call) { call.error(Error(Code::kUnimplemented, "only cluster volumes can be updated, and this engine has none")); }

}  // namespace reigen::docker
