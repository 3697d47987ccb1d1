#include "docker/api_version.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

namespace reigen::docker {

std::string ApiVersion::str() const { return fmt::format("{}.{}", major, minor); }

bool is_version_segment(std::string_view segment) {
  return segment.size() > 1 && segment[0] == 'v' && std::ranges::all_of(segment.substr(1), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

namespace {

// A part that is missing counts as 0, one too long for an int as the highest.
int take_part(std::string_view& text) {
  std::string_view digits = text.substr(0, text.find('.'));
  text.remove_prefix(std::min(text.size(), digits.size() + 1));
  int value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc::result_out_of_range ? 1'000'000 : value;
}

}  // namespace

Result<ApiVersion> negotiate(std::string_view segment) {
  if (!is_version_segment(segment)) return fail(Code::kNotFound, "page not found");
  std::string_view text = segment.substr(1);
  std::string_view rest = text;
  ApiVersion version;
  version.major = take_part(rest);
  version.minor = take_part(rest);
  if (version < kOldestVersion) {
    return fail(Code::kInvalidArgument,
                fmt::format("client version {} is too old. Minimum supported API version is {}, please upgrade your client to a newer version", text,
                            kOldestVersion.str()));
  }
  if (version > kNewestVersion)
    return fail(Code::kInvalidArgument, fmt::format("client version {} is too new. Maximum supported API version is {}", text, kNewestVersion.str()));
  return version;
}

}  // namespace reigen::docker
