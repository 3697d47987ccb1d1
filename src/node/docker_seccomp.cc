#include "node/docker_seccomp.h"

#include <stdio.h>
#include <sys/utsname.h>

#include <algorithm>

#include "api/value.h"
#include "runtime/capabilities.h"

namespace reigen::node {
namespace {

using api::Value;

Fail broken(const std::string& what) { return fail(Code::kInvalidArgument, "Decoding seccomp profile failed: " + what); }

struct ArchName {
  const char* go;
  const char* seccomp;
};
constexpr ArchName kArchitectures[] = {{"amd64", "SCMP_ARCH_X86_64"},   {"386", "SCMP_ARCH_X86"},         {"arm64", "SCMP_ARCH_AARCH64"},
                                       {"arm", "SCMP_ARCH_ARM"},        {"ppc64le", "SCMP_ARCH_PPC64LE"}, {"s390x", "SCMP_ARCH_S390X"},
                                       {"riscv64", "SCMP_ARCH_RISCV64"}};

bool has_text(const Value* list, const std::string& text) {
  return list && std::any_of(list->items().begin(), list->items().end(), [&](const Value& item) { return item.text() == text; });
}

bool has_capability(const SeccompMachine& machine, std::string_view name) {
  return std::any_of(machine.capabilities.begin(), machine.capabilities.end(), [&](const auto& own) { return own == name; });
}

bool kernel_before(const SeccompMachine& machine, std::string_view text) {
  int major = 0, minor = 0;
  if (::sscanf(std::string(text).c_str(), "%d.%d", &major, &minor) != 2) return false;
  return machine.kernel_major < major || (machine.kernel_major == major && machine.kernel_minor < minor);
}

// Whether a rule holds here.
bool applies(const Value& rule, const SeccompMachine& machine) {
  if (const Value* without = rule.find("excludes")) {
    if (has_text(without->find("arches"), machine.architecture)) return false;
    const Value* caps = without->find("caps");
    for (const auto& cap : caps ? caps->items() : Value::Array()) {
      if (has_capability(machine, cap.text())) return false;
    }
    if (const Value* kernel = without->find("minKernel"); kernel && !kernel_before(machine, kernel->text())) return false;
  }
  const Value* with = rule.find("includes");
  if (!with) return true;
  const Value* arches = with->find("arches");
  if (arches && arches->size() > 0 && !has_text(arches, machine.architecture)) return false;
  const Value* caps = with->find("caps");
  for (const auto& cap : caps ? caps->items() : Value::Array()) {
    if (!has_capability(machine, cap.text())) return false;
  }
  const Value* kernel = with->find("minKernel");
  return !kernel || !kernel_before(machine, kernel->text());
}

Result<Value> architectures_of(const Value& profile, const SeccompMachine& machine) {
  const Value* list = profile.find("architectures");
  const Value* map = profile.find("archMap");
  bool listed = list && list->size() > 0, mapped = map && map->size() > 0;
  if (listed && mapped) {
    return fail(Code::kInvalidArgument, "'architectures' and 'archMap' were specified in the seccomp profile, use either 'architectures' or 'archMap'");
  }
  if (listed) return *list;
  Value out = Value::array();
  if (!mapped) return out;
  auto own = std::find_if(std::begin(kArchitectures), std::end(kArchitectures), [&](const auto& entry) { return machine.architecture == entry.go; });
  for (const auto& entry : map->items()) {
    const Value* name = entry.find("architecture");
    if (own == std::end(kArchitectures) || !name || name->text() != own->seccomp) continue;
    out.push_back(*name);
    const Value* more = entry.find("subArchitectures");
    for (const auto& sub : more ? more->items() : Value::Array()) out.push_back(sub);
    break;
  }
  return out;
}

Result<Value> syscall_of(const Value& rule) {
  Value out = Value::object();
  const Value* name = rule.find("name");
  const Value* names = rule.find("names");
  bool one = name && !name->text().empty(), many = names && names->size() > 0;
  if (one && many) return fail(Code::kInvalidArgument, "'name' and 'names' were specified in the seccomp profile, use either 'name' or 'names'");
  out["names"] = one ? Value::array({*name}) : names ? *names : Value::array();
  for (const char* key : {"action", "errnoRet"}) {
    if (const Value* found = rule.find(key); found && !found->is_null()) out[key] = *found;
  }
  if (const Value* args = rule.find("args"); args && args->size() > 0) out["args"] = *args;
  return out;
}

}  // namespace

Result<std::string> convert_seccomp(std::string_view text, const SeccompMachine& machine) {
  auto profile = api::parse_json(text);
  if (!profile) return broken(profile.error().message());
  if (!profile->is_object()) return broken("it is no object");
  Value out = Value::object();
  for (const char* key : {"defaultAction", "defaultErrnoRet", "listenerPath", "listenerMetadata"}) {
    if (const Value* found = profile->find(key); found && !found->is_null()) out[key] = *found;
  }
  if (const Value* flags = profile->find("flags"); flags && flags->size() > 0) out["flags"] = *flags;
  TRY_ASSIGN(Value architectures, architectures_of(*profile, machine));
  if (architectures.size() > 0) out["architectures"] = std::move(architectures);
  Value calls = Value::array();
  const Value* rules = profile->find("syscalls");
  for (const auto& rule : rules ? rules->items() : Value::Array()) {
    if (!applies(rule, machine)) continue;
    TRY_ASSIGN(Value call, syscall_of(rule));
    calls.push_back(std::move(call));
  }
  out["syscalls"] = std::move(calls);
  return api::to_json(out);
}

Result<std::string> convert_seccomp(std::string_view profile, const runtime::Security& security) {
  SeccompMachine machine;
  TRY_ASSIGN(machine.capabilities, runtime::capabilities_of(security, nullptr));
#if defined(__aarch64__)
  machine.architecture = "arm64";
#else
  machine.architecture = "amd64";
#endif
  utsname host{};
  if (::uname(&host) == 0) (void)::sscanf(host.release, "%d.%d", &machine.kernel_major, &machine.kernel_minor);
  return convert_seccomp(profile, machine);
}

}  // namespace reigen::node
