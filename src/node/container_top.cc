#include "node/container_top.h"

#include <algorithm>
#include <charconv>

#include "apiserver/docker_error.h"
#include "base/process.h"

namespace reigen::node {
namespace {

constexpr std::string_view kBlanks = " \t\n\f\r";
constexpr auto kLimit = std::chrono::seconds(10);

std::vector<std::string> fields_of(std::string_view text) {
  std::vector<std::string> out;
  for (size_t at = text.find_first_not_of(kBlanks); at != std::string_view::npos; at = text.find_first_not_of(kBlanks, at)) {
    size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
    out.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return out;
}

Fail refused(std::string text) { return fail(apiserver::docker_error(500, std::move(text))); }

// "-o foo=PID" would show another column under the title that tells the pids.
Status check_titles(const std::string& arguments) {
  for (size_t at = arguments.find('='); at != std::string::npos; at = arguments.find('=', at + 1)) {
    size_t value = arguments.find_first_not_of(kBlanks, at + 1);
    if (value == std::string::npos || arguments.compare(value, 3, "PID") != 0) continue;
    size_t begin = arguments.find_last_of(kBlanks, at);
    std::string key = arguments.substr(begin == std::string::npos ? 0 : begin + 1, at - (begin == std::string::npos ? 0 : begin + 1));
    key = key.substr(key.rfind(',') == std::string::npos ? 0 : key.rfind(',') + 1);
    if (key == "pid") continue;
    std::string title = arguments.substr(value, arguments.find_first_of(kBlanks, value) - value);
    return refused("specifying \"" + key + "=" + title + "\" is not allowed");
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> ps_words(const std::string& arguments) {
  TRY(check_titles(arguments));
  auto words = fields_of(arguments);
  for (const auto& word : words) {
    bool plain = std::all_of(word.begin(), word.end(), [](unsigned char c) {
      return std::isalnum(c) || std::string_view("-_,=:%.").find(static_cast<char>(c)) != std::string_view::npos;
    });
    if (!plain) return refused("ps: unsupported argument " + word);
  }
  if (words.empty()) words.emplace_back("-ef");
  return words;
}

Result<apiserver::TopResult> parse_ps(std::string_view output, const std::vector<int>& pids) {
  apiserver::TopResult out;
  size_t end = std::min(output.find('\n'), output.size());
  out.titles = fields_of(output.substr(0, end));
  auto column = std::find(out.titles.begin(), out.titles.end(), "PID");
  if (column == out.titles.end()) return refused("Couldn't find PID field in ps output");
  size_t index = static_cast<size_t>(column - out.titles.begin()), count = out.titles.size();
  bool threads = false;  // lines with "-" belong to the process before
  while (end < output.size()) {
    output.remove_prefix(end + 1);
    end = std::min(output.find('\n'), output.size());
    auto fields = fields_of(output.substr(0, end));
    if (fields.size() <= index) continue;
    int pid = 0;
    bool part = fields[index] == "-";
    if (!part) {
      auto [last, error] = std::from_chars(fields[index].data(), fields[index].data() + fields[index].size(), pid);
      if (error != std::errc()) return refused("Unexpected pid '" + fields[index] + "': strconv.Atoi: parsing \"" + fields[index] + "\": invalid syntax");
      threads = std::find(pids.begin(), pids.end(), pid) != pids.end();
    }
    if (!threads) continue;
    for (size_t i = count; i < fields.size(); ++i) fields[count - 1] += " " + fields[i];
    fields.resize(count);
    out.processes.push_back(std::move(fields));
  }
  return out;
}

Result<apiserver::TopResult> run_ps(const std::string& arguments, const std::vector<int>& pids) {
  TRY_ASSIGN(auto words, ps_words(arguments));
  Command command;
  command.argv = {"ps"};
  command.argv.insert(command.argv.end(), words.begin(), words.end());
  command.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C"};
  command.output_limit = 16 << 20;
  command.timeout = kLimit;
  auto output = run_command(command);
  if (!output) return refused("ps: " + output.error().message());
  if (output->exit_code != 0) return refused("ps: " + output->err.substr(0, output->err.find('\n')));
  return parse_ps(output->out, pids);
}

}  // namespace reigen::node
