#include "apiserver/validation/volume_spec.h"

#include <gtest/gtest.h>

#include "api/corev1.h"

namespace reigen::apiserver {
namespace {

using namespace api::corev1;
using api::FieldErrors;
using api::FieldPath;
using api::Quantity;

PersistentVolumeSpec plain() {
  PersistentVolumeSpec spec;
  spec.capacity["storage"] = Quantity::of("1Gi");
  spec.access_modes = {"ReadWriteOnce"};
  spec.host_path.ensure().path = "/data";
  spec.persistent_volume_reclaim_policy = "Retain";
  spec.volume_mode = "Filesystem";
  return spec;
}

std::string errors_of(const PersistentVolumeSpec& spec, VolumeUse use = VolumeUse::kObject) {
  FieldErrors errors;
  validate_volume_spec(spec, "volume", use, FieldPath("spec"), errors);
  std::string out;
  for (const auto& error : errors) out += (out.empty() ? "" : "\n") + error.message();
  return out;
}

TEST(VolumeSpecTest, Table) {
  struct Case {
    const char* name;
    void (*change)(PersistentVolumeSpec&);
    const char* wanted;
  };
  const Case cases[] = {
      {"good", [](auto&) {}, ""},
      {"nothing said", [](auto& s) { s = {}; },
       "spec.accessModes: Required value\nspec.capacity: Required value\nspec.capacity: Unsupported value: core.ResourceList(nil): supported values: "
       "\"storage\"\nspec: Required value: must specify a volume type"},
      {"two sources", [](auto& s) { s.nfs.ensure().server = "s"; }, "spec.nfs: Forbidden: may not specify more than 1 volume type"},
      {"modes", [](auto& s) { s.access_modes = {"ReadWriteOncePod", "ReadWriteMany"}; },
       "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes"},
      {"no room", [](auto& s) { s.capacity["storage"] = Quantity::of("0"); }, "spec.capacity[storage]: Invalid value: \"0\": must be greater than zero"},
      {"local without a place",
       [](auto& s) {
         s.host_path.reset();
         s.local.ensure().path = "/../mnt";
       },
       "spec.local.path: Invalid value: \"/../mnt\": must not contain '..'\nspec.nodeAffinity: Required value: Local volume requires node affinity"},
      {"root", [](auto& s) { s.host_path->path = "/./", s.persistent_volume_reclaim_policy = "Recycle"; },
       "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"},
      {"words", [](auto& s) { s.persistent_volume_reclaim_policy = "Burn", s.volume_mode = "Tape"; },
       "spec.persistentVolumeReclaimPolicy: Unsupported value: \"Burn\": supported values: \"Delete\", \"Recycle\", \"Retain\"\n"
       "spec.volumeMode: Unsupported value: \"Tape\": supported values: \"Block\", \"Filesystem\""},
      {"csi",
       [](auto& s) {
         s.host_path.reset();
         s.csi.ensure().driver = "d.example.com";
         s.csi->node_publish_secret_ref.ensure().name = "s";
       },
       "spec.csi.volumeHandle: Required value\nspec.csi.nodePublishSecretRef.namespace: Required value"},
      {"affinity", [](auto& s) { s.node_affinity.ensure(); }, "spec.nodeAffinity.required: Required value: must specify required node constraints"},
  };
  for (const auto& one : cases) {
    auto spec = plain();
    one.change(spec);
    EXPECT_EQ(errors_of(spec), one.wanted) << one.name;
  }
}

TEST(VolumeSpecTest, InlineVolumesAreOfDriversAlone) {
  EXPECT_EQ(errors_of(plain(), VolumeUse::kInline),
            "spec.capacity: Forbidden: may not be specified in the context of inline volumes\n"
            "spec.csi: Required value: has to be specified in the context of inline volumes");
}

TEST(VolumeSpecTest, LabelsOfNodesMayGetTheirLastingNames) {
  auto affinity = [](const char* key) {
    VolumeNodeAffinity out;
    auto& expression = out.required.ensure().node_selector_terms.emplace_back().match_expressions.emplace_back();
    expression.key = key;
    expression.operator_ = "Exists";
    return out;
  };
  EXPECT_TRUE(same_affinity(affinity("topology.kubernetes.io/zone"), affinity("failure-domain.beta.kubernetes.io/zone")));
  EXPECT_FALSE(same_affinity(affinity("topology.kubernetes.io/zone"), affinity("topology.kubernetes.io/region")));
}

}  // namespace
}  // namespace reigen::apiserver
