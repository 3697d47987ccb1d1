// .dockerignore, and the wildcards of COPY (Go's filepath.Match).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace reigen::build {

// '*' and '?' do not match '/'; "[a-z]", "[^a]"; '\' escapes. "**" as a whole part matches any number of folders when `deep`.
// A malformed pattern matches nothing. Bounded: patterns and names of 4096 bytes.
bool match_path(std::string_view pattern, std::string_view path, bool deep = false);

class IgnoreList {
 public:
  static IgnoreList parse(std::string_view text);
  // Whether a path of the context (relative, clean) is left out: the last rule that matches it or a folder above decides.
  bool ignores(std::string_view path) const;
  // Whether a rule may take something below an ignored folder back in.
  bool has_exceptions() const { return exceptions_; }
  bool empty() const { return rules_.empty(); }

 private:
  struct Rule {
    std::string pattern;
    bool keep = false;
  };
  std::vector<Rule> rules_;
  bool exceptions_ = false;
};

}  // namespace reigen::build
