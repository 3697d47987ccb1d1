// Guarded<T>: a value that can only be reached while its mutex is held.
#pragma once

#include <mutex>
#include <utility>

namespace reigen {

template <class T>
class Guarded {
 public:
  class Access {
   public:
    T* operator->() { return &value_; }
    T& operator*() { return value_; }

   private:
    friend class Guarded;
    Access(std::mutex& mutex, T& value) : lock_(mutex), value_(value) {}
    std::unique_lock<std::mutex> lock_;
    T& value_;
  };

  template <class... Args>
  explicit Guarded(Args&&... args) : value_(std::forward<Args>(args)...) {}

  // Holds the mutex for as long as the returned object lives.
  Access lock() { return Access(mutex_, value_); }

 private:
  std::mutex mutex_;
  T value_;
};

}  // namespace reigen
