#include "node/storage_limits.h"

#include <gtest/gtest.h>

namespace reigen::node {
namespace {

using namespace api::corev1;
using api::Quantity;

constexpr uint64_t kMi = 1 << 20;

struct PodBuilder {
  Pod pod;
  static Container make(const char* name, const char* limit) {
    Container container;
    container.name = name;
    if (limit) container.resources.limits["ephemeral-storage"] = Quantity::of(limit);
    return container;
  }
  PodBuilder& container(const char* name, const char* limit = nullptr) {
    pod.spec.containers.push_back(make(name, limit));
    return *this;
  }
  PodBuilder& init(const char* name, const char* limit, bool sidecar = false) {
    pod.spec.init_containers.push_back(make(name, limit));
    if (sidecar) pod.spec.init_containers.back().restart_policy = "Always";
    return *this;
  }
  PodBuilder& empty_dir(const char* name, const char* limit, const char* medium = "") {
    auto& volume = pod.spec.volumes.emplace_back();
    volume.name = name;
    volume.empty_dir.ensure().medium = medium;
    if (limit) volume.empty_dir->size_limit = Quantity::of(limit);
    return *this;
  }
};

std::string excess(const PodBuilder& builder, StorageUsage usage) { return storage_excess(builder.pod, usage).value_or("none"); }

TEST(StorageLimits, MostPodsAreNotMeasured) {
  EXPECT_FALSE(has_storage_limits(PodBuilder().container("main").empty_dir("cache", nullptr).pod));
  EXPECT_FALSE(has_storage_limits(PodBuilder().container("main").empty_dir("cache", "0").pod));
  EXPECT_TRUE(has_storage_limits(PodBuilder().container("main").empty_dir("cache", "1Mi").pod));
  EXPECT_TRUE(has_storage_limits(PodBuilder().container("main", "1Mi").pod));
  Pod critical = PodBuilder().container("main", "1Mi").pod;
  critical.spec.priority = 2'000'001'000;
  EXPECT_FALSE(has_storage_limits(critical));
}

TEST(StorageLimits, WhatCountsAsLocal) {
  auto builder = PodBuilder().empty_dir("disk", nullptr).empty_dir("memory", nullptr, "Memory");
  EXPECT_TRUE(is_local_ephemeral(builder.pod.spec.volumes[0]));
  EXPECT_FALSE(is_local_ephemeral(builder.pod.spec.volumes[1]));
}

TEST(StorageLimits, AVolumeOverItsLimit) {
  auto pod = PodBuilder().container("main").empty_dir("cache", "10Mi");
  EXPECT_EQ(excess(pod, {.volumes = {{"cache", 10 * kMi}}, .containers = {}, .pod = 10 * kMi}), "none");
  EXPECT_EQ(excess(pod, {.volumes = {{"cache", 10 * kMi + 1}}, .containers = {}, .pod = 11 * kMi}),
            "Usage of EmptyDir volume \"cache\" exceeds the limit \"10Mi\". ");
}

TEST(StorageLimits, APodOverTheSumOfItsContainersLimits) {
  auto pod = PodBuilder().container("a", "3Mi").container("b", "2Mi").container("c");
  EXPECT_EQ(excess(pod, {.volumes = {}, .containers = {{"c", 5 * kMi}}, .pod = 5 * kMi}), "none");
  EXPECT_EQ(excess(pod, {.volumes = {}, .containers = {{"c", 6 * kMi}}, .pod = 6 * kMi}),
            "Pod ephemeral local storage usage exceeds the total limit of containers 5Mi. ");
}

TEST(StorageLimits, InitContainersCountAsForTheScheduler) {
  auto pod = PodBuilder().init("side", "1Mi", true).init("first", "8Mi").container("main", "2Mi");
  EXPECT_EQ(excess(pod, {.volumes = {}, .containers = {}, .pod = 9 * kMi}), "none");
  EXPECT_EQ(excess(pod, {.volumes = {}, .containers = {}, .pod = 10 * kMi}), "Pod ephemeral local storage usage exceeds the total limit of containers 9Mi. ");
  pod.pod.spec.overhead["ephemeral-storage"] = Quantity::of("1Mi");
  EXPECT_EQ(excess(pod, {.volumes = {}, .containers = {}, .pod = 10 * kMi}), "none");
}

TEST(StorageLimits, AContainerOverItsLimit) {
  auto pod = PodBuilder().container("a", "3Mi").container("b", "20Mi");
  EXPECT_EQ(excess(pod, {.volumes = {}, .containers = {{"a", 3 * kMi}, {"b", 4 * kMi}}, .pod = 7 * kMi}), "none");
  EXPECT_EQ(excess(pod, {.volumes = {}, .containers = {{"a", 4 * kMi}, {"b", 4 * kMi}}, .pod = 8 * kMi}),
            "Container a exceeded its local ephemeral storage limit \"3Mi\". ");
}

}  // namespace
}  // namespace reigen::node
