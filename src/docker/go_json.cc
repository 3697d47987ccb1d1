#include "docker/go_json.h"

#include <fmt/core.h>
#include <time.h>

#include <chrono>

namespace reigen::docker {

std::string go_json(const api::Value& value) {
  std::string out = api::to_json(value, {.escape_html = false});
  out += '\n';
  return out;
}

std::string message_json(std::string_view text) { return go_json(api::Value::object({{"message", text}})); }

Result<api::Value> read_json(std::string_view body) {
  size_t begin = body.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return fail(Code::kInvalidArgument, "invalid JSON: got EOF while reading request body");
  auto value = api::parse_json(body, {.max_depth = 200, .max_bytes = 4u << 20});
  if (value) return value;
  std::string why = value.error().message();
  if (why.find("after top-level value") != std::string::npos) return fail(Code::kInvalidArgument, "unexpected content after JSON");
  if (why == "unexpected end of JSON input") why = "unexpected EOF";
  return fail(Code::kInvalidArgument, "invalid JSON: " + why);
}

std::string go_time(WallTime time) {
  auto ns = time.time_since_epoch().count();
  int64_t seconds = ns / 1'000'000'000;
  int64_t fraction = ns % 1'000'000'000;
  if (fraction < 0) {
    fraction += 1'000'000'000;
    --seconds;
  }
  time_t whole = seconds;
  tm parts{};
  gmtime_r(&whole, &parts);
  std::string out =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  if (fraction != 0) {
    std::string digits = fmt::format("{:09}", fraction);
    digits.erase(digits.find_last_not_of('0') + 1);
    out += "." + digits;
  }
  return out + "Z";
}

}  // namespace reigen::docker
