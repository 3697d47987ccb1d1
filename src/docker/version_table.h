// Where versions of the API differ, all of it: `since` names what began when (before: as it says), and the rows of version_table.cc are the
// members of answers. Nothing else in the module has a version's number. Each version gets what its own release gave.
#pragma once

#include <string_view>

#include "api/value.h"
#include "docker/api_version.h"

namespace reigen::docker {

namespace since {

// Endpoints; before, their paths are not found.
inline constexpr ApiVersion kPrune{1, 25}, kUsage{1, 25}, kSecrets{1, 25}, kConfigs{1, 30}, kDistribution{1, 30}, kBuildPrune{1, 31}, kBuildCancel{1, 39},
    kVolumeUpdate{1, 42};

// What is taken from requests; before, ignored unless said otherwise.
inline constexpr ApiVersion kAutoRemove{1, 25}, kExecEnv{1, 25}, kBuildCacheFrom{1, 25} /* and networkmode */;
inline constexpr ApiVersion kBuildExtraHosts{1, 28}, kUpdateNanoCpus{1, 28};
inline constexpr ApiVersion kWaitCondition{1, 30};  // and the head leaves at once; before: at the end, and not-running always
inline constexpr ApiVersion kCopyOwner{1, 30};
inline constexpr ApiVersion kImagePlatform{1, 32};  // of pull, import and build
inline constexpr ApiVersion kExecWorkingDir{1, 35}, kLogsUntil{1, 35};
inline constexpr ApiVersion kUpdatePidsLimit{1, 40}, kNonRecursiveBinds{1, 40}, kKernelMemoryTcp{1, 40} /* until kNoKernelMemory */;
inline constexpr ApiVersion kPrivateIpc{1, 40};  // by default; before: shareable
inline constexpr ApiVersion kCreatePlatform{1, 41}, kOneShotStats{1, 41}, kCgroupNamespace{1, 41} /* before: the host's with cgroups v1 */;
inline constexpr ApiVersion kNoImageFilter{1, 41};     // ?filter= of the list, which was `reference`
inline constexpr ApiVersion kBadWaitCondition{1, 42};  // refused; before: not-running
inline constexpr ApiVersion kStopSignal{1, 42}, kConsoleSize{1, 42}, kCreateMountpoint{1, 42}, kUsageTypes{1, 42}, kSharedSize{1, 42};
inline constexpr ApiVersion kNoKernelMemory{1, 42};      // ignored from then on
inline constexpr ApiVersion kStrictMountOptions{1, 42};  // those of another type are refused; before: dropped
inline constexpr ApiVersion kAnonymousPrune{1, 42};      // of volumes, unless `all`; before: all that are unused
inline constexpr ApiVersion kWebsocketStreams{1, 42};    // before: always all three
inline constexpr ApiVersion kAnnotations{1, 43};
inline constexpr ApiVersion kStartInterval{1, 44}, kSeveralEndpoints{1, 44} /* refused */, kReadOnlyRecursive{1, 44} /* before: never, and its force refused */;
inline constexpr ApiVersion kCanonicalSubnets{1, 44};  // of networks; before: 10.1.2.3/24 is 10.1.2.0/24
inline constexpr ApiVersion kEndpointMac{1, 44};       // before: the container's, Config.MacAddress, alone
inline constexpr ApiVersion kVolumeSubpath{1, 45};     // before: refused
inline constexpr ApiVersion kTmpfsOptions{1, 46}, kPushPlatform{1, 46};
inline constexpr ApiVersion kDefaultIsBridge{1, 46};    // the network mode `default` is called `bridge` from then on
inline constexpr ApiVersion kSysctlsByEndpoint{1, 48};  // those of eth0; before: moved to the endpoint's DriverOpts, with a warning
inline constexpr ApiVersion kGatewayPriority{1, 48}, kEnableIpv4{1, 48}, kImageMounts{1, 48} /* before: refused */, kArchivePlatform{1, 48};
inline constexpr ApiVersion kVolumeDriverWarning{1, 48};

// What the classic builder's own containers are created as: 20.10's.
inline constexpr ApiVersion kBuilders{1, 41};

// What answers and streams are; members of answers are in version_table.cc.
inline constexpr ApiVersion kSecurityOptionFields{1, 25};  // of /info: "name=x,profile=y"; before: names
inline constexpr ApiVersion kBinaryWebsocket{1, 28};       // before: text frames
inline constexpr ApiVersion kBareNetworks{1, 28};          // the list without containers
inline constexpr ApiVersion kBuildAux{1, 30};
inline constexpr ApiVersion kExecDieEvent{1, 36}, kPruneEvents{1, 41}, kImageCreateEvent{1, 46};
inline constexpr ApiVersion kVolumeCreatedOnce{1, 42};  // before: the event came with every create of the name
inline constexpr ApiVersion kMultiplexedType{1, 42};    // the content type of framed streams; before: raw-stream, and none for logs
inline constexpr ApiVersion kExecNotFound{1, 42};       // 127 is the exit code of a program that is not there; before: 126
inline constexpr ApiVersion kUnreadable{1, 42};         // of a request that cannot be read: 400; before: 500
inline constexpr ApiVersion kNoWaitError{1, 42};        // omitted when there is none; since kWaitCondition: null
inline constexpr ApiVersion kSeccompBuiltin{1, 42};     // the profile's name in /info; before: default
inline constexpr ApiVersion kAnonymousLabel{1, 42};     // of volumes
inline constexpr ApiVersion kNoNoneTags{1, 43};         // before: <none>:<none>
inline constexpr ApiVersion kNoVirtualSize{1, 44};      // before: Size again
inline constexpr ApiVersion kOwnAliasesOnly{1, 45};     // of inspect; before: the short id and the hostname too
inline constexpr ApiVersion kNoImageContainer{1, 45};   // Container and ContainerConfig of image inspect
inline constexpr ApiVersion kPlainImageConfig{1, 50};   // without a container's fields, which were empty

}  // namespace since

// Applies the rows of `endpoint` that hold for `version`. A list is brought down element by element where the row's pointer begins with "/*".
// Names: "container.inspect", "container.list", "info", "version", "network.inspect", "network.list", "image.inspect", "image.list", "volume",
// "df", "stats", "prune".
void bring_down(api::Value& answer, std::string_view endpoint, ApiVersion version);

}  // namespace reigen::docker
