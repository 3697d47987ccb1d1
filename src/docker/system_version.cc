#include "docker/host_facts.h"
#include "docker/system_handlers.h"

namespace reigen::docker {

namespace {

// docker-compose 1.x speaks whatever version it is told here, and ends where 1.45 dropped what it reads of images. It was made for this one.
constexpr ApiVersion kOldComposeVersion{1, 41};

ApiVersion newest_for(const Call& call) {
  return call.request->headers.get("User-Agent").starts_with("docker-compose/1.") ? kOldComposeVersion : kNewestVersion;
}

}  // namespace

void system_version(Call call) {
  using api::Value;
  const HostFacts& host = host_facts();
  std::string newest = newest_for(call).str();
  Value details = Value::object({{"ApiVersion", newest},
                                 {"Arch", host.go_architecture},
                                 {"BuildTime", kBuildTime},
                                 {"Experimental", "false"},
                                 {"GitCommit", kGitCommit},
                                 {"GoVersion", kGoVersion},
                                 {"KernelVersion", host.kernel},
                                 {"MinAPIVersion", kOldestVersion.str()},
                                 {"Os", "linux"}});
  Value engine = Value::object({{"Name", "Engine"}, {"Version", kServerVersion}, {"Details", details}});
  Value reigen = Value::object({{"Name", "Reigen"}, {"Version", kReigenVersion}, {"Details", Value::object({{"GitCommit", kGitCommit}})}});
  Value out = Value::object({{"Platform", Value::object({{"Name", "Reigen"}})},
                             {"Version", kServerVersion},
                             {"ApiVersion", newest},
                             {"MinAPIVersion", kOldestVersion.str()},
                             {"GitCommit", kGitCommit},
                             {"GoVersion", kGoVersion},
                             {"Os", "linux"},
                             {"Arch", host.go_architecture},
                             {"KernelVersion", host.kernel},
                             {"BuildTime", kBuildTime},
                             {"Components", Value::array({engine, reigen})}});
  call.json(200, std::move(out), "version");
}

}  // namespace reigen::docker
