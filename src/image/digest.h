// SHA-256 digests as OCI writes them: "sha256:<hex>".
#pragma once

#include <string>
#include <string_view>

namespace reigen::image {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::string_view data);
  // "sha256:…"; call once.
  std::string digest();

 private:
  void* context_;
};

std::string digest_of(std::string_view data);
// The hex digits behind "sha256:".
std::string hex_of(std::string_view digest);
// The key of a stack of layers (OCI image-spec, "Layer ChainID"). An empty parent: the lowest layer.
std::string chain_id(std::string_view parent, std::string_view diff_id);

}  // namespace reigen::image
