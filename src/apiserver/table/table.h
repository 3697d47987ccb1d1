// Server-side tables: the rows that kubectl prints. Columns come from the schema, cells from one function a kind.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/kind_info.h"
#include "api/object.h"
#include "base/clock.h"

namespace reigen::api {
struct Time;
}

namespace reigen::apiserver {

// JSON texts of a row's cells, in the order of the columns.
class Row {
 public:
  void text(std::string_view value);
  void number(int64_t value) { cells.push_back(std::to_string(value)); }
  void boolean(bool value) { cells.emplace_back(value ? "true" : "false"); }
  void null() { cells.emplace_back("null"); }
  std::vector<std::string> cells;
  std::string conditions;  // JSON of the row's conditions; "" for none
};

using RowFunction = void (*)(const api::Object& object, WallTime now, Row& row);
struct RowLine {
  std::string_view group, kind;
  RowFunction function;
};

// "5d", "<unknown>": the age of a time as kubectl writes it (duration.HumanDuration).
std::string age_of(const api::Time& time, WallTime now);
std::string human_duration(Duration duration);

// Cells of the object (served version), in the order of columns_of.
void fill_row(const api::Object& object, WallTime now, Row& row);
// The kind's columns; Name and Created At where it has none.
std::vector<api::Column> columns_of(const api::KindInfo& kind);

enum class IncludeObject : unsigned char { kMetadata, kObject, kNone };

// A Table of one page. Objects are of the served version. `headers`: with column definitions.
struct TableOptions {
  IncludeObject include = IncludeObject::kMetadata;
  std::string_view version = "v1";  // of meta.k8s.io
  bool headers = true;
};
class TableWriter {
 public:
  TableWriter(const api::KindInfo& kind, TableOptions options, WallTime now);
  void begin(std::string_view resource_version, std::string_view continue_, const int64_t* remaining);
  void row(const api::Object& object);
  std::string end();

 private:
  const api::KindInfo& kind_;
  TableOptions options_;
  WallTime now_;
  std::vector<api::Column> columns_;
  std::string out_;
  bool first_ = true;
};

// {"kind":"PartialObjectMetadata",...} of an object.
std::string partial_object(const api::Object& object, std::string_view version);

}  // namespace reigen::apiserver
