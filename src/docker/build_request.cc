#include "docker/build_request.h"

#include <algorithm>

#include "api/value.h"
#include "docker/version_table.h"

namespace reigen::docker {
namespace {

Fail bad(const std::string& why) { return fail(Code::kInvalidArgument, why); }

Result<api::Value> json_argument(const Call& call, std::string_view name, const char* what) {
  auto text = call.arg(name);
  if (text.empty()) return api::Value();
  auto value = api::parse_json(text);
  if (!value) return bad(std::string("error reading ") + what + ": " + value.error().message());
  return value;
}

const char* go_kind(const api::Value& value) {
  return value.is_array() ? "array" : value.is_object() ? "object" : value.is_string() ? "string" : value.is_bool() ? "bool" : "number";
}

// A map of strings; those that are null are only named in `empty`.
Result<std::map<std::string, std::string>> text_map(const Call& call, std::string_view name, const char* what, const char* type,
                                                    std::vector<std::string>* empty = nullptr) {
  std::map<std::string, std::string> out;
  TRY_ASSIGN(auto value, json_argument(call, name, what));
  if (value.is_null()) return out;
  if (!value.is_object()) return bad(std::string("error reading ") + what + ": json: cannot unmarshal " + go_kind(value) + " into Go value of type " + type);
  for (const auto& member : value.members()) {
    if (member.value.is_null()) {
      if (empty) empty->emplace_back(member.key());
      continue;
    }
    if (!member.value.is_string())
      return bad(std::string("error reading ") + what + ": json: cannot unmarshal " + go_kind(member.value) + " into Go value of type string");
    out[std::string(member.key())] = member.value.text();
  }
  return out;
}

Status read_tags(const Call& call, BuildRequest& out) {
  for (auto tag : call.request->query.all("t")) {
    if (tag.empty()) continue;
    TRY_ASSIGN(auto reference, image::parse_reference(tag));
    if (!reference.digest.empty()) return bad("build tag cannot contain a digest");
    TRY(image::check_new_name(reference));
    if (std::ranges::find(out.tags, reference) == out.tags.end()) out.tags.push_back(std::move(reference));
  }
  return {};
}

Status read_limits(const Call& call, BuildRequest& out) {
  constexpr std::pair<const char*, const char*> numbers[] = {{"memory", "Memory"},       {"memswap", "MemorySwap"},  {"cpuquota", "CpuQuota"},
                                                             {"cpuperiod", "CpuPeriod"}, {"cpushares", "CpuShares"}, {"shmsize", "ShmSize"}};
  for (const auto& [name, field] : numbers) {
    TRY_ASSIGN(int64_t value, call.number(name, 0));
    if (value != 0) out.host.set(field, value);
  }
  for (const auto& [name, field] : {std::pair("cpusetcpus", "CpusetCpus"), std::pair("cpusetmems", "CpusetMems"), std::pair("cgroupparent", "CgroupParent")})
    if (!call.arg(name).empty()) out.host.set(field, call.arg(name));
  TRY_ASSIGN(auto ulimits, json_argument(call, "ulimits", "ulimit settings"));
  if (ulimits.size() > 0) out.host.set("Ulimits", std::move(ulimits));
  return {};
}

Status refuse_others(const Call& call) {
  if (call.flag("squash")) return bad("squash is only supported with experimental mode");
  if (call.arg("version") == "2") return fail(Code::kUnimplemented, "BuildKit is not served yet: set DOCKER_BUILDKIT=0 to build with the classic builder");
  if (!call.arg("outputs").empty() && call.arg("outputs") != "[]" && call.arg("outputs") != "null") return bad("outputs are only supported by BuildKit");
  if (auto text = call.arg("securityopt"); !text.empty() && text != "null" && text != "[]")
    return bad("The daemon on this platform does not support setting security options on build");
  if (auto isolation = call.arg("isolation"); !isolation.empty() && isolation != "default")
    return bad("Unsupported isolation: \"" + std::string(isolation) + "\"");
  return {};
}

}  // namespace

Result<BuildRequest> read_build_request(const Call& call) {
  BuildRequest out;
  out.host = api::Value::object({{"LogConfig", api::Value::object({{"Type", "none"}})}});
  TRY(refuse_others(call));
  TRY(read_tags(call, out));
  TRY(read_limits(call, out));
  out.dockerfile = call.arg("dockerfile");
  out.remote = call.arg("remote");
  out.target = call.arg("target");
  out.quiet = call.flag("q");
  out.no_cache = call.flag("nocache");
  out.pull = call.flag("pull");
  out.force_remove = call.flag("forcerm");
  out.remove = out.force_remove || call.flag_or("rm", true) || (call.has("rm") && call.arg("rm").empty());
  TRY_ASSIGN(out.args, text_map(call, "buildargs", "build args", "map[string]*string", &out.empty_args));
  TRY_ASSIGN(out.labels, text_map(call, "labels", "labels", "map[string]string"));
  if (call.version >= since::kBuildCacheFrom) {
    if (!call.arg("networkmode").empty()) out.host.set("NetworkMode", call.arg("networkmode"));
    TRY_ASSIGN(auto from, json_argument(call, "cachefrom", "cache-from"));
    if (from.size() > 0) {
      out.cache_from.emplace();
      for (const auto& item : from.items()) out.cache_from->emplace_back(item.text());
    }
  }
  if (call.version >= since::kBuildExtraHosts) {
    // A header form of lists, or JSON.
    TRY_ASSIGN(auto hosts, call.arg("extrahosts").starts_with("[") ? json_argument(call, "extrahosts", "extra hosts") : Result<api::Value>(api::Value()));
    auto list = api::Value::array();
    for (const auto& item : hosts.items()) list.push_back(item.text());
    if (hosts.size() == 0)
      for (auto host : call.request->query.all("extrahosts"))
        if (!host.empty() && !host.starts_with("[") && host != "null") list.push_back(host);
    if (list.size() > 0) out.host.set("ExtraHosts", std::move(list));
  }
  if (call.version >= since::kImagePlatform && !call.arg("platform").empty()) {
    TRY_ASSIGN(out.platform, image::Platform::parse(call.arg("platform")));
  }
  return out;
}

}  // namespace reigen::docker
