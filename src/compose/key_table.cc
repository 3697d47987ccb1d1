#include "compose/key_table.h"

namespace reigen::compose {
namespace {

constexpr Treatment kWarned = Treatment::kWarned, kRefused = Treatment::kRefused;

constexpr Shaped kWord{.shapes = kScalar, .cast = Cast::kText};  // text; a number is written as one
constexpr Shaped kOnlyText{.shapes = kText};
constexpr Shaped kTextOrNull{.shapes = kScalar | kNull, .cast = Cast::kText};
constexpr Shaped kFlag{.shapes = kText | kBool, .cast = Cast::kBool};
constexpr Shaped kInteger{.shapes = kText | kNumber, .cast = Cast::kInteger};
constexpr Shaped kDecimal{.shapes = kText | kNumber, .cast = Cast::kNumber};
constexpr Shaped kBytes{.shapes = kText | kNumber, .cast = Cast::kBytes};
constexpr Shaped kDuration{.shapes = kText, .cast = Cast::kDuration};
constexpr Shaped kFileMode{.shapes = kText | kNumber, .cast = Cast::kMode};
constexpr Shaped kTexts{.shapes = kList, .items = &kOnlyText};
constexpr Shaped kWords{.shapes = kList, .items = &kWord};
constexpr Shaped kTextOrTexts{.shapes = kText | kList, .items = &kOnlyText};
constexpr Shaped kCommand{.shapes = kText | kList | kNull, .items = &kWord};
constexpr Shaped kPairs{.shapes = kList | kMap, .members = &kTextOrNull, .items = &kOnlyText};
constexpr Shaped kOptions{.shapes = kMap | kNull, .members = &kTextOrNull};
constexpr Shaped kTextOrTextList{.shapes = kScalar | kList, .cast = Cast::kText, .items = &kOnlyText};
constexpr Shaped kHosts{.shapes = kList | kMap, .members = &kTextOrTextList, .items = &kOnlyText};
constexpr Shaped kAnything{.shapes = kScalar | kNull | kList | kMap};

constexpr std::string_view kUnbuildable = "the classic builder has nothing for it";

constexpr Key kUlimitKeys[] = {{"single", &kInteger}, {"soft", &kInteger}, {"hard", &kInteger}};
constexpr Shaped kUlimit{.shapes = kText | kNumber | kMap, .cast = Cast::kInteger, .keys = kUlimitKeys};
constexpr Shaped kUlimits{.shapes = kMap, .members = &kUlimit};

constexpr Key kFileUseKeys[] = {{"source", &kOnlyText}, {"target", &kOnlyText}, {"uid", &kWord}, {"gid", &kWord}, {"mode", &kFileMode}};
constexpr Shaped kFileUse{.shapes = kText | kMap, .keys = kFileUseKeys};
constexpr Shaped kFileUses{.shapes = kList, .items = &kFileUse};

constexpr Key kBuildKeys[] = {
    {"context", &kOnlyText},
    {"dockerfile", &kOnlyText},
    {"dockerfile_inline", &kOnlyText},
    {"entitlements", &kTexts, kRefused, kUnbuildable},
    {"args", &kPairs},
    {"provenance", &kFlag, kWarned, kUnbuildable},
    {"sbom", &kFlag, kWarned, kUnbuildable},
    {"ssh", &kPairs, kRefused, kUnbuildable},
    {"labels", &kPairs},
    {"cache_from", &kTexts},
    {"cache_to", &kTexts, kWarned, kUnbuildable},
    {"no_cache", &kFlag},
    {"no_cache_filter", &kTextOrTexts, kWarned, kUnbuildable},
    {"additional_contexts", &kPairs, kRefused, kUnbuildable},
    {"pull", &kFlag},
    {"extra_hosts", &kHosts},
    {"isolation", &kOnlyText},
    {"network", &kOnlyText},
    {"target", &kOnlyText},
    {"secrets", &kFileUses, kRefused, kUnbuildable},
    {"shm_size", &kBytes},
    {"tags", &kTexts},
    {"ulimits", &kUlimits},
    {"platforms", &kTexts},
    {"privileged", &kFlag, kRefused, kUnbuildable},
};
constexpr Shaped kBuild{.shapes = kText | kMap, .keys = kBuildKeys};

constexpr Key kRateKeys[] = {{"path", &kOnlyText}, {"rate", &kBytes}};
constexpr Shaped kRate{.shapes = kMap, .keys = kRateKeys};
constexpr Shaped kRates{.shapes = kList, .items = &kRate};
constexpr Key kWeightKeys[] = {{"path", &kOnlyText}, {"weight", &kInteger}};
constexpr Shaped kWeight{.shapes = kMap, .keys = kWeightKeys};
constexpr Shaped kWeights{.shapes = kList, .items = &kWeight};
constexpr Key kBlkioKeys[] = {
    {"weight", &kInteger},         {"weight_device", &kWeights},  {"device_read_bps", &kRates},
    {"device_read_iops", &kRates}, {"device_write_bps", &kRates}, {"device_write_iops", &kRates},
};
constexpr Shaped kBlkio{.shapes = kMap, .keys = kBlkioKeys};

constexpr std::string_view kCgroupWords[] = {"host", "private"};
constexpr Shaped kCgroup{.shapes = kText, .words = kCgroupWords};

constexpr Key kCredentialKeys[] = {{"config", &kOnlyText}, {"file", &kOnlyText}, {"registry", &kOnlyText}};
constexpr Shaped kCredential{.shapes = kMap, .keys = kCredentialKeys};

constexpr std::string_view kConditionWords[] = {"service_started", "service_healthy", "service_completed_successfully"};
constexpr Shaped kCondition{.shapes = kText, .words = kConditionWords};
constexpr Key kDependencyKeys[] = {{"condition", &kCondition}, {"restart", &kFlag}, {"required", &kFlag}};
constexpr Shaped kDependency{.shapes = kMap, .keys = kDependencyKeys};
constexpr Shaped kDependsOn{.shapes = kList | kMap, .members = &kDependency, .items = &kOnlyText};

constexpr Key kDeviceRequestKeys[] = {
    {"capabilities", &kTexts}, {"driver", &kOnlyText}, {"count", &kWord}, {"device_ids", &kTexts}, {"options", &kPairs},
};
constexpr Shaped kDeviceRequest{.shapes = kMap, .keys = kDeviceRequestKeys};
constexpr Shaped kDeviceRequests{.shapes = kList, .items = &kDeviceRequest};
constexpr Shaped kGpus{.shapes = kText | kList, .items = &kDeviceRequest};

constexpr std::string_view kNoSwarm = "it is for a swarm";
constexpr Key kUpdateKeys[] = {
    {"parallelism", &kInteger},       {"delay", &kDuration}, {"failure_action", &kOnlyText}, {"monitor", &kDuration},
    {"max_failure_ratio", &kDecimal}, {"order", &kOnlyText},
};
constexpr Shaped kUpdate{.shapes = kMap, .keys = kUpdateKeys};
constexpr Key kLimitKeys[] = {{"cpus", &kDecimal}, {"memory", &kBytes}, {"pids", &kInteger}};
constexpr Shaped kLimits{.shapes = kMap, .keys = kLimitKeys};
constexpr Key kReservationKeys[] = {
    {"cpus", &kDecimal, kWarned, "one host reserves no CPUs"},
    {"memory", &kBytes},
    {"pids", &kInteger, kWarned, "one host reserves no process ids"},
    {"devices", &kDeviceRequests},
    {"generic_resources", &kAnything, kWarned, kNoSwarm},
};
constexpr Shaped kReservations{.shapes = kMap, .keys = kReservationKeys};
constexpr Key kResourcesKeys[] = {{"limits", &kLimits}, {"reservations", &kReservations}};
constexpr Shaped kResources{.shapes = kMap, .keys = kResourcesKeys};
constexpr Key kRestartPolicyKeys[] = {
    {"condition", &kOnlyText},
    {"delay", &kDuration, kWarned, "the engine has its own delays"},
    {"max_attempts", &kInteger},
    {"window", &kDuration, kWarned, "the engine has its own window"},
};
constexpr Shaped kRestartPolicy{.shapes = kMap, .keys = kRestartPolicyKeys};
constexpr Key kDeployKeys[] = {
    {"mode", &kOnlyText},
    {"replicas", &kInteger},
    {"labels", &kPairs, kWarned, kNoSwarm},
    {"update_config", &kUpdate, kWarned, kNoSwarm},
    {"rollback_config", &kUpdate, kWarned, kNoSwarm},
    {"resources", &kResources},
    {"restart_policy", &kRestartPolicy},
    {"placement", &kAnything, kWarned, kNoSwarm},
    {"endpoint_mode", &kOnlyText, kWarned, kNoSwarm},
};
constexpr Shaped kDeploy{.shapes = kMap | kNull, .keys = kDeployKeys};

constexpr Key kDeviceKeys[] = {{"source", &kOnlyText}, {"target", &kOnlyText}, {"permissions", &kOnlyText}};
constexpr Shaped kDevice{.shapes = kText | kMap, .keys = kDeviceKeys};
constexpr Shaped kDevices{.shapes = kList, .items = &kDevice};

constexpr Key kEnvFileKeys[] = {{"path", &kOnlyText}, {"required", &kFlag}, {"format", &kOnlyText}};
constexpr Shaped kEnvFile{.shapes = kText | kMap, .keys = kEnvFileKeys};
constexpr Shaped kEnvFiles{.shapes = kText | kList, .items = &kEnvFile};

constexpr Key kExtendsKeys[] = {{"file", &kOnlyText}, {"service", &kOnlyText}};
constexpr Shaped kExtends{.shapes = kText | kMap, .keys = kExtendsKeys};

constexpr Key kHealthKeys[] = {
    {"test", &kCommand},          {"timeout", &kDuration},        {"interval", &kDuration}, {"retries", &kInteger},
    {"start_period", &kDuration}, {"start_interval", &kDuration}, {"disable", &kFlag},
};
constexpr Shaped kHealth{.shapes = kMap | kNull, .keys = kHealthKeys};

constexpr Key kLoggingKeys[] = {{"driver", &kOnlyText}, {"options", &kOptions}};
constexpr Shaped kLogging{.shapes = kMap, .keys = kLoggingKeys};

constexpr Key kEndpointKeys[] = {
    {"priority", &kInteger},      {"aliases", &kTexts},         {"driver_opts", &kOptions},  {"gw_priority", &kInteger},  {"interface_name", &kOnlyText},
    {"ipv4_address", &kOnlyText}, {"ipv6_address", &kOnlyText}, {"link_local_ips", &kTexts}, {"mac_address", &kOnlyText},
};
constexpr Shaped kEndpoint{.shapes = kMap | kNull, .keys = kEndpointKeys};
constexpr Shaped kServiceNetworks{.shapes = kList | kMap | kNull, .members = &kEndpoint, .items = &kOnlyText};

constexpr Key kPortKeys[] = {
    {"name", &kOnlyText},  {"mode", &kOnlyText},     {"host_ip", &kOnlyText},      {"target", &kInteger},
    {"published", &kWord}, {"protocol", &kOnlyText}, {"app_protocol", &kOnlyText},
};
constexpr Shaped kPort{.shapes = kText | kNumber | kMap, .cast = Cast::kText, .keys = kPortKeys};
constexpr Shaped kPorts{.shapes = kList, .items = &kPort};

constexpr Key kBindKeys[] = {{"selinux", &kOnlyText}, {"propagation", &kOnlyText}, {"create_host_path", &kFlag}, {"recursive", &kOnlyText}};
constexpr Shaped kBind{.shapes = kMap | kNull, .keys = kBindKeys};
constexpr Key kVolumeUseKeys[] = {{"labels", &kPairs}, {"nocopy", &kFlag}, {"subpath", &kOnlyText}};
constexpr Shaped kVolumeUse{.shapes = kMap | kNull, .keys = kVolumeUseKeys};
constexpr Key kTmpfsKeys[] = {{"size", &kBytes}, {"mode", &kFileMode}};
constexpr Shaped kTmpfs{.shapes = kMap | kNull, .keys = kTmpfsKeys};
constexpr Key kImageUseKeys[] = {{"subpath", &kOnlyText}};
constexpr Shaped kImageUse{.shapes = kMap | kNull, .keys = kImageUseKeys};
constexpr std::string_view kMountWords[] = {"bind", "volume", "tmpfs", "cluster", "npipe", "image"};
constexpr Shaped kMountType{.shapes = kText, .words = kMountWords};
constexpr Key kMountKeys[] = {
    {"type", &kMountType}, {"source", &kOnlyText},  {"target", &kOnlyText}, {"read_only", &kFlag}, {"consistency", &kOnlyText},
    {"bind", &kBind},      {"volume", &kVolumeUse}, {"tmpfs", &kTmpfs},     {"image", &kImageUse},
};
constexpr Shaped kMount{.shapes = kText | kMap, .keys = kMountKeys};
constexpr Shaped kMounts{.shapes = kList, .items = &kMount};

constexpr std::string_view kInContainer = "hooks run in the container, of each replica";
constexpr Key kHookKeys[] = {
    {"command", &kCommand},   {"image", &kOnlyText, kWarned, kInContainer},   {"user", &kWord}, {"privileged", &kFlag}, {"working_dir", &kOnlyText},
    {"environment", &kPairs}, {"per_replica", &kFlag, kWarned, kInContainer},
};
constexpr Shaped kHook{.shapes = kMap, .keys = kHookKeys};
constexpr Shaped kHooks{.shapes = kList, .items = &kHook};

constexpr Key kWatchKeys[] = {
    {"path", &kOnlyText},       {"action", &kOnlyText},    {"target", &kOnlyText},   {"exec", &kHook},
    {"include", &kTextOrTexts}, {"ignore", &kTextOrTexts}, {"initial_sync", &kFlag},
};
constexpr Shaped kWatch{.shapes = kMap, .keys = kWatchKeys};
constexpr Shaped kWatches{.shapes = kList, .items = &kWatch};
constexpr Key kDevelopKeys[] = {{"watch", &kWatches}};
constexpr Shaped kDevelop{.shapes = kMap | kNull, .keys = kDevelopKeys};

constexpr Key kServiceKeys[] = {
    {"profiles", &kTexts},
    {"annotations", &kPairs},
    {"attach", &kFlag},
    {"build", &kBuild},
    {"develop", &kDevelop, kWarned, "there is no watch yet"},
    {"blkio_config", &kBlkio},
    {"cap_add", &kTexts},
    {"cap_drop", &kTexts},
    {"cgroup_parent", &kOnlyText},
    {"cgroup", &kCgroup},
    {"cpu_count", &kInteger},
    {"cpu_percent", &kDecimal},
    {"cpu_period", &kInteger},
    {"cpu_quota", &kInteger},
    {"cpu_rt_period", &kInteger},
    {"cpu_rt_runtime", &kInteger},
    {"cpus", &kDecimal},
    {"cpuset", &kWord},
    {"cpu_shares", &kInteger},
    {"command", &kCommand},
    {"configs", &kFileUses},
    {"container_name", &kOnlyText},
    {"credential_spec", &kCredential, kRefused, "it is for Windows"},
    {"depends_on", &kDependsOn},
    {"deploy", &kDeploy},
    {"device_cgroup_rules", &kTexts},
    {"devices", &kDevices},
    {"dns", &kTextOrTexts},
    {"dns_opt", &kTexts},
    {"dns_search", &kTextOrTexts},
    {"domainname", &kOnlyText},
    {"entrypoint", &kCommand},
    {"provider", &kAnything, kRefused, "providers are programs of Docker's"},
    {"environment", &kPairs},
    {"env_file", &kEnvFiles},
    {"expose", &kWords},
    {"extends", &kExtends},
    {"external_links", &kTexts},
    {"extra_hosts", &kHosts},
    {"group_add", &kWords},
    {"gpus", &kGpus},
    {"hostname", &kOnlyText},
    {"healthcheck", &kHealth},
    {"image", &kOnlyText},
    {"init", &kFlag},
    {"ipc", &kOnlyText},
    {"isolation", &kOnlyText},
    {"labels", &kPairs},
    {"label_file", &kTextOrTexts},
    {"links", &kTexts},
    {"logging", &kLogging},
    {"log_driver", &kOnlyText},
    {"log_opt", &kOptions},
    {"mem_limit", &kBytes},
    {"mem_reservation", &kBytes},
    {"memswap_limit", &kBytes},
    {"mem_swappiness", &kInteger},
    {"mac_address", &kOnlyText},
    {"models", &kAnything, kRefused, "there is no model runner"},
    {"net", &kOnlyText, kRefused, "it belongs to version 1; use network_mode"},
    {"network_mode", &kOnlyText},
    {"networks", &kServiceNetworks},
    {"oom_kill_disable", &kFlag},
    {"oom_score_adj", &kInteger},
    {"pid", &kTextOrNull},
    {"pids_limit", &kInteger},
    {"platform", &kOnlyText},
    {"ports", &kPorts},
    {"privileged", &kFlag},
    {"pull_policy", &kOnlyText},
    {"pull_refresh_after", &kDuration, kWarned, "images are not refreshed by age"},
    {"read_only", &kFlag},
    {"restart", &kOnlyText},
    {"runtime", &kOnlyText},
    {"scale", &kInteger},
    {"secrets", &kFileUses},
    {"security_opt", &kTexts},
    {"shm_size", &kBytes},
    {"stdin_open", &kFlag},
    {"stop_grace_period", &kDuration},
    {"stop_signal", &kWord},
    {"storage_opt", &kOptions},
    {"sysctls", &kPairs},
    {"tmpfs", &kTextOrTexts},
    {"tty", &kFlag},
    {"ulimits", &kUlimits},
    {"use_api_socket", &kFlag, kRefused, "mount the socket as a volume"},
    {"user", &kWord},
    {"userns_mode", &kOnlyText},
    {"uts", &kOnlyText},
    {"volume_driver", &kOnlyText},
    {"volumes", &kMounts},
    {"volumes_from", &kTexts},
    {"working_dir", &kOnlyText},
    {"pre_start", &kHooks, kRefused, "there is nothing to run them in before the start"},
    {"post_start", &kHooks},
    {"pre_stop", &kHooks},
};

// What version 1 has beside or unlike the keys above.
constexpr Key kServiceV1Keys[] = {
    {"build", &kOnlyText},
    {"dockerfile", &kOnlyText},
    {"cap_add", &kTexts},
    {"cap_drop", &kTexts},
    {"cgroup_parent", &kOnlyText},
    {"command", &kCommand},
    {"container_name", &kOnlyText},
    {"cpu_shares", &kInteger},
    {"cpu_quota", &kInteger},
    {"cpuset", &kWord},
    {"devices", &kDevices},
    {"dns", &kTextOrTexts},
    {"dns_search", &kTextOrTexts},
    {"domainname", &kOnlyText},
    {"entrypoint", &kCommand},
    {"env_file", &kEnvFiles},
    {"environment", &kPairs},
    {"expose", &kWords},
    {"extends", &kExtends},
    {"external_links", &kTexts},
    {"extra_hosts", &kHosts},
    {"hostname", &kOnlyText},
    {"image", &kOnlyText},
    {"ipc", &kOnlyText},
    {"labels", &kPairs},
    {"links", &kTexts},
    {"log_driver", &kOnlyText},
    {"log_opt", &kOptions},
    {"mac_address", &kOnlyText},
    {"mem_limit", &kBytes},
    {"memswap_limit", &kBytes},
    {"mem_swappiness", &kInteger},
    {"net", &kOnlyText},
    {"pid", &kTextOrNull},
    {"ports", &kPorts},
    {"privileged", &kFlag},
    {"read_only", &kFlag},
    {"restart", &kOnlyText},
    {"security_opt", &kTexts},
    {"shm_size", &kBytes},
    {"stdin_open", &kFlag},
    {"stop_signal", &kWord},
    {"tty", &kFlag},
    {"ulimits", &kUlimits},
    {"user", &kWord},
    {"volume_driver", &kOnlyText},
    {"volumes", &kMounts},
    {"volumes_from", &kTexts},
    {"working_dir", &kOnlyText},
};

constexpr Shaped kExternal{.shapes = kText | kBool | kMap, .cast = Cast::kBool, .members = &kOnlyText};
constexpr Shaped kAddresses{.shapes = kMap, .members = &kOnlyText};
constexpr Key kPoolKeys[] = {{"subnet", &kOnlyText}, {"gateway", &kOnlyText}, {"ip_range", &kOnlyText}, {"aux_addresses", &kAddresses}};
constexpr Shaped kPool{.shapes = kMap, .keys = kPoolKeys};
constexpr Shaped kPools{.shapes = kList, .items = &kPool};
constexpr Key kIpamKeys[] = {{"driver", &kOnlyText}, {"config", &kPools}, {"options", &kOptions}};
constexpr Shaped kIpam{.shapes = kMap, .keys = kIpamKeys};
constexpr Key kNetworkKeys[] = {
    {"name", &kWord},     {"driver", &kOnlyText}, {"driver_opts", &kOptions}, {"ipam", &kIpam},        {"external", &kExternal},
    {"internal", &kFlag}, {"attachable", &kFlag}, {"labels", &kPairs},        {"enable_ipv4", &kFlag}, {"enable_ipv6", &kFlag},
};
constexpr Shaped kNetwork{.shapes = kMap | kNull, .keys = kNetworkKeys};
constexpr Key kVolumeKeys[] = {{"name", &kWord}, {"driver", &kOnlyText}, {"driver_opts", &kOptions}, {"external", &kExternal}, {"labels", &kPairs}};
constexpr Shaped kVolume{.shapes = kMap | kNull, .keys = kVolumeKeys};
constexpr std::string_view kNoDrivers = "secrets and configs come from files, variables and texts";
constexpr Key kFileObjectKeys[] = {
    {"name", &kWord},
    {"file", &kOnlyText},
    {"environment", &kOnlyText},
    {"content", &kWord},
    {"external", &kExternal},
    {"labels", &kPairs, kWarned, "they are not kept anywhere"},
    {"driver", &kOnlyText, kRefused, kNoDrivers},
    {"driver_opts", &kOptions, kRefused, kNoDrivers},
    {"template_driver", &kOnlyText, kRefused, kNoDrivers},
};
constexpr Shaped kFileObject{.shapes = kMap, .keys = kFileObjectKeys};
constexpr Shaped kNetworks{.shapes = kMap | kNull, .members = &kNetwork};
constexpr Shaped kVolumes{.shapes = kMap | kNull, .members = &kVolume};
constexpr Shaped kFileObjects{.shapes = kMap | kNull, .members = &kFileObject};
constexpr Shaped kServices{.shapes = kMap | kNull, .members = &kServiceShape};
constexpr Key kIncludeKeys[] = {{"path", &kTextOrTexts}, {"project_directory", &kOnlyText}, {"env_file", &kTextOrTexts}};
constexpr Shaped kInclude{.shapes = kText | kMap, .keys = kIncludeKeys};
constexpr Shaped kIncludes{.shapes = kList, .items = &kInclude};
constexpr Key kFileKeys[] = {
    {"version", &kWord},        {"name", &kWord},           {"include", &kIncludes},
    {"services", &kServices},   {"networks", &kNetworks},   {"volumes", &kVolumes},
    {"secrets", &kFileObjects}, {"configs", &kFileObjects}, {"models", &kAnything, kRefused, "there is no model runner"},
};

}  // namespace

constexpr Shaped kServiceShape{.shapes = kMap, .keys = kServiceKeys};
constexpr Shaped kServiceV1Shape{.shapes = kMap, .keys = kServiceV1Keys};
constexpr Shaped kFileShape{.shapes = kMap, .keys = kFileKeys};

}  // namespace reigen::compose
