#include "runtime/record.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/fd.h"
#include "base/files.h"

namespace reigen::runtime {
namespace {

constexpr size_t kRecordLimit = 4 << 20;

void append_escaped(std::string& out, std::string_view text) {
  for (char c : text) {
    if (c == '\\') out += "\\\\";
    else if (c == '\n') out += "\\n";
    else if (c == '=') out += "\\e";
    else out += c;
  }
}

std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    char next = text[++i];
    out += next == 'n' ? '\n' : next == 'e' ? '=' : next;
  }
  return out;
}

}  // namespace

std::string Record::get(const std::string& key) const {
  auto it = values_.find(key);
  return it == values_.end() || it->second.empty() ? "" : it->second.front();
}

int64_t Record::number(const std::string& key) const { return std::strtoll(get(key).c_str(), nullptr, 10); }

std::vector<std::string> Record::all(const std::string& key) const {
  auto it = values_.find(key);
  return it == values_.end() ? std::vector<std::string>() : it->second;
}

void Record::set_labels(const std::map<std::string, std::string>& labels) {
  for (const auto& [name, value] : labels) set("label:" + name, value);
}

std::map<std::string, std::string> Record::labels() const {
  std::map<std::string, std::string> out;
  for (auto it = values_.lower_bound("label:"); it != values_.end() && it->first.starts_with("label:"); ++it) {
    if (!it->second.empty()) out[it->first.substr(6)] = it->second.front();
  }
  return out;
}

std::string Record::encode() const {
  std::string out;
  for (const auto& [key, values] : values_) {
    for (const auto& value : values) {
      append_escaped(out, key);
      out += '=';
      append_escaped(out, value);
      out += '\n';
    }
  }
  return out += "end\n";
}

Result<Record> Record::decode(std::string_view text) {
  Record record;
  bool whole = false;
  while (!text.empty()) {
    size_t end = text.find('\n');
    if (end == std::string_view::npos) break;
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line == "end") {
      whole = true;
      break;
    }
    size_t equals = line.find('=');
    if (equals == std::string_view::npos) return fail(Code::kDataLoss, "a line without =");
    record.values_[unescape(line.substr(0, equals))].push_back(unescape(line.substr(equals + 1)));
  }
  if (!whole) return fail(Code::kDataLoss, "the record is cut");
  return record;
}

Status Record::save(const std::string& path) const { return write_unsynced(path, encode()); }

Result<Record> Record::load(const std::string& path) {
  TRY_ASSIGN(std::string text, read_file(path, kRecordLimit));
  auto record = decode(text);
  if (!record) return fail(record.error().context(path));
  return record;
}

Status write_unsynced(const std::string& path, std::string_view data, unsigned mode) {
  std::string temporary = path + ".new";
  {
    Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (!fd) return fail_errno("create " + temporary);
    while (!data.empty()) {
      ssize_t count = ::write(fd.get(), data.data(), data.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return fail_errno("write " + temporary);
      data.remove_prefix(static_cast<size_t>(count));
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return fail_errno("rename " + temporary);
  return {};
}

}  // namespace reigen::runtime
