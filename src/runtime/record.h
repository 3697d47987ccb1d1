// Record: what a runtime remembers of a sandbox or container in a file: keys with one or more values, one "key=value" a line. A
// last line "end" tells a whole record from one cut by a power loss.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace reigen::runtime {

class Record {
 public:
  void set(const std::string& key, std::string value) { values_[key] = {std::move(value)}; }
  void set_number(const std::string& key, int64_t value) { set(key, std::to_string(value)); }
  void set_all(const std::string& key, std::vector<std::string> values) { values_[key] = std::move(values); }
  std::string get(const std::string& key) const;  // empty when absent
  int64_t number(const std::string& key) const;   // 0 when absent
  std::vector<std::string> all(const std::string& key) const;
  void set_labels(const std::map<std::string, std::string>& labels);
  std::map<std::string, std::string> labels() const;

  std::string encode() const;
  // kDataLoss when it is cut or no record.
  static Result<Record> decode(std::string_view text);

  // Written at once but not synced: what it tells can be found out again or was lost with the processes.
  Status save(const std::string& path) const;
  static Result<Record> load(const std::string& path);

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

// Writes a file without syncing it; replaces an older one by renaming.
Status write_unsynced(const std::string& path, std::string_view data, unsigned mode = 0600);

}  // namespace reigen::runtime
