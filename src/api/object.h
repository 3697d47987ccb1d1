// Object: an API object of any kind, shared and type-erased.
//
// Copies share; mut() copies what is shared first (copy on write). Immutable once published: const access is safe from any
// thread, an Object itself is not (like std::shared_ptr). Custom resources are documents: their metadata is decoded, the rest is
// an api::Value without apiVersion, kind and metadata.
#pragma once

#include <memory>
#include <utility>

#include "api/kind_info.h"
#include "base/check.h"

namespace reigen::api {

class Value;
namespace metav1 {
struct ObjectMeta;
struct ListMeta;
}  // namespace metav1

class Object;
// Lists: the elements as objects that share the list's memory (no copies).
size_t item_count(const Object& list);
Object item_at(const Object& list, size_t index);

class Object {
 public:
  Object() = default;
  template <class T>
  static Object of(T value) {
    return Object(kind_of<T>(), std::make_shared<T>(std::move(value)));
  }
  template <class T>
  static Object of(std::shared_ptr<T> value) {
    return Object(kind_of<std::remove_const_t<T>>(), std::const_pointer_cast<std::remove_const_t<T>>(std::move(value)));
  }
  // An empty object of the kind.
  static Object make(const KindInfo& kind);
  // A document; `kind.tree` must hold.
  static Object of_tree(const KindInfo& kind, metav1::ObjectMeta meta, Value body);

  explicit operator bool() const { return data_ != nullptr; }
  const KindInfo& kind() const { return *kind_; }
  const TypeDesc& type() const { return *kind_->type; }

  template <class T>
  bool is() const {
    return kind_ == &kind_of<T>();
  }
  // CHECKs the type.
  template <class T>
  const T& as() const {
    CHECK(is<T>());
    return *static_cast<const T*>(data_.get());
  }
  // nullptr where it is another type.
  template <class T>
  const T* try_as() const {
    return is<T>() ? static_cast<const T*>(data_.get()) : nullptr;
  }
  template <class T>
  std::shared_ptr<const T> share() const {
    CHECK(is<T>());
    return std::static_pointer_cast<const T>(std::shared_ptr<const void>(data_));
  }
  template <class T>
  T& mut() {
    CHECK(is<T>());
    return *static_cast<T*>(mut_data());
  }

  // The struct behind; for documents see tree().
  const void* data() const { return data_.get(); }
  void* mut_data();

  bool has_meta() const { return kind_ && kind_->has_meta(); }
  // CHECKs that there is one.
  const metav1::ObjectMeta& meta() const;
  metav1::ObjectMeta& mut_meta();
  const metav1::ListMeta& list_meta() const;
  metav1::ListMeta& mut_list_meta();

  bool is_tree() const { return kind_ && kind_->tree; }
  const Value& tree() const;
  Value& mut_tree();

  // A deep copy that shares nothing.
  Object clone() const;

  // The same data and kind (not: equal values).
  bool same(const Object& other) const { return data_ == other.data_; }

 private:
  friend Object item_at(const Object& list, size_t index);
  Object(const KindInfo& kind, std::shared_ptr<void> data) : kind_(&kind), data_(std::move(data)) {}
  const KindInfo* kind_ = nullptr;
  std::shared_ptr<void> data_;
};

}  // namespace reigen::api
