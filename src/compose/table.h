// Tables and templates of `ps`, `images`, `ls`, `top`.
#pragma once

#include <string>
#include <vector>

#include "api/value.h"
#include "base/clock.h"

namespace reigen::compose {

// Columns as wide as their widest cell and 3 blanks, at least `least` wide; as Go's tabwriter. The last column is not padded.
std::string format_table(const std::vector<std::vector<std::string>>& rows, size_t least);

// table, pretty, json or nothing: what lists without templates take.
Status check_list_format(std::string_view format);

// {{.Name}} of a Go template by members of `fields`; anything more is kInvalidArgument. \t and \n are understood.
Result<std::string> fill_template(std::string_view text, const api::Value& fields);

// "About a minute", "3 hours".
std::string human_duration(Duration duration);
// "1.21MB": powers of 1000, as go-units' HumanSizeWithPrecision(…, 3).
std::string human_size(int64_t bytes);

// Letters of UTF-8, for widths.
size_t text_width(std::string_view text);
// At most `width` letters, the last "…".
std::string shorten(std::string_view text, size_t width);

}  // namespace reigen::compose
