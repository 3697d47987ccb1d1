// Sources of storage systems.

#include <algorithm>

#include "api/validation.h"
#include "apiserver/validation/go_value.h"
#include "apiserver/validation/pod_parts.h"

namespace reigen::apiserver {
namespace {

using namespace api::corev1;

bool is_alnum(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// iqn.YYYY-MM.naming-authority:unique-name
bool is_iqn(std::string_view name) {
  constexpr std::string_view pattern = "iqn.dddd-dd.";
  if (name.size() < pattern.size()) return false;
  for (size_t i = 0; i < pattern.size(); ++i)
    if (pattern[i] == 'd' ? !is_digit(name[i]) : name[i] != pattern[i]) return false;
  name.remove_prefix(pattern.size());
  size_t colon = name.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon + 1 == name.size()) return false;
  auto in_authority = [](char c) { return is_alnum(c) || c == '-' || c == '.'; };
  if (!std::ranges::all_of(name.substr(0, colon), in_authority)) return false;
  return name.substr(colon + 1).find_first_of(",;*&$| \t\n\v\f\r") == std::string_view::npos;
}

// eui and naa: a prefix, any character, a number of letters and digits.
bool is_fixed_name(std::string_view name, size_t length) { return name.size() == 4 + length && std::ranges::all_of(name.substr(4), is_alnum); }

bool has_known_start(std::string_view name) { return name.starts_with("iqn") || name.starts_with("eui") || name.starts_with("naa"); }

bool is_initiator(std::string_view name) {
  if (name.starts_with("iqn")) return is_iqn(name);
  return is_fixed_name(name, name.starts_with("eui") ? 16 : 32);
}

void check_initiator(FieldErrors& errors, const FieldPath& path, const std::string& name) {
  if (!has_known_start(name)) reject(errors, path, name, "must be valid format starting with iqn, eui, or naa");
  else if (!is_initiator(name)) reject(errors, path, name, "must be valid format");
}

void check_partition(FieldErrors& errors, const FieldPath& path, int32_t partition) {
  if (partition < 0 || partition > 255) reject(errors, path, partition, api::inclusive_range_message(1, 255));
}

void check_secret_ref(FieldErrors& errors, const FieldPath& path, const api::Box<LocalObjectReference>& secret) {
  if (secret && secret->name.empty()) require(errors, path);
}

// As Go's net.SplitHostPort accepts it: one port, brackets around what has colons.
bool is_host_port(std::string_view text) {
  size_t last = text.rfind(':');
  if (last == std::string_view::npos) return false;
  std::string_view host = text.substr(0, last);
  if (host.starts_with('[')) return host.ends_with(']') && host.find_first_of("[]", 1) == host.size() - 1;
  return host.find_first_of(":[]") == std::string_view::npos && text.substr(last + 1).find_first_of("[]") == std::string_view::npos;
}

}  // namespace

bool is_iscsi_name(std::string_view name) { return has_known_start(name) && is_initiator(name); }

void validate_source(const HostPathVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.path.empty()) return require(errors, path.child("path"));
  check_no_backsteps(errors, path.child("path"), source.path);
  if (source.type)
    check_choice(errors, path.child("type"), *source.type,
                 {"", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"});
}

void validate_source(const ISCSIVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.target_portal.empty()) require(errors, path.child("targetPortal"));
  if (source.iqn.empty()) require(errors, path.child("iqn"));
  else check_initiator(errors, path.child("iqn"), source.iqn);
  if (source.lun < 0 || source.lun > 255) reject(errors, path.child("lun"), source.lun, api::inclusive_range_message(0, 255));
  if ((source.chap_auth_discovery || source.chap_auth_session) && !source.secret_ref) require(errors, path.child("secretRef"));
  if (source.initiator_name) check_initiator(errors, path.child("initiatorname"), *source.initiator_name);
}

void validate_source(const FCVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  FieldPath wwns = path.child("targetWWNs");
  if (source.target_wwns.empty() && source.wwids.empty()) require(errors, wwns, "must specify either targetWWNs or wwids, but not both");
  if (source.target_wwns.empty()) return;
  if (!source.wwids.empty()) reject(errors, wwns, go_value(source.target_wwns), "targetWWNs and wwids can not be specified simultaneously");
  if (!source.lun) require(errors, path.child("lun"), "lun is required if targetWWNs is specified");
  else if (*source.lun < 0 || *source.lun > 255) reject(errors, path.child("lun"), *source.lun, api::inclusive_range_message(0, 255));
}

void validate_source(const GCEPersistentDiskVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.pd_name.empty()) require(errors, path.child("pdName"));
  check_partition(errors, path.child("partition"), source.partition);
}

void validate_source(const AWSElasticBlockStoreVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.volume_id.empty()) require(errors, path.child("volumeID"));
  check_partition(errors, path.child("partition"), source.partition);
}

void validate_source(const NFSVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.server.empty()) require(errors, path.child("server"));
  if (source.path.empty()) require(errors, path.child("path"));
  if (!source.path.starts_with('/')) reject(errors, path.child("path"), source.path, "must be an absolute path");
}

void validate_source(const QuobyteVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  constexpr std::string_view pairs = "must be a host:port pair or multiple pairs separated by commas";
  if (source.registry.empty()) {
    require(errors, path.child("registry"), std::string(pairs));
  } else if (source.tenant.size() >= 65) {
    require(errors, path.child("tenant"), "must be a UUID and may not exceed a length of 64 characters");
  } else {
    std::string_view rest = source.registry;
    while (true) {
      size_t comma = rest.find(',');
      if (!is_host_port(rest.substr(0, comma))) reject(errors, path.child("registry"), source.registry, std::string(pairs));
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  if (source.volume.empty()) require(errors, path.child("volume"));
}

void validate_source(const GlusterfsVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.endpoints.empty()) require(errors, path.child("endpoints"));
  if (source.path.empty()) require(errors, path.child("path"));
}

void validate_source(const FlockerVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.dataset_name.empty() && source.dataset_uuid.empty()) require(errors, path, "one of datasetName and datasetUUID is required");
  if (!source.dataset_name.empty() && !source.dataset_uuid.empty())
    reject(errors, path, "resource", "datasetName and datasetUUID can not be specified simultaneously");
  if (source.dataset_name.find('/') != std::string::npos) reject(errors, path.child("datasetName"), source.dataset_name, "must not contain '/'");
}

void validate_source(const RBDVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.monitors.empty()) require(errors, path.child("monitors"));
  if (source.image.empty()) require(errors, path.child("image"));
}

void validate_source(const CinderVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.volume_id.empty()) require(errors, path.child("volumeID"));
  check_secret_ref(errors, path.child("secretRef.name"), source.secret_ref);
}

void validate_source(const CephFSVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.monitors.empty()) require(errors, path.child("monitors"));
}

void validate_source(const FlexVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.driver.empty()) require(errors, path.child("driver"));
  for (const auto& [key, value] : source.options) {
    std::string name = "." + key.substr(0, key.find('/'));
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (name.ends_with(".kubernetes.io") || name.ends_with(".k8s.io"))
      reject(errors, path.child("options", key), key, "kubernetes.io and k8s.io namespaces are reserved");
  }
}

void validate_source(const AzureFileVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.secret_name.empty()) require(errors, path.child("secretName"));
  if (source.share_name.empty()) require(errors, path.child("shareName"));
}

void validate_source(const AzureDiskVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.disk_name.empty()) require(errors, path.child("diskName"));
  if (source.disk_uri.empty()) require(errors, path.child("diskURI"));
  if (source.caching_mode) check_choice(errors, path.child("cachingMode"), *source.caching_mode, {"None", "ReadOnly", "ReadWrite"});
  if (!source.kind) return;
  check_choice(errors, path.child("kind"), *source.kind, {"Dedicated", "Managed", "Shared"});
  bool managed = *source.kind == "Managed";
  if (managed && !source.disk_uri.starts_with("/subscriptions/"))
    report_unsupported(errors, path.child("diskURI"), source.disk_uri,
                       {"/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"});
  if (!managed && !source.disk_uri.starts_with("https://"))
    report_unsupported(errors, path.child("diskURI"), source.disk_uri, {"https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"});
}

void validate_source(const VsphereVirtualDiskVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.volume_path.empty()) require(errors, path.child("volumePath"));
}

void validate_source(const PhotonPersistentDiskVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.pd_id.empty()) require(errors, path.child("pdID"));
}

void validate_source(const PortworxVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.volume_id.empty()) require(errors, path.child("volumeID"));
}

void validate_source(const ScaleIOVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.gateway.empty()) require(errors, path.child("gateway"));
  if (source.system.empty()) require(errors, path.child("system"));
  if (source.volume_name.empty()) require(errors, path.child("volumeName"));
}

void validate_source(const StorageOSVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  if (source.volume_name.empty()) require(errors, path.child("volumeName"));
  else check_dns_label(errors, path.child("volumeName"), source.volume_name);
  if (!source.volume_namespace.empty()) check_dns_label(errors, path.child("volumeNamespace"), source.volume_namespace);
  check_secret_ref(errors, path.child("secretRef.name"), source.secret_ref);
}

void validate_source(const CSIVolumeSource& source, const FieldPath& path, FieldErrors& errors) {
  FieldPath driver = path.child("driver");
  if (source.driver.empty()) require(errors, driver);
  if (source.driver.size() > 63) errors.push_back(api::FieldError::too_long(driver, 63));
  std::string lower = source.driver;
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  api::add_invalid(errors, driver, source.driver, api::is_dns1123_subdomain(lower));
  if (!source.node_publish_secret_ref) return;
  const std::string& secret = source.node_publish_secret_ref->name;
  if (secret.empty()) require(errors, path.child("nodePublishSecretRef.name"));
  else check_dns_subdomain(errors, path.child("name"), secret);
}

}  // namespace reigen::apiserver
