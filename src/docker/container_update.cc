// POST /containers/x/update
#include <fmt/core.h>

#include "api/json.h"
#include "apiserver/node_containers.h"
#include "docker/container_handlers.h"
#include "docker/container_lookup.h"
#include "docker/create_checks.h"
#include "docker/object_writes.h"
#include "docker/wire_form.h"
#include "docker/version_table.h"
#include "docker/error_answer.h"

namespace reigen::docker {

namespace {

using api::Value;
using api::dockerv1::Container;

constexpr std::string_view kNumbers[] = {"BlkioWeight",       "CpuShares",          "NanoCpus", "CpuPeriod",         "CpuQuota",
                                         "CpuRealtimePeriod", "CpuRealtimeRuntime", "Memory",   "MemoryReservation", "MemorySwap"};

int64_t number(const Value& object, std::string_view name) {
  const Value* value = object.find(name);
  return value ? value->int_or(0) : 0;
}

struct Wish {
  Value sent;  // UpdateConfig in form
  std::vector<std::string> warnings;
};

Result<Wish> read_wish(const Call& call) {
  TRY_ASSIGN(Value body, call.json_body());
  Wish out;
  TRY_ASSIGN(out.sent, as_unreadable(wire_form<api::dockerv1::UpdateConfig>(body)));
  if (call.version < since::kUpdateNanoCpus) out.sent.set("NanoCpus", 0);
  if (call.version < since::kUpdatePidsLimit) out.sent.set("PidsLimit", Value());
  if (call.version >= since::kNoKernelMemory) out.sent.erase("KernelMemory");
  if (number(out.sent, "PidsLimit") < 0) out.sent.set("PidsLimit", 0);
  TRY_ASSIGN(auto typed, api::decode_json_as<api::dockerv1::UpdateConfig>(api::to_json(out.sent)));
  TRY(check_restart_policy(typed.restart_policy));
  TRY(check_resources(out.sent, host_facts(), true, out.warnings));
  return out;
}

// moby's UpdateContainer: what is not zero counts.
Status merge(Value& host, const Value& sent) {
  if (number(sent, "NanoCpus") > 0 && (number(host, "CpuPeriod") > 0 || number(host, "CpuQuota") > 0)) {
    const char* which = number(host, "CpuPeriod") > 0 ? "CPU Period" : "CPU Quota";
    return fail(Code::kConflict, fmt::format("Conflicting options: Nano CPUs cannot be updated as {} has already been set", which));
  }
  for (auto [field, name] : {std::pair{"CpuPeriod", "CPU Period"}, {"CpuQuota", "CPU Quota"}}) {
    if (number(sent, field) > 0 && number(host, "NanoCpus") > 0)
      return fail(Code::kConflict, fmt::format("Conflicting options: {} cannot be updated as NanoCPUs has already been set", name));
  }
  int64_t memory = number(sent, "Memory");
  if (memory != 0 && number(sent, "MemorySwap") == 0 && number(host, "MemorySwap") != -1 && memory > number(host, "MemorySwap")) {
    return fail(Code::kConflict, "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time");
  }
  for (std::string_view name : kNumbers) {
    if (number(sent, name) != 0) host.set(name, number(sent, name));
  }
  for (std::string_view name : {"CpusetCpus", "CpusetMems"}) {
    if (!sent.text_at({name}).empty()) host.set(name, sent.text_at({name}));
  }
  if (const Value* limit = sent.find("PidsLimit"); limit && limit->is_int()) host.set("PidsLimit", *limit);
  if (!sent.text_at({"RestartPolicy", "Name"}).empty()) {
    if (host.find("AutoRemove") && host.find("AutoRemove")->bool_or(false))
      return fail(Code::kConflict, "Restart policy cannot be updated because AutoRemove is enabled for the container");
    host.set("RestartPolicy", *sent.find("RestartPolicy"));
  }
  return {};
}

Result<std::string> merged_text(const Container& container, const Value& sent) {
  TRY_ASSIGN(Value host, api::parse_json(container.spec.host_config.raw));
  TRY(merge(host, sent));
  return api::to_json(host);
}

void store(const std::shared_ptr<Call>& call, const ContainerPtr& container, const std::shared_ptr<Wish>& wish) {
  auto changed = change_container(call->engine, container->metadata.name, [&](Container& object) -> Result<bool> {
    TRY_ASSIGN(std::string text, merged_text(object, wish->sent));
    object.spec.host_config = api::RawExtension(std::move(text));
    return true;
  });
  if (!changed) return call->error(changed.error());
  call->engine.events.add(container_event(*container, "update"));
  wait_seen(call->engine, call->engine.containers.untyped(), (*changed)->metadata.resource_version);
  Value warnings;
  for (const auto& warning : wish->warnings) warnings.push_back(warning);
  call->json(200, Value::object({{"Warnings", std::move(warnings)}}));
}

}  // namespace

void container_update(Call call) {
  auto container = find_changeable(call.engine, call.params[0]);
  if (!container) return call.error(container.error());
  auto read = read_wish(call);
  if (!read) return call.error(read.error());
  auto text = merged_text(**container, read->sent);
  if (!text) return call.error(text.error().context(fmt::format("Cannot update container {}", (*container)->metadata.name)));
  auto shared = std::make_shared<Call>(std::move(call));
  auto wish = std::make_shared<Wish>(std::move(*read));
  if (!has_process(**container)) return store(shared, *container, wish);
  shared->engine.nodes.update(target_of(**container), std::move(*text), [shared, container = *container, wish](Status status) {
    if (!status) return shared->error(Error(status.error()).context(fmt::format("Cannot update container {}", container->metadata.name)));
    shared->engine.work.post([shared, container, wish] { store(shared, container, wish); });
  });
}

}  // namespace reigen::docker
