#include "node/container_log.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  if (size < 1) return 0;
  reigen::node::ContainerLogQuery query;
  query.out = data[0] & 1;
  query.err = data[0] & 2;
  query.timestamps = data[0] & 4;
  query.framed = data[0] & 8;
  if (data[0] & 16) query.since = reigen::WallTime(std::chrono::seconds(1'700'000'000));
  if (data[0] & 32) query.until = reigen::WallTime(std::chrono::seconds(1'800'000'000));
  query.with_details = data[0] & 64;
  std::string out;
  reigen::node::ContainerLogFormat(query).append({reinterpret_cast<const char*>(data + 1), size - 1}, out);
  return 0;
}
