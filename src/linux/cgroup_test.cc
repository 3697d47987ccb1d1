// What is written and read where, over plain folders that look like the kernel's.
#include "linux/cgroup.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace reigen::linux {
namespace {

class CgroupTest : public testing::Test {
 protected:
  void SetUp() override { dir_ = make_temporary_directory("/tmp", "cgroup-").value(); }
  void TearDown() override { EXPECT_TRUE(remove_tree(dir_)); }
  void file(const std::string& name, std::string_view text = "") {
    ASSERT_TRUE(make_directories(dir_ + "/" + name.substr(0, name.rfind('/'))));
    ASSERT_TRUE(write_file(dir_ + "/" + name, text));
  }
  std::string text(const std::string& name) { return read_file(dir_ + "/" + name).value_or("?"); }
  Cgroups v1() { return Cgroups::over_folders(dir_, Cgroups::Mode::kV1, {"cpu", "cpuacct", "memory", "pids", "blkio"}); }
  Cgroups v2() { return Cgroups::over_folders(dir_, Cgroups::Mode::kV2, {"cpu", "memory", "pids", "io"}); }

  std::string dir_;
};

CgroupLimits docker_limits() {
  CgroupLimits limits;
  limits.cpu_shares = 1024;
  limits.cpu_quota_us = 50000;
  limits.memory = 1 << 20;
  limits.memory_swap = 3 << 20;
  limits.memory_reservation = 1 << 19;
  limits.pids = 10;
  limits.blkio_weight = 500;
  limits.blkio_weight_devices = {{8, 0, 100}};
  limits.blkio_read_bps = {{8, 0, 1000}};
  limits.blkio_write_iops = {{8, 16, 70000}};
  return limits;
}

TEST_F(CgroupTest, LimitsOfV1) {
  for (const char* name : {"cpu/g/cpu.shares", "cpu/g/cpu.cfs_period_us", "cpu/g/cpu.cfs_quota_us", "cpu/g/cpu.rt_period_us", "cpu/g/cpu.rt_runtime_us",
                           "memory/g/memory.limit_in_bytes", "memory/g/memory.memsw.limit_in_bytes", "memory/g/memory.soft_limit_in_bytes",
                           "memory/g/memory.swappiness", "memory/g/memory.oom_control", "pids/g/pids.max", "blkio/g/blkio.bfq.weight",
                           "blkio/g/blkio.bfq.weight_device", "blkio/g/blkio.throttle.read_bps_device", "blkio/g/blkio.throttle.write_iops_device"}) {
    file(name);
  }
  auto limits = docker_limits();
  limits.cpu_realtime_period_us = 1000000;
  limits.cpu_realtime_runtime_us = 950000;
  limits.memory_swappiness = 0;
  limits.oom_kill_disable = true;
  auto done = v1().apply("/g", limits);
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ("1024", text("cpu/g/cpu.shares"));
  EXPECT_EQ("50000", text("cpu/g/cpu.cfs_quota_us"));
  EXPECT_EQ("100000", text("cpu/g/cpu.cfs_period_us"));
  EXPECT_EQ("950000", text("cpu/g/cpu.rt_runtime_us"));
  EXPECT_EQ("1048576", text("memory/g/memory.limit_in_bytes"));
  EXPECT_EQ("3145728", text("memory/g/memory.memsw.limit_in_bytes"));
  EXPECT_EQ("524288", text("memory/g/memory.soft_limit_in_bytes"));
  EXPECT_EQ("0", text("memory/g/memory.swappiness"));
  EXPECT_EQ("1", text("memory/g/memory.oom_control"));
  EXPECT_EQ("10", text("pids/g/pids.max"));
  EXPECT_EQ("500", text("blkio/g/blkio.bfq.weight"));
  EXPECT_EQ("8:0 100", text("blkio/g/blkio.bfq.weight_device"));
  EXPECT_EQ("8:0 1000", text("blkio/g/blkio.throttle.read_bps_device"));
  EXPECT_EQ("8:16 70000", text("blkio/g/blkio.throttle.write_iops_device"));
}

TEST_F(CgroupTest, LimitsOfV2) {
  auto files = {"g/cpu.weight", "g/cpu.max", "g/memory.max", "g/memory.swap.max", "g/memory.low", "g/pids.max", "g/io.weight", "g/io.max"};
  for (const char* name : files) file(name);
  auto limits = docker_limits();
  limits.blkio_weight = 0;
  auto done = v2().apply("/g", limits);
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ("39", text("g/cpu.weight"));
  EXPECT_EQ("50000 100000", text("g/cpu.max"));
  EXPECT_EQ("1048576", text("g/memory.max"));
  EXPECT_EQ("2097152", text("g/memory.swap.max"));
  EXPECT_EQ("524288", text("g/memory.low"));
  EXPECT_EQ("10", text("g/pids.max"));
  EXPECT_EQ("8:0 910", text("g/io.weight"));  // 100 of 10..1000 is 910 of 1..10000
  EXPECT_EQ("8:16 wiops=70000", text("g/io.max"));
  for (const char* name : files) file(name);
  CgroupLimits off{.cpu_quota_us = -1, .memory = -1, .memory_swap = -1, .pids = -1};
  ASSERT_TRUE(v2().apply("/g", off));
  EXPECT_EQ("max 100000", text("g/cpu.max"));
  EXPECT_EQ("max", text("g/memory.max"));
  EXPECT_EQ("max", text("g/memory.swap.max"));
  EXPECT_EQ("max", text("g/pids.max"));
}

TEST_F(CgroupTest, WhatV2LacksIsNamedAndTheRestIsSet) {
  file("g/memory.max");
  CgroupLimits limits{.memory = 5, .memory_swappiness = 7};
  auto done = v2().apply("/g", limits);
  ASSERT_FALSE(done);
  EXPECT_EQ(Code::kUnimplemented, done.error().code());
  EXPECT_EQ("this host has no cgroup swappiness", done.error().message());
  EXPECT_EQ("5", text("g/memory.max"));
  auto blkio = v1().apply("/g", {.blkio_weight = 10});
  ASSERT_FALSE(blkio);
  EXPECT_EQ("this host has no cgroup weights of block devices", blkio.error().message());
}

TEST_F(CgroupTest, UsageOfV1) {
  file("memory/g/memory.usage_in_bytes", "1000\n");
  file("memory/g/memory.max_usage_in_bytes", "2000\n");
  file("memory/g/memory.limit_in_bytes", "9223372036854771712\n");
  file("memory/g/memory.stat", "cache 1\ntotal_rss 600\ntotal_inactive_file 300\ntotal_pgfault 5\ntotal_pgmajfault 2\n");
  file("cpuacct/g/cpuacct.usage", "77\n");
  file("cpuacct/g/cpuacct.usage_percpu", "33 44 \n");
  file("cpu/g/cpu.stat", "nr_periods 1\nnr_throttled 2\nthrottled_time 3\n");
  file("pids/g/pids.current", "4\n");
  file("pids/g/pids.max", "max\n");
  file("blkio/g/blkio.bfq.io_service_bytes_recursive", "Total 0\n");
  file("blkio/g/blkio.throttle.io_service_bytes_recursive", "8:0 Read 4096\n8:0 Write 1\nTotal 4097\n");
  file("blkio/g/blkio.throttle.io_serviced_recursive", "8:0 Read 1\nTotal 1\n");
  auto usage = v1().usage("/g");
  ASSERT_TRUE(usage);
  EXPECT_EQ(0u, usage->memory_limit);
  EXPECT_EQ(2000u, usage->memory_max);
  EXPECT_EQ(700u, usage->working_set);
  EXPECT_EQ(600u, usage->rss);
  EXPECT_EQ((std::vector<uint64_t>{33, 44}), usage->per_cpu_ns);
  EXPECT_EQ(3u, usage->throttled_ns);
  EXPECT_EQ(4u, usage->pids);
  EXPECT_EQ(0u, usage->pids_limit);
  ASSERT_EQ(2u, usage->block_bytes.size());
  EXPECT_EQ("Read", usage->block_bytes[0].op);
  EXPECT_EQ(4096u, usage->block_bytes[0].value);
  EXPECT_EQ(1u, usage->block_operations.size());
  EXPECT_EQ(5u, usage->memory_counters.size());
}

TEST_F(CgroupTest, UsageOfV2) {
  file("g/cpu.stat", "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 4\nnr_throttled 3\nthrottled_usec 2\n");
  file("g/memory.current", "1000\n");
  file("g/memory.peak", "1500\n");
  file("g/memory.max", "max\n");
  file("g/memory.stat", "anon 600\nfile 1\ninactive_file 300\npgfault 5\npgmajfault 2\n");
  file("g/io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n");
  file("g/pids.current", "4\n");
  file("g/pids.max", "9\n");
  auto usage = v2().usage("/g");
  ASSERT_TRUE(usage);
  EXPECT_EQ(30'000u, usage->cpu_ns);
  EXPECT_EQ(10'000u, usage->cpu_system_ns);
  EXPECT_EQ(2'000u, usage->throttled_ns);
  EXPECT_EQ(700u, usage->working_set);
  EXPECT_EQ(1500u, usage->memory_max);
  EXPECT_EQ(9u, usage->pids_limit);
  ASSERT_EQ(3u, usage->block_bytes.size());
  EXPECT_EQ("write", usage->block_bytes[1].op);
  EXPECT_EQ(2u, usage->block_bytes[1].value);
  EXPECT_EQ(4u, usage->block_operations[1].value);
  EXPECT_FALSE(v2().usage("/none"));
}

TEST_F(CgroupTest, EmptyParentsGoUpToTheTop) {
  auto cgroups = Cgroups::over_folders(dir_, Cgroups::Mode::kV2, {});
  ASSERT_TRUE(make_directories(dir_ + "/top/a/b/c"));
  ASSERT_TRUE(make_directories(dir_ + "/top/a/other"));
  cgroups.remove_empty_parents("/top/a/b/c/gone", "/top");
  EXPECT_FALSE(path_exists(dir_ + "/top/a/b"));
  EXPECT_TRUE(path_exists(dir_ + "/top/a/other"));
  cgroups.remove_empty_parents("/top/a/other/gone", "/top");
  EXPECT_FALSE(path_exists(dir_ + "/top/a"));
  EXPECT_TRUE(path_exists(dir_ + "/top"));
}

TEST_F(CgroupTest, Abilities) {
  file("g/memory.low");
  file("g/cpu.max");
  file("g/io.max");
  auto has = v2().abilities("/g");
  EXPECT_TRUE(has.memory && has.memory_reservation && has.cpu_quota && has.blkio_read_bps && has.pids);
  EXPECT_FALSE(has.swap || has.swappiness || has.oom_kill_disable || has.cpu_shares || has.blkio_weight || has.cpuset);
}

}  // namespace
}  // namespace reigen::linux
