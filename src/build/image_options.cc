#include "build/image_options.h"

#include <algorithm>

namespace reigen::build {
namespace {

struct Known {
  std::string name;
  char letter = 0;
  bool value = false;
};

std::vector<Known> read_known(const std::vector<std::string>& list) {
  std::vector<Known> out;
  for (std::string text : list) {
    Known known;
    known.value = text.ends_with('=');
    if (known.value) text.pop_back();
    auto colon = text.find(':');
    known.name = text.substr(0, colon);
    if (colon != std::string::npos && colon + 1 < text.size()) known.letter = text[colon + 1];
    out.push_back(std::move(known));
  }
  return out;
}

}  // namespace

std::string ImageOptions::one(const std::string& name, const std::string& otherwise) const {
  auto it = values.find(name);
  return it == values.end() ? otherwise : it->second.back();
}

const std::vector<std::string>& ImageOptions::all(const std::string& name) const {
  static const std::vector<std::string> none;
  auto it = values.find(name);
  return it == values.end() ? none : it->second;
}

Result<ImageOptions> parse_image_options(const std::vector<std::string>& args, const std::vector<std::string>& known_list) {
  auto known = read_known(known_list);
  ImageOptions out;
  bool flags = true;
  for (size_t i = 0; i < args.size(); ++i) {
    const auto& arg = args[i];
    if (!flags || arg.size() < 2 || arg[0] != '-') {
      out.words.push_back(arg);
      continue;
    }
    if (arg == "--") {
      flags = false;
      continue;
    }
    bool is_long = arg.starts_with("--");
    auto equals = is_long ? arg.find('=') : std::string::npos;
    std::string name = is_long ? arg.substr(2, equals == std::string::npos ? equals : equals - 2) : arg.substr(1, 1);
    auto it = std::ranges::find_if(known, [&](const Known& k) { return is_long ? k.name == name : k.letter == name[0]; });
    if (it == known.end()) return fail(Code::kInvalidArgument, "unknown flag: " + arg);
    if (!it->value) {
      if (equals != std::string::npos || (!is_long && arg.size() > 2)) return fail(Code::kInvalidArgument, "flag takes no value: " + arg);
      out.switches[it->name] = true;
    } else if (equals != std::string::npos) {
      out.values[it->name].push_back(arg.substr(equals + 1));
    } else if (!is_long && arg.size() > 2) {
      out.values[it->name].push_back(arg.substr(arg[2] == '=' ? 3 : 2));
    } else if (i + 1 < args.size()) {
      out.values[it->name].push_back(args[++i]);
    } else {
      return fail(Code::kInvalidArgument, "flag needs a value: " + arg);
    }
  }
  return out;
}

}  // namespace reigen::build
