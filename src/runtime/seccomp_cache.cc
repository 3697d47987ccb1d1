#include "runtime/seccomp_cache.h"

#include <linux/filter.h>
#include <openssl/evp.h>

#include "base/files.h"

namespace reigen::runtime {
namespace {

constexpr size_t kMaxProfiles = 16;
constexpr size_t kMaxBytes = BPF_MAXINSNS * sizeof(sock_filter);

}  // namespace

std::string SeccompCache::find(const std::string& profile) const {
  std::lock_guard lock(mutex_);
  auto it = filters_.find(profile);
  return it == filters_.end() ? "" : it->second;
}

void SeccompCache::learn(const std::string& profile, const std::string& file) {
  auto filter = read_file(file, kMaxBytes + 1);
  if (!filter || filter->empty() || filter->size() > kMaxBytes || filter->size() % sizeof(sock_filter) != 0) return;
  std::string text(4 * ((filter->size() + 2) / 3) + 1, '\0');
  int length = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), reinterpret_cast<const unsigned char*>(filter->data()),
                                 static_cast<int>(filter->size()));
  text.resize(static_cast<size_t>(length));
  std::lock_guard lock(mutex_);
  if (filters_.size() >= kMaxProfiles) filters_.clear();
  filters_[profile] = std::move(text);
}

}  // namespace reigen::runtime
