// Protobuf of a kind: whatever decodes encodes, and then decodes to the same bytes; JSON made from it directly is that of the object.
#include <cstdint>
#include <cstdlib>

#include "api/corev1.h"
#include "api/protobuf.h"
#include "api/value.h"

using namespace reigen::api;

namespace {

template <class T>
void check(std::string_view bytes) {
  T first, second;
  ProtobufLimits limits{.max_depth = 200, .max_bytes = 1 << 20, .max_elements = 1 << 16};
  (void)decode_protobuf_document(bytes, type_of<T>(), limits);
  std::string direct;
  bool transcoded = bytes.size() <= limits.max_bytes && append_json_of_protobuf(direct, type_of<T>(), bytes);
  if (!decode_protobuf_message(bytes, type_of<T>(), &first, limits)) {
    if (transcoded && !decode_protobuf_message(bytes, type_of<T>(), &second)) std::abort();
    return;
  }
  std::string once, twice, json;
  append_protobuf_message(once, type_of<T>(), &first);
  if (!decode_protobuf_message(once, type_of<T>(), &second)) std::abort();
  append_protobuf_message(twice, type_of<T>(), &second);
  if (once != twice) std::abort();
  append_json(json, type_of<T>(), &first);
  if (transcoded && direct != json) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0: check<corev1::Pod>(bytes); break;
    case 1: check<corev1::Secret>(bytes); break;
    default: check<metav1::ListMeta>(bytes); break;
  }
  (void)open_envelope(bytes);
  return 0;
}
