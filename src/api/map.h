// Map<T>: Go's map[string]T as a flat vector sorted by key (bytewise), so that iteration is in the order of JSON and protobuf output.
//
// Interface and invalidation as std::map resp. std::vector: every insertion and erasure invalidates references and iterators.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace reigen::api {

template <class T>
class Map {
 public:
  using key_type = std::string;
  using mapped_type = T;
  using value_type = std::pair<std::string, T>;
  using iterator = value_type*;
  using const_iterator = const value_type*;

  Map() = default;
  Map(std::initializer_list<value_type> entries) {
    for (const auto& entry : entries) (*this)[entry.first] = entry.second;
  }

  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  void clear() { entries_.clear(); }
  void reserve(size_t count) { entries_.reserve(count); }

  iterator begin() { return entries_.data(); }
  iterator end() { return entries_.data() + entries_.size(); }
  const_iterator begin() const { return entries_.data(); }
  const_iterator end() const { return entries_.data() + entries_.size(); }

  iterator lower_bound(std::string_view key) {
    return std::lower_bound(begin(), end(), key, [](const value_type& e, std::string_view k) { return e.first < k; });
  }
  const_iterator lower_bound(std::string_view key) const { return const_cast<Map*>(this)->lower_bound(key); }
  iterator find(std::string_view key) {
    iterator it = lower_bound(key);
    return it != end() && it->first == key ? it : end();
  }
  const_iterator find(std::string_view key) const { return const_cast<Map*>(this)->find(key); }
  bool contains(std::string_view key) const { return find(key) != end(); }
  size_t count(std::string_view key) const { return contains(key) ? 1 : 0; }

  // nullptr where absent.
  T* get(std::string_view key) {
    iterator it = find(key);
    return it == end() ? nullptr : &it->second;
  }
  const T* get(std::string_view key) const { return const_cast<Map*>(this)->get(key); }
  // The value, or a copy of `fallback`.
  T value_or(std::string_view key, T fallback) const {
    const T* found = get(key);
    return found ? *found : std::move(fallback);
  }
  T& at(std::string_view key) {
    T* found = get(key);
    if (!found) throw std::out_of_range("api::Map::at");
    return *found;
  }
  const T& at(std::string_view key) const { return const_cast<Map*>(this)->at(key); }

  T& operator[](std::string_view key) {
    // Sorted input is the common case: compare with the last key first.
    if (entries_.empty() || entries_.back().first < key) return entries_.emplace_back(std::string(key), T()).second;
    iterator it = lower_bound(key);
    if (it != end() && it->first == key) return it->second;
    return entries_.emplace(entries_.begin() + (it - begin()), std::string(key), T())->second;
  }
  // False (and nothing changed) where the key was there.
  bool insert(value_type entry) {
    if (contains(entry.first)) return false;
    (*this)[entry.first] = std::move(entry.second);
    return true;
  }
  bool emplace(std::string_view key, T value) { return insert({std::string(key), std::move(value)}); }
  void insert_or_assign(std::string_view key, T value) { (*this)[key] = std::move(value); }
  size_t erase(std::string_view key) {
    iterator it = find(key);
    if (it == end()) return 0;
    erase(it);
    return 1;
  }
  iterator erase(iterator it) {
    auto next = entries_.erase(entries_.begin() + (it - begin()));
    return entries_.data() + (next - entries_.begin());
  }

  friend bool operator==(const Map& a, const Map& b) { return a.entries_ == b.entries_; }

 private:
  std::vector<value_type> entries_;
};

}  // namespace reigen::api
