// How fast the embedded store commits, reads and lists. Prints one line a measure. Usage: store_bench [folder [memory]]
#include <fmt/core.h>
#include <malloc.h>
#include <stdio.h>

#include <atomic>
#include <functional>
#include <semaphore>
#include <thread>
#include <vector>

#include "base/files.h"
#include "base/log.h"
#include "store/embedded_store.h"

using namespace reigen;
using namespace reigen::store;

namespace {

double seconds_since(TimePoint begin) { return std::chrono::duration<double>(system_clock().now() - begin).count(); }

// `writers` chains, each with one write under way, the next sent when it is acknowledged.
void bench_chains(Store& store, int writers, int total, const char* what) {
  std::string value(1024, 'v');
  std::atomic<int> left = total, running = writers;
  std::binary_semaphore finished(0);
  std::function<void(int)> next = [&](int w) {
    int n = left.fetch_sub(1);
    if (n <= 0) {
      if (running.fetch_sub(1) == 1) finished.release();
      return;
    }
    store.write({.key = "/registry/pods/default/pod-" + std::to_string(n % 20000), .value = make_bytes(value)}, [&, w](auto) { next(w); });
  };
  auto begin = system_clock().now();
  for (int w = 0; w < writers; ++w) next(w);
  finished.acquire();
  fmt::print("{}: {:.0f} commits/s\n", what, total / seconds_since(begin));
}

void bench_threads(Store& store, int writers, int total, const char* what) {
  std::vector<std::thread> threads;
  std::string value(1024, 'v');
  auto begin = system_clock().now();
  for (int w = 0; w < writers; ++w) {
    threads.emplace_back([&, w] {
      for (int i = 0; i < total / writers; ++i)
        (void)write_and_wait(store, {.key = fmt::format("/registry/pods/ns-{}/pod-{}", w, i % 1000), .value = make_bytes(value)});
    });
  }
  for (auto& thread : threads) thread.join();
  fmt::print("{}: {:.0f} commits/s\n", what, total / seconds_since(begin));
}

void bench_reads(Store& store) {
  auto begin = system_clock().now();
  size_t found = 0;
  constexpr int kReads = 2'000'000;
  std::vector<std::string> keys;
  for (int i = 0; i < 20000; ++i) keys.push_back("/registry/pods/default/pod-" + std::to_string(i));
  for (int i = 0; i < kReads; ++i) found += *store.get(keys[static_cast<size_t>(i) * 7919 % keys.size()]) != nullptr;
  fmt::print("get: {:.0f} ns ({} found)\n", seconds_since(begin) / kReads * 1e9, found);
  begin = system_clock().now();
  auto list = store.list("/registry/pods/");
  fmt::print("list of {}: {:.2f} ms\n", list->entries.size(), seconds_since(begin) * 1e3);
}

void bench_memory() {
  // One arena, so that mallinfo2 sees everything.
  mallopt(M_ARENA_MAX, 1);
  size_t before = mallinfo2().uordblks;
  auto folder = *make_temporary_directory("/tmp", "store-bench-");
  {
    auto store = *EmbeddedStore::open({.directory = folder});
    constexpr int kKeys = 100'000;
    auto begin = system_clock().now();
    for (int i = 0; i < kKeys; i += 2000) {
      std::vector<Write> writes;
      for (int j = i; j < i + 2000; ++j)
        writes.push_back(
            {.key = fmt::format("/registry/pods/namespace-{:04}/deployment-5d8f7c9b4-{:05}", j % 50, j), .value = make_bytes(std::string(1000, 'v'))});
      std::binary_semaphore finished(0);
      store->write_batch(std::move(writes), [&](auto) { finished.release(); });
      finished.acquire();
    }
    (void)write_and_wait(*store, {.key = "/end", .value = make_bytes("x")});
    fmt::print("100,000 creations, 2000 a batch: {:.0f}/s\n", kKeys / seconds_since(begin));
    store->compact(store->current_revision());
    (void)write_and_wait(*store, {.key = "/end", .value = make_bytes("x")});
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    size_t now = mallinfo2().uordblks;
    fmt::print("memory: {} bytes a key beside 1000 of value (52 of them the key)\n", (now - before) / kKeys - 1000);
  }
  auto begin = system_clock().now();
  auto store = *EmbeddedStore::open({.directory = folder});
  fmt::print("open with {} keys: {:.0f} ms\n", store->stats().keys, seconds_since(begin) * 1e3);
  store.reset();
  (void)remove_tree(folder);
}

struct CountingSink : WatchSink {
  std::atomic<size_t> count = 0;
  void on_events(std::span<const EventPtr> events) override { count += events.size(); }
};

}  // namespace

int main(int argc, char** argv) {
  set_log_level(LogLevel::kWarning);
  setvbuf(stdout, nullptr, _IOLBF, 0);
  if (argc > 2) return bench_memory(), 0;
  auto folder = *make_temporary_directory(argc > 1 ? argv[1] : "/tmp", "store-bench-");
  {
    auto store = *EmbeddedStore::open({.directory = folder});
    bench_threads(*store, 1, 3000, "1 writer, waiting");
    bench_chains(*store, 32, 100'000, "32 writers");
    bench_threads(*store, 32, 32'000, "32 writers, each a waiting thread");
    std::vector<std::unique_ptr<Watch>> watches;
    auto sink = std::make_shared<CountingSink>();
    for (int i = 0; i < 1000; ++i) watches.push_back(*store->watch(fmt::format("/registry/pods/ns-{}/", i), 0, sink));
    bench_chains(*store, 32, 100'000, "32 writers, 1000 watches of other namespaces");
    bench_reads(*store);
    auto stats = store->stats();
    fmt::print("history: {} events, {} MB; file {} MB, wal {} MB; {:.1f} rows a commit\n", stats.history_events, stats.history_bytes >> 20,
               stats.file_bytes >> 20, stats.wal_bytes >> 20, static_cast<double>(stats.rows) / static_cast<double>(stats.commits));
  }
  (void)remove_tree(folder);
  bench_memory();
}
