// What the words of an instruction mean, without the job.
#include <algorithm>
#include <array>
#include <charconv>

#include "build/build_job.h"

namespace reigen::build {

std::string joined(const std::vector<std::string>& list) {
  std::string out;
  for (const auto& item : list) out += std::to_string(item.size()) + ":" + item;
  return out;
}

bool is_proxy_argument(std::string_view name) {
  constexpr std::array names = {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY",
                                "ftp_proxy",  "NO_PROXY",   "no_proxy",    "ALL_PROXY",   "all_proxy"};
  return std::ranges::find(names, name) != names.end();
}

// The flags of RUN as BuildKit reads them: "default" is the host's network here, so "host" is the same.
Result<bool> run_has_network(const Instruction& instruction) {
  bool network = true;
  for (const auto& [flag, values] : instruction.flags) {
    const std::string& value = values.back();
    if (flag == "network" && (value == "none" || value == "host" || value == "default")) {
      network = value != "none";
    } else if (flag == "network") {
      return fail(Code::kInvalidArgument, "--network must be default, host or none, not \"" + value + "\"");
    } else if (flag != "mount" && (flag != "security" || value != "sandbox")) {
      return fail(Code::kUnimplemented, "--" + flag + (flag == "security" ? "=" + value : "") + " is not supported");
    }
  }
  return network;
}

Result<std::optional<uint32_t>> parse_mode(const std::string& text) {
  if (text.empty()) return std::optional<uint32_t>();
  uint32_t mode = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error != std::errc() || end != text.data() + text.size() || mode > 07777)
    return fail(Code::kInvalidArgument, "--chmod wants an octal mode, not \"" + text + "\"");
  return std::optional(mode);
}

Result<std::map<std::string, std::string>> copy_flags(const Stage& stage, const Instruction& instruction) {
  std::map<std::string, std::string> out;
  for (const auto& [flag, values] : instruction.flags) {
    bool known = flag == "chown" || flag == "chmod" || flag == "link" || (flag == "from" && instruction.keyword == "COPY");
    if (!known) return fail(Code::kInvalidArgument, "Unknown flag: " + flag);
    TRY_ASSIGN(out[flag], expand_word(values.back(), stage.escape, stage.lookup()));
  }
  return out;
}

}  // namespace reigen::build
