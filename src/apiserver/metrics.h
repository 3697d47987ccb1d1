// Metrics of the API server in Prometheus' text form, with kube-apiserver's names where the figure is the same.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>

#include "base/clock.h"

namespace reigen::apiserver {

// Thread-safe. Bounded: labels are verbs, resources of the registry and status codes.
class Metrics {
 public:
  void count(std::string_view verb, std::string_view group, std::string_view version, std::string_view resource, std::string_view subresource, int code,
             Duration taken);
  std::string text() const;

 private:
  static constexpr std::array<double, 12> kBounds = {0.001, 0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 2, 5, 15, 30};
  struct Series {
    std::array<std::atomic<uint64_t>, kBounds.size() + 1> buckets{};
    std::atomic<uint64_t> count{0}, micros{0};
  };
  using Key = std::tuple<std::string, std::string, std::string, std::string, std::string, int>;
  struct Less {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return a < b;
    }
  };
  mutable std::mutex mutex_;
  std::map<Key, Series, Less> series_;
};

}  // namespace reigen::apiserver
