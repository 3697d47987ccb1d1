#include <cstdlib>

#include "dns/message.h"

using namespace reigen::dns;

// What is read must be answerable within every limit, and what we wrote must be readable.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view message(reinterpret_cast<const char*>(data), size);
  if (auto answer = parse_answer(message)) (void)answer->answers.size();
  auto parsed = parse_query(message);
  if (!parsed) return 0;
  Answer answer;
  for (int i = 0; i < 40; i++) answer.answers.push_back({parsed->query.name, Type::kA, 5, "abcd"});
  for (size_t limit : {kMinUdpBytes, kMaxUdpBytes, size_t{65535}}) {
    std::string bytes = encode_answer(parsed->query, answer, limit);
    if (bytes.size() > limit || (parsed->error == Rcode::kOk && !parse_answer(bytes))) abort();
  }
  return 0;
}
