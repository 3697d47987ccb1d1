// JSON of a kind: whatever decodes encodes, and then decodes to the same.
#include <cstdint>
#include <cstdlib>

#include "api/corev1.h"
#include "api/json.h"
#include "api/value.h"

using namespace reigen::api;

namespace {

template <class T>
void check(std::string_view text) {
  T first, second;
  DecodeNotes notes;
  DecodeOptions options{.max_depth = 200, .max_bytes = 1 << 20};
  auto document = decode_json_document(text, type_of<T>(), nullptr, options);
  auto decoded = decode_json_into(text, type_of<T>(), &first, &notes, options);
  if (decoded.has_value() != document.has_value()) std::abort();
  if (!decoded) return;
  std::string once, twice;
  append_json(once, type_of<T>(), &first);
  if (!decode_json_into(once, type_of<T>(), &second)) std::abort();
  append_json(twice, type_of<T>(), &second);
  if (once != twice) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0: check<corev1::Pod>(text); break;
    case 1: check<corev1::Service>(text); break;
    case 2: check<corev1::Secret>(text); break;
    default: check<metav1::Table>(text); break;
  }
  (void)peek_type_meta(text);
  return 0;
}
