// Client: typed calls to the API over a Transport.
//
//   auto pod = client.get<corev1::Pod>("default", "web");   // Result<std::shared_ptr<const corev1::Pod>>
//   corev1::Pod changed = **pod; ...
//   client.update(std::move(changed));
//
// Calls block (see Transport::call) and may come from any thread. Errors as Transport documents; api::is_not_found() and its
// neighbours (api/errors.h) read them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/transport.h"

namespace reigen::client {

struct ListOptions {
  std::string label_selector = {}, field_selector = {};
  int64_t limit = 0;
  std::string continue_ = {};
  std::string resource_version = {}, resource_version_match = {};
};

template <class T>
struct List {
  std::vector<std::shared_ptr<const T>> items;
  std::string resource_version;
  std::string continue_;
};

class Client {
 public:
  template <class T>
  using Ptr = std::shared_ptr<const T>;

  // The transport outlives it. `field_manager` names who writes (metadata.managedFields).
  explicit Client(Transport& transport, std::string field_manager = "reigen") : transport_(transport), manager_(std::move(field_manager)) {}

  Transport& transport() const { return transport_; }
  const std::string& field_manager() const { return manager_; }

  template <class T>
  Result<Ptr<T>> get(std::string_view namespace_, std::string_view name) const {
    return typed<T>(get_object(api::kind_of<T>(), namespace_, name));
  }
  // Namespace "" lists all of them.
  template <class T>
  Result<List<T>> list(std::string_view namespace_ = "", const ListOptions& options = {}) const {
    TRY_ASSIGN(auto response, list_objects(api::kind_of<T>(), namespace_, options));
    List<T> list{.resource_version = std::move(response.resource_version), .continue_ = std::move(response.continue_)};
    list.items.reserve(response.items.size());
    for (auto& item : response.items) list.items.push_back(item.template share<T>());
    return list;
  }
  template <class T>
  Result<Ptr<T>> create(T object) const {
    return typed<T>(write(Verb::kCreate, api::Object::of(std::move(object)), ""));
  }
  // Replaces the object; conflicts when its resource_version is not the current one (unless that is empty).
  template <class T>
  Result<Ptr<T>> update(T object) const {
    return typed<T>(write(Verb::kUpdate, api::Object::of(std::move(object)), ""));
  }
  template <class T>
  Result<Ptr<T>> update_status(T object) const {
    return typed<T>(write(Verb::kUpdate, api::Object::of(std::move(object)), "status"));
  }
  template <class T>
  Result<Ptr<T>> patch(std::string_view namespace_, std::string_view name, PatchType type, std::string body, std::string_view subresource = "") const {
    return typed<T>(patch_object(api::kind_of<T>(), namespace_, name, type, std::move(body), subresource));
  }
  // Server-side apply with the client's field manager.
  template <class T>
  Result<Ptr<T>> apply(T object, bool force = true, std::string_view subresource = "") const {
    return typed<T>(write(Verb::kApply, api::Object::of(std::move(object)), subresource, force));
  }
  template <class T>
  Status remove(std::string_view namespace_, std::string_view name, DeleteOptions options = {}) const {
    return remove_object(api::kind_of<T>(), namespace_, name, std::move(options));
  }
  template <class T>
  Status remove_all(std::string_view namespace_, const ListOptions& which = {}, DeleteOptions options = {}) const {
    return remove_objects(api::kind_of<T>(), namespace_, which, std::move(options));
  }
  // POST to a subresource whose body is of another kind: eviction, token, binding.
  template <class T, class Body>
  Result<api::Object> create_in(std::string_view namespace_, std::string_view name, std::string_view subresource, Body body) const {
    return create_sub(api::kind_of<T>(), namespace_, name, subresource, api::Object::of(std::move(body)));
  }
  // POST pods/binding. `uid` is a precondition, "" for none.
  Status bind(std::string_view namespace_, std::string_view pod, std::string_view uid, std::string_view node) const;

  // The same for kinds known at run time.
  Result<api::Object> get_object(const api::KindInfo& kind, std::string_view namespace_, std::string_view name) const;
  Result<Response> list_objects(const api::KindInfo& kind, std::string_view namespace_, const ListOptions& options) const;
  // The namespace and name are the object's.
  Result<api::Object> write(Verb verb, api::Object object, std::string_view subresource, bool force = false) const;
  Result<api::Object> patch_object(const api::KindInfo& kind, std::string_view namespace_, std::string_view name, PatchType type, std::string body,
                                   std::string_view subresource = "") const;
  Status remove_object(const api::KindInfo& kind, std::string_view namespace_, std::string_view name, DeleteOptions options) const;
  Status remove_objects(const api::KindInfo& kind, std::string_view namespace_, const ListOptions& which, DeleteOptions options) const;
  Result<api::Object> create_sub(const api::KindInfo& kind, std::string_view namespace_, std::string_view name, std::string_view subresource,
                                 api::Object body) const;

 private:
  template <class T>
  static Result<Ptr<T>> typed(Result<api::Object> object) {
    if (!object) return fail(std::move(object).error());
    if (!object->template is<T>()) return fail(Code::kInternal, "the API answered with another kind");
    return object->template share<T>();
  }
  Request request(Verb verb, const api::KindInfo& kind, std::string_view namespace_, std::string_view name) const;

  Transport& transport_;
  std::string manager_;
};

}  // namespace reigen::client
