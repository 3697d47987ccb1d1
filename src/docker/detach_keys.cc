#include "docker/detach_keys.h"

#include <fmt/core.h>

namespace reigen::docker {

Result<DetachKeys> DetachKeys::parse(std::string_view text) {
  DetachKeys out;
  if (text.empty()) text = "ctrl-p,ctrl-q";
  std::string_view rest = text;
  while (true) {
    std::string_view key = rest.substr(0, rest.find(','));
    bool last = key.size() == rest.size();
    rest.remove_prefix(last ? key.size() : key.size() + 1);
    char code = 0;
    if (key.size() == 1) {
      code = key[0];
    } else if (key.size() == 6 && key.starts_with("ctrl-")) {
      char c = key[5];
      if (c >= 'a' && c <= 'z') {
        code = static_cast<char>(c - 'a' + 1);
      } else if (c == '@' || (c >= '[' && c <= '_')) {
        code = static_cast<char>(c - '@');
      } else {
        return fail(Code::kInvalidArgument, fmt::format("Invalid detach keys ({}) provided", text));
      }
    } else {
      return fail(Code::kInvalidArgument, fmt::format("Invalid detach keys ({}) provided", text));
    }
    out.keys_ += code;
    if (out.keys_.size() > kMaxKeys) return fail(Code::kInvalidArgument, fmt::format("Invalid detach keys provided: more than {}", kMaxKeys));
    if (last) return out;
  }
}

bool DetachKeys::feed(std::string_view typed, std::string& out) {
  for (char c : typed) {
    if (c == keys_[matched_]) {
      if (++matched_ == keys_.size()) {
        matched_ = 0;
        return true;
      }
      continue;
    }
    out += rest();
    if (c == keys_[0]) {
      matched_ = 1;
      if (keys_.size() == 1) return true;
    } else {
      out += c;
    }
  }
  return false;
}

std::string DetachKeys::rest() {
  std::string held = keys_.substr(0, matched_);
  matched_ = 0;
  return held;
}

}  // namespace reigen::docker
