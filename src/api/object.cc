#include "api/object.h"

#include "api/metav1.h"
#include "api/value.h"

namespace reigen::api {
namespace {

struct Document {
  metav1::ObjectMeta meta;
  Value body;
};

std::shared_ptr<void> own(const TypeDesc& type, void* object) { return std::shared_ptr<void>(object, type.destroy); }

const char* at(const void* object, int32_t offset) { return static_cast<const char*>(object) + offset; }

}  // namespace

Object Object::make(const KindInfo& kind) {
  if (kind.tree) return Object(kind, std::make_shared<Document>());
  return Object(kind, own(*kind.type, kind.type->create()));
}

Object Object::of_tree(const KindInfo& kind, metav1::ObjectMeta meta, Value body) {
  CHECK(kind.tree);
  return Object(kind, std::make_shared<Document>(Document{std::move(meta), std::move(body)}));
}

Object Object::clone() const {
  if (!data_) return {};
  if (kind_->tree) return Object(*kind_, std::make_shared<Document>(*static_cast<const Document*>(data_.get())));
  return Object(*kind_, own(*kind_->type, kind_->type->copy(data_.get())));
}

void* Object::mut_data() {
  CHECK(data_);
  if (data_.use_count() > 1) *this = clone();
  return data_.get();
}

const metav1::ObjectMeta& Object::meta() const {
  CHECK(data_);
  if (kind_->tree) return static_cast<const Document*>(data_.get())->meta;
  CHECK(kind_->meta_offset >= 0);
  return *reinterpret_cast<const metav1::ObjectMeta*>(at(data_.get(), kind_->meta_offset));
}

metav1::ObjectMeta& Object::mut_meta() {
  mut_data();
  return const_cast<metav1::ObjectMeta&>(meta());
}

const metav1::ListMeta& Object::list_meta() const {
  CHECK(data_ && kind_->list_meta_offset >= 0);
  return *reinterpret_cast<const metav1::ListMeta*>(at(data_.get(), kind_->list_meta_offset));
}

metav1::ListMeta& Object::mut_list_meta() {
  mut_data();
  return const_cast<metav1::ListMeta&>(list_meta());
}

const Value& Object::tree() const {
  CHECK(is_tree());
  return static_cast<const Document*>(data_.get())->body;
}

Value& Object::mut_tree() {
  CHECK(is_tree());
  mut_data();
  return const_cast<Value&>(tree());
}

namespace {
const FieldDesc& items_field(const Object& list) {
  CHECK(list && list.kind().items_offset >= 0 && list.kind().item);
  const FieldDesc* field = list.type().find("items", 1);
  CHECK(field);
  return *field;
}
}  // namespace

size_t item_count(const Object& list) {
  const FieldDesc& items = items_field(list);
  return items.value->list->size(at(list.data(), static_cast<int32_t>(items.offset)));
}

Object item_at(const Object& list, size_t index) {
  const FieldDesc& items = items_field(list);
  const void* vector = at(list.data(), static_cast<int32_t>(items.offset));
  CHECK(index < items.value->list->size(vector));
  char* element = static_cast<char*>(items.value->list->data(vector)) + index * items.value->element->size;
  return Object(*list.kind().item, std::shared_ptr<void>(list.data_, element));
}

}  // namespace reigen::api
