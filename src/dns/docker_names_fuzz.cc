#include <cstdint>
#include <cstdlib>

#include "dns/docker_names.h"

using namespace reigen::dns;

// The file up to the first NUL, the question behind it: whatever stands in the file, an answer fits and can be read.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view all(reinterpret_cast<const char*>(data), size);
  auto end = std::min(all.find('\0'), all.size());
  DockerNames names(all.substr(0, end));
  reigen::network::SandboxNames asker{"s", "/n", {"n1", "n2"}, {}, true, {{"db", "i1"}}};
  for (const char* name : {"web", "db", "", "2.0.17.172.in-addr.arpa"})
    for (Type type : {Type::kA, Type::kPtr, Type::kAny}) {
      auto parsed = parse_query(encode_query(1, name, static_cast<uint16_t>(type)));
      auto answer = find_docker_name(names, asker, parsed->query, 3);
      if (answer && !parse_answer(encode_answer(parsed->query, *answer, kMinUdpBytes))) abort();
    }
  auto parsed = parse_query(all.substr(std::min(all.size(), end + 1)));
  if (parsed && parsed->error == Rcode::kOk)
    if (auto answer = find_docker_name(names, asker, parsed->query, 0)) (void)encode_answer(parsed->query, *answer, kMaxUdpBytes);
  return 0;
}
