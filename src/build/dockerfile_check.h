// What can be said about a Dockerfile before anything is built.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "build/dockerfile.h"
#include "image/image_config.h"

namespace reigen::build {

// Parses and checks what Docker refuses before its answer begins (status 400, its words): unknown instructions and flags, numbers of arguments,
// what no variable can change, no stage, a target that is none.
Result<Dockerfile> check_dockerfile(std::string_view text, const std::string& target);

// Flags and words of one instruction that can be judged without variables. "dockerfile parse error line N: …".
Status check_instruction(const Instruction& instruction, char escape);

// `docker commit --change` and `docker import --change`: instructions that change a configuration only. kInvalidArgument names another one.
Result<image::ImageConfig> apply_changes(const image::ImageConfig& config, const std::vector<std::string>& changes);

}  // namespace reigen::build
