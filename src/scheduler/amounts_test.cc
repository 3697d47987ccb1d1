#include "scheduler/amounts.h"

#include <gtest/gtest.h>

#include "scheduler/builders.h"

namespace reigen::scheduler {
namespace {

api::corev1::Container container(const std::string& cpu, bool sidecar = false) {
  api::corev1::Container made;
  made.resources.requests["cpu"] = api::Quantity::of(cpu);
  if (sidecar) made.restart_policy = "Always";
  return made;
}

TEST(Amounts, OfAPod) {
  struct Case {
    std::string why;
    std::vector<api::corev1::Container> init, main;
    int64_t milli_cpu;
  };
  const std::vector<Case> cases = {
      {"the sum of containers", {}, {container("1"), container("500m")}, 1500},
      {"or the largest init container", {container("2"), container("1")}, {container("500m")}, 2000},
      {"sidecars run on", {container("1", true)}, {container("500m")}, 1500},
      {"and beside later init containers", {container("1", true), container("2")}, {container("500m")}, 3000},
  };
  for (const auto& entry : cases) {
    api::corev1::PodSpec spec;
    spec.init_containers = entry.init;
    spec.containers = entry.main;
    EXPECT_EQ(pod_requests(spec).milli_cpu, entry.milli_cpu) << entry.why;
  }
}

TEST(Amounts, OverheadIsAdded) {
  auto pod = testing::make_pod("p").cpu("1");
  pod.pod.spec.overhead["cpu"] = api::Quantity::of("250m");
  EXPECT_EQ(pod_requests(pod.pod.spec).milli_cpu, 1250);
}

TEST(Amounts, ScoringAssumesSomethingOfContainersThatAskForNothing) {
  auto pod = testing::make_pod("p");
  EXPECT_EQ(pod_requests_for_score(pod.pod.spec).milli_cpu, 100);
  EXPECT_EQ(pod_requests_for_score(pod.pod.spec).memory, 200 << 20);
  EXPECT_EQ(pod_requests(pod.pod.spec).milli_cpu, 0);
}

}  // namespace
}  // namespace reigen::scheduler
