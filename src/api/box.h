// Box<T>: a nullable owned T with value semantics (deep copy), for Go's *Struct. T may be incomplete where a Box is declared.
#pragma once

#include <memory>
#include <utility>

namespace reigen::api {

template <class T>
class Box {
 public:
  using element_type = T;

  Box() noexcept = default;
  Box(std::nullptr_t) noexcept {}
  Box(T value) : ptr_(std::make_unique<T>(std::move(value))) {}
  Box(const Box& other) : ptr_(other.ptr_ ? std::make_unique<T>(*other.ptr_) : nullptr) {}
  Box(Box&&) noexcept = default;
  Box& operator=(const Box& other) {
    if (this != &other) ptr_ = other.ptr_ ? std::make_unique<T>(*other.ptr_) : nullptr;
    return *this;
  }
  Box& operator=(Box&&) noexcept = default;
  Box& operator=(T value) {
    ptr_ = std::make_unique<T>(std::move(value));
    return *this;
  }
  ~Box() = default;

  explicit operator bool() const noexcept { return ptr_ != nullptr; }
  bool has_value() const noexcept { return ptr_ != nullptr; }
  T* get() noexcept { return ptr_.get(); }
  const T* get() const noexcept { return ptr_.get(); }
  T* operator->() { return ptr_.get(); }
  const T* operator->() const { return ptr_.get(); }
  T& operator*() { return *ptr_; }
  const T& operator*() const { return *ptr_; }

  // A new default T, replacing what was there.
  T& emplace() {
    ptr_ = std::make_unique<T>();
    return *ptr_;
  }
  // What is there, or a new default T.
  T& ensure() { return ptr_ ? *ptr_ : emplace(); }
  void reset() noexcept { ptr_.reset(); }

  // Equal when both are null or both hold equal values.
  friend bool operator==(const Box& a, const Box& b) { return a.ptr_ && b.ptr_ ? *a.ptr_ == *b.ptr_ : !a.ptr_ && !b.ptr_; }
  friend bool operator==(const Box& a, std::nullptr_t) { return !a.ptr_; }

 private:
  std::unique_ptr<T> ptr_;
};

}  // namespace reigen::api
