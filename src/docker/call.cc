#include "docker/call.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "docker/error_answer.h"
#include "docker/go_json.h"
#include "docker/version_table.h"

namespace reigen::docker {

namespace {

std::string lower(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  text = text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// The media type of a header, without its parameters.
std::string media_type(std::string_view header) { return lower(header.substr(0, header.find(';'))); }

}  // namespace

bool Call::flag(std::string_view name) const {
  std::string value = lower(arg(name));
  return !(value.empty() || value == "0" || value == "no" || value == "false" || value == "none");
}

Result<int64_t> Call::number(std::string_view name, int64_t absent) const {
  std::string_view value = arg(name);
  if (value.empty()) return absent;
  int64_t out = 0;
  std::string_view digits = value[0] == '+' && value.size() > 1 && value[1] != '-' ? value.substr(1) : value;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  if (error == std::errc::result_out_of_range) return fail(unreadable(fmt::format("strconv.Atoi: parsing \"{}\": value out of range", value)));
  if (error != std::errc() || end != digits.data() + digits.size()) return fail(unreadable(fmt::format("strconv.Atoi: parsing \"{}\": invalid syntax", value)));
  return out;
}

Result<std::pair<int, int>> Call::terminal_size() const {
  int size[2] = {};
  for (auto [i, name] : {std::pair{0, "h"}, {1, "w"}}) {
    if (arg(name).empty()) return fail(Code::kInvalidArgument, R"(strconv.Atoi: parsing "": invalid syntax)");
    TRY_ASSIGN(int64_t value, as_bad_request(number(name, 0)));
    if (value < 0 || value > 65535) return fail(Code::kInvalidArgument, "invalid size of a terminal");
    size[i] = static_cast<int>(value);
  }
  return std::pair{size[0], size[1]};
}

Result<api::Value> Call::json_body(bool may_be_empty) const {
  std::string_view header = request->headers.get("Content-Type");
  if (request->body.empty() && may_be_empty) return api::Value();
  if (!request->body.empty() || !header.empty()) {
    std::string type = media_type(header);
    if (type != "application/json") return fail(Code::kInvalidArgument, fmt::format("Content-Type specified ({}) must be 'application/json'", header));
  }
  return as_unreadable(read_json(request->body));
}

http::Headers answer_headers(std::string_view content_type) {
  http::Headers headers{{"Api-Version", kNewestVersion.str()},
                        {"Docker-Experimental", "false"},
                        {"Ostype", "linux"},
                        {"Server", fmt::format("Docker/{} (linux)", kServerVersion)}};
  if (!content_type.empty()) headers.add("Content-Type", std::string(content_type));
  return headers;
}

void Call::json(int status, api::Value value, std::string_view endpoint) {
  if (!endpoint.empty()) bring_down(value, endpoint, version);
  json_text(status, go_json(value));
}

void Call::json_text(int status, std::string line) { responder->send(status, answer_headers("application/json"), std::move(line)); }

void Call::empty(int status) { responder->send(status, answer_headers({}), {}); }

void Call::text(int status, std::string body) { responder->send(status, answer_headers("text/plain; charset=utf-8"), std::move(body)); }

void Call::error(const Error& error) {
  int status = status_of(error, version);
  if (status == 304) return empty(status);
  json_text(status, message_json(error.message()));
}

}  // namespace reigen::docker
