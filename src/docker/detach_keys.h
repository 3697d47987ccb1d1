// DetachKeys: the keys with which a client at a terminal leaves without ending the program. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace reigen::docker {

class DetachKeys {
 public:
  static constexpr size_t kMaxKeys = 64;

  // "ctrl-p,ctrl-q" (also what an empty text means), "a,ctrl-@": single characters and ctrl- with a-z @ [ \ ] ^ _. kInvalidArgument.
  static Result<DetachKeys> parse(std::string_view text);

  // Moves typed bytes to `out`, holding back what may be the beginning of the keys. True when they are complete; then nothing follows.
  bool feed(std::string_view typed, std::string& out);
  // What is held back, at the end of the input.
  std::string rest();

 private:
  std::string keys_;
  size_t matched_ = 0;
};

}  // namespace reigen::docker
