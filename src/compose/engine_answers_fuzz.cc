// What an engine answers: multiplexed streams in any pieces, and archives that `compose cp` unpacks.
#include <sys/stat.h>

#include <cstdint>

#include "base/check.h"
#include "base/files.h"
#include "compose/archive.h"
#include "compose/engine_client.h"

namespace {

using namespace reigen;
using namespace reigen::compose;

std::string joined(std::string_view bytes, size_t piece) {
  std::string out;
  FrameReader frames(false);
  for (size_t at = 0; at < bytes.size(); at += piece)
    frames.feed(bytes.substr(at, piece), [&](int stream, std::string_view part) { out += std::to_string(stream), out += part; });
  return out;
}

void unpack(std::string_view bytes) {
  std::string dir = make_temporary_directory("/tmp", "compose-cp-fuzz-").value();
  CHECK(make_directories(dir + "/in"));
  bool given = false;
  (void)unpack_tar(
      [&]() -> Result<std::string> {
        if (given) return std::string();
        given = true;
        return std::string(bytes);
      },
      dir + "/in", bytes.size() % 2 ? "as" : "");
  auto names = list_directory(dir);
  CHECK(names && names->size() == 1);  // nothing beside the folder
  (void)remove_tree(dir);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  size_t total = 0;
  FrameReader whole(false);
  whole.feed(bytes, [&](int, std::string_view part) { total += part.size(); });
  CHECK(total <= size);
  (void)joined(bytes, 3);
  unpack(bytes);
  return 0;
}
