// What controllers of pods share: pods from templates, their state as Kubernetes counts it, owners.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/corev1.h"
#include "api/label_selector.h"
#include "api/object.h"
#include "base/clock.h"
#include "client/client.h"

namespace reigen::controllers {

using PodPtr = std::shared_ptr<const api::corev1::Pod>;

// Neither ended nor being deleted.
bool is_active(const api::corev1::Pod& pod);
bool is_ready(const api::corev1::Pod& pod);
// Ready for at least min_ready_seconds. `again_in` becomes the shortest time after which the answer may change (when not null).
bool is_available(const api::corev1::Pod& pod, int32_t min_ready_seconds, WallTime now, Duration* again_in = nullptr);
// When it became ready; zero when it is not.
api::Time ready_since(const api::corev1::Pod& pod);

// The namespace is going and takes nothing more: no failure, there is nothing left to do.
bool is_namespace_terminating(const Error& error);

api::metav1::OwnerReference controller_reference(const api::Object& owner);
// nullptr where no owner is marked as controller.
const api::metav1::OwnerReference* controller_of(const api::metav1::ObjectMeta& meta);

// A pod from the template, owned by `owner`, named after it with generateName.
api::corev1::Pod pod_from_template(const api::corev1::PodTemplateSpec& pod_template, const api::Object& owner);

// An index of the objects that nobody controls, by namespace.
inline constexpr std::string_view kOrphans = "orphan-namespace";
std::vector<std::string> index_orphans(const api::Object& object);

// Which objects a controller must adopt or release, so that it owns exactly those its selector matches.
struct Claims {
  std::vector<api::Object> owned;    // matching, already owned
  std::vector<api::Object> adopt;    // matching orphans
  std::vector<api::Object> release;  // owned, no longer matching
};
// `owner_deleting`: then nothing is adopted.
Claims sort_claims(const std::vector<api::Object>& candidates, const std::string& owner_uid, const api::LabelSelector& selector, bool owner_deleting);

// Writes what `claims` asks for; adopted objects are added to owned. `may_adopt` reads the owner from the API itself: a stale cache must
// not adopt for an owner that is gone. Objects that vanished meanwhile are left out.
Status apply_claims(client::Client& client, const api::Object& owner, Claims& claims);

// The order in which pods are given up: the first is the one whose loss costs least (Kubernetes' ActivePodsWithRanks).
void sort_for_deletion(std::vector<PodPtr>& pods, WallTime now);

}  // namespace reigen::controllers
