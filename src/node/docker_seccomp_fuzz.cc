#include "node/docker_seccomp.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  reigen::node::SeccompMachine machine{"amd64", 6, 1, {"CAP_CHOWN"}};
  (void)reigen::node::convert_seccomp(std::string_view(reinterpret_cast<const char*>(data), size), machine);
  return 0;
}
