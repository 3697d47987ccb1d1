// The labels Compose puts on what it makes, by which it finds it again, and the hash by which it sees that a service has changed.
#pragma once

#include <string>
#include <string_view>

#include "api/value.h"
#include "compose/model.h"

namespace reigen::compose {

inline constexpr std::string_view kProjectLabel = "com.docker.compose.project";
inline constexpr std::string_view kServiceLabel = "com.docker.compose.service";
inline constexpr std::string_view kNumberLabel = "com.docker.compose.container-number";
inline constexpr std::string_view kOneOffLabel = "com.docker.compose.oneoff";
inline constexpr std::string_view kHashLabel = "com.docker.compose.config-hash";
inline constexpr std::string_view kImageLabel = "com.docker.compose.image";
inline constexpr std::string_view kSlugLabel = "com.docker.compose.slug";
inline constexpr std::string_view kVersionLabel = "com.docker.compose.version";
inline constexpr std::string_view kNetworkLabel = "com.docker.compose.network";
inline constexpr std::string_view kVolumeLabel = "com.docker.compose.volume";
inline constexpr std::string_view kDirectoryLabel = "com.docker.compose.project.working_dir";
inline constexpr std::string_view kFilesLabel = "com.docker.compose.project.config_files";
inline constexpr std::string_view kVersion = "2.26.1";  // whose manners these are

// Hex. What changes it, recreates containers: everything of the service but how it is built, scaled, pulled and ordered, and the names of the
// resources it uses with the contents that are copied in.
std::string service_hash(const Project& project, const Service& service);
// Of a network or volume as it is declared.
std::string resource_hash(const Resource& resource);

// Those of a container, without hash and image.
api::Value container_labels(const Project& project, const Service& service, int number, bool one_off);
api::Value resource_labels(const Project& project, const Resource& resource, std::string_view key_label);

// A filter of lists: {"label":["com.docker.compose.project=NAME",...]}.
std::string project_filter(std::string_view project, std::initializer_list<std::string> more = {});

// What a config or secret from a variable or a text holds; nullopt for files.
std::optional<std::string> inline_content(const Project& project, const Resource& object);

}  // namespace reigen::compose
