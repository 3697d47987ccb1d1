// An archive of `docker load` or an OCI layout, whole: what it says of its parts is not believed.
#include <cstdint>

#include "base/check.h"
#include "base/files.h"
#include "image/importer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace reigen;
  using namespace reigen::image;
  std::string dir = make_temporary_directory("/tmp", "load-fuzz-").value();
  {
    auto store = ImageStore::open(dir + "/images");
    CHECK(store.has_value());
    StringSource source({reinterpret_cast<const char*>(data), size});
    auto loaded = load_images(**store, source, {}, {});
    // All or nothing.
    auto kept = (*store)->list();
    CHECK(kept && (loaded || kept->empty()));
  }
  (void)remove_tree(dir);
  return 0;
}
