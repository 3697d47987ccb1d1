#include "apiserver/validation/windows_options.h"

#include <algorithm>

#include "api/corev1.h"
#include "api/validation.h"
#include "apiserver/validation/report.h"

namespace reigen::apiserver {
namespace {

bool is_control(char c) { return (c >= 0 && c < 0x20) || c == 0x7f; }
bool is_alnum(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// One to 15 characters, none of which file names may not have; no dot first.
bool is_netbios(std::string_view name) {
  return !name.empty() && name.size() <= 15 && name[0] != '.' && name.find_first_of("\\/:*?\"<>|") == std::string_view::npos;
}

bool is_dns(std::string_view name) {
  while (true) {
    size_t dot = name.find('.');
    std::string_view label = name.substr(0, dot);
    if (label.empty() || label.size() > 63 || !is_alnum(label.front()) || !is_alnum(label.back())) return false;
    if (!std::ranges::all_of(label, [](char c) { return is_alnum(c) || c == '-'; })) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

// DOMAIN\user or user.
void check_user_name(const std::string& name, const FieldPath& path, FieldErrors& errors) {
  auto bad = [&](std::string text) { reject(errors, path, name, "runAsUserName" + std::move(text)); };
  if (name.empty()) return bad(" cannot be an empty string");
  if (std::ranges::any_of(name, is_control)) return bad(" cannot contain control characters");
  if (std::ranges::count(name, '\\') > 1) return bad(" cannot contain more than one backslash");
  size_t slash = name.find('\\');
  bool has_domain = slash != std::string::npos;
  std::string_view domain = has_domain ? std::string_view(name).substr(0, slash) : std::string_view();
  std::string_view user = has_domain ? std::string_view(name).substr(slash + 1) : std::string_view(name);
  if (domain.size() >= 256) bad("'s Domain length must be under 256 characters");
  if (has_domain && !is_netbios(domain) && !is_dns(domain)) bad("'s Domain doesn't match the NetBios nor the DNS format");
  if (user.empty()) bad("'s User cannot be empty");
  else if (user.size() > 104) bad("'s User length must not be longer than 104 characters");
  if (!user.empty() && user.find_first_not_of(". ") == std::string_view::npos) bad("'s User cannot contain only periods or spaces");
  if (user.find_first_of("\"/\\:;|=,+*?<>@[]") != std::string_view::npos) bad("'s User cannot contain the following characters: \"/\\:;|=,+*?<>@[]");
}

}  // namespace

void validate_windows_options(const api::corev1::WindowsSecurityContextOptions* options, const FieldPath& path, FieldErrors& errors) {
  if (!options) return;
  if (options->gmsa_credential_spec_name) check_dns_subdomain(errors, path.child("gmsaCredentialSpecName"), *options->gmsa_credential_spec_name);
  if (options->gmsa_credential_spec) {
    FieldPath at = path.child("gmsaCredentialSpec");
    if (options->gmsa_credential_spec->empty()) reject(errors, at, "", "gmsaCredentialSpec cannot be an empty string");
    else if (options->gmsa_credential_spec->size() > 64 * 1024)
      reject(errors, at, *options->gmsa_credential_spec, "gmsaCredentialSpec size must be under 64 KiB");
  }
  if (options->run_as_user_name) check_user_name(*options->run_as_user_name, path.child("runAsUserName"), errors);
}

}  // namespace reigen::apiserver
