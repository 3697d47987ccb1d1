#include "apiserver/table/table.h"

#include "api/json.h"
#include "api/metav1.h"
#include "api/value.h"
#include "apiserver/table/rows.h"

namespace reigen::apiserver {
namespace {

void append_text(std::string& out, std::string_view text) { api::append_json_string(out, text); }

constexpr api::Column kDefaultColumns[] = {{"Name", "string", "name", false}, {"Created At", "date", "", false}};

RowFunction row_function(const api::KindInfo& kind) {
  for (std::span<const RowLine> lines : row_lines())
    for (const RowLine& line : lines)
      if (line.group == kind.group && line.kind == kind.kind) return line.function;
  return nullptr;
}

void append_column(std::string& out, const api::Column& column) {
  out += "{\"name\":";
  append_text(out, column.name);
  out += ",\"type\":";
  append_text(out, column.type);
  out += ",\"format\":";
  append_text(out, column.format);
  out += ",\"description\":\"\",\"priority\":";
  out += column.wide ? "1}" : "0}";
}

}  // namespace

void Row::text(std::string_view value) {
  std::string cell;
  append_text(cell, value);
  cells.push_back(std::move(cell));
}

std::string human_duration(Duration duration) {
  int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  auto two = [](int64_t a, const char* unit, int64_t b, const char* small) { return std::to_string(a) + unit + (b ? std::to_string(b) + small : ""); };
  if (seconds < 120) return std::to_string(seconds) + "s";
  int64_t minutes = seconds / 60;
  if (minutes < 10) return two(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return std::to_string(minutes) + "m";
  int64_t hours = seconds / 3600;
  if (hours < 8) return two(hours, "h", minutes % 60, "m");
  if (hours < 48) return std::to_string(hours) + "h";
  if (hours < 24 * 8) return two(hours / 24, "d", hours % 24, "h");
  if (hours < 24 * 365 * 2) return std::to_string(hours / 24) + "d";
  int64_t days = hours / 24;
  if (hours < 24 * 365 * 8) return two(days / 365, "y", days % 365, "d");
  return std::to_string(days / 365) + "y";
}

std::string age_of(const api::Time& time, WallTime now) { return time.is_zero() ? "<unknown>" : human_duration(now - time.wall()); }

std::vector<api::Column> columns_of(const api::KindInfo& kind) {
  if (row_function(kind)) {
    std::span<const api::Column> columns = row_columns(kind);
    if (!columns.empty()) return {columns.begin(), columns.end()};
  }
  return {std::begin(kDefaultColumns), std::end(kDefaultColumns)};
}

void fill_row(const api::Object& object, WallTime now, Row& row) {
  RowFunction function = row_function(object.kind());
  if (function && !row_columns(object.kind()).empty()) return function(object, now, row);
  row.text(object.meta().name);
  row.text(object.meta().creation_timestamp.to_string());
}

TableWriter::TableWriter(const api::KindInfo& kind, TableOptions options, WallTime now)
    : kind_(kind), options_(options), now_(now), columns_(columns_of(kind)) {}

void TableWriter::begin(std::string_view resource_version, std::string_view continue_, const int64_t* remaining) {
  out_ = "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/" + std::string(options_.version) + "\",\"metadata\":{";
  if (!resource_version.empty()) out_ += "\"resourceVersion\":\"" + std::string(resource_version) + "\"";
  if (!continue_.empty()) out_ += ",\"continue\":\"" + std::string(continue_) + "\"";
  if (remaining) out_ += ",\"remainingItemCount\":" + std::to_string(*remaining);
  out_ += "},\"columnDefinitions\":";
  if (options_.headers) {
    out_ += '[';
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (i) out_ += ',';
      append_column(out_, columns_[i]);
    }
    out_ += ']';
  } else {
    out_ += "null";
  }
  out_ += ",\"rows\":[";
}

void TableWriter::row(const api::Object& object) {
  Row row;
  fill_row(object, now_, row);
  row.cells.resize(columns_.size(), "null");
  out_ += first_ ? "{\"cells\":[" : ",{\"cells\":[";
  first_ = false;
  for (size_t i = 0; i < row.cells.size(); ++i) {
    if (i) out_ += ',';
    out_ += row.cells[i];
  }
  out_ += ']';
  if (!row.conditions.empty()) out_ += ",\"conditions\":" + row.conditions;
  out_ += ",\"object\":";
  if (options_.include == IncludeObject::kObject) api::append_json(out_, object);
  else if (options_.include == IncludeObject::kMetadata) out_ += partial_object(object, options_.version);
  else out_ += "null";
  out_ += '}';
}

std::string TableWriter::end() { return std::move(out_) + "]}\n"; }

std::string partial_object(const api::Object& object, std::string_view version) {
  std::string out = "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/" + std::string(version) + "\",\"metadata\":";
  api::append_json(out, api::type_of<api::metav1::ObjectMeta>(), &object.meta());
  return out += '}';
}

}  // namespace reigen::apiserver
