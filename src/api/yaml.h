// YAML in, as sigs.k8s.io/yaml reads it: YAML 1.1 scalars (yes, no, on, off are booleans; 0777 and 0x1f are integers), keys become
// text, anchors and merge keys resolved. The result is what its JSON would be.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/value.h"
#include "base/result.h"

namespace reigen::api {

struct YamlLimits {
  size_t max_bytes = 64u << 20;
  size_t max_depth = 1000;
  // Nodes of the result, aliases resolved, per document; but at least so many times the input's bytes: bounds "billion laughs".
  size_t max_nodes = 1'000'000;
  // As go-yaml v3 reads into an interface: yes, no, on, off, y, n stay text.
  bool words_are_text = false;
};
struct YamlNotes {
  // Keys given twice in one mapping: `line 3: key "a" already set in map`.
  std::vector<std::string> duplicates;
  // Where each member and item stands and what local tag it has, when asked for. What an alias stands for has no marks of its own.
  bool want_marks = false;
  struct Mark {
    std::string path;  // a JSON pointer: "/services/web/ports/0"
    int line = 0;      // of its key, from 1
    std::string tag;   // "!reset"; empty without
  };
  std::vector<Mark> marks;
};

// One document; further ones are ignored, as in kube-apiserver. An empty one is null. JSON is YAML, too. kInvalidArgument:
// "error converting YAML to JSON: yaml: line 2: ...".
Result<Value> parse_yaml(std::string_view text, const YamlLimits& limits = {}, YamlNotes* notes = nullptr);
// All documents of a stream; empty ones are left out.
Result<std::vector<Value>> parse_yaml_stream(std::string_view text, const YamlLimits& limits = {}, YamlNotes* notes = nullptr);

// Block style, members in the order they have; strings quoted where they would read as something else.
std::string to_yaml(const Value& value);

}  // namespace reigen::api
