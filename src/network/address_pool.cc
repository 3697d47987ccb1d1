#include "network/address_pool.h"

#include <algorithm>

namespace reigen::network {
namespace {
constexpr uint64_t kMostAddresses = 65536;
constexpr size_t kFirstGiven = 2;
}  // namespace

AddressPool::AddressPool(const IpNetwork& network) : network_(network), taken_(std::min(network.size(), kMostAddresses)) {
  for (size_t i = 0; i < std::min(kFirstGiven, taken_.size()); i++) taken_[i] = true;
  if (network.address.is_v4() && !taken_.empty() && taken_.size() == network.size()) taken_.back() = true;
  free_ = static_cast<size_t>(std::ranges::count(taken_, false));
}

std::optional<IpAddress> AddressPool::take() {
  if (free_ == 0) return std::nullopt;
  while (taken_[next_]) next_ = (next_ + 1) % taken_.size();
  taken_[next_] = true;
  free_--;
  IpAddress address = network_.address.plus(next_);
  next_ = (next_ + 1) % taken_.size();
  return address;
}

std::optional<size_t> AddressPool::index_of(const IpAddress& address) const {
  if (!network_.contains(address)) return std::nullopt;
  size_t index = 0;
  for (size_t i = address.size() - std::min<size_t>(address.size(), 4); i < address.size(); i++)
    index = index << 8 | static_cast<size_t>(address.data()[i] ^ network_.address.data()[i]);
  if (index >= taken_.size()) return std::nullopt;
  return index;
}

bool AddressPool::reserve(const IpAddress& address) {
  auto index = index_of(address);
  if (!index || taken_[*index]) return false;
  taken_[*index] = true;
  free_--;
  next_ = std::max(next_, (*index + 1) % taken_.size());
  return true;
}

void AddressPool::release(const IpAddress& address) {
  auto index = index_of(address);
  bool never_given = !index || *index < kFirstGiven || (network_.address.is_v4() && *index + 1 == network_.size());
  if (never_given || !taken_[*index]) return;
  taken_[*index] = false;
  free_++;
}

}  // namespace reigen::network
