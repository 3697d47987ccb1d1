#include "store/key_index.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace reigen::store {
namespace {

EntryPtr entry(std::string key) { return std::make_shared<const Entry>(Entry{std::move(key), make_bytes("v"), 1, 1}); }

TEST(KeyIndex, BehavesAsASortedMap) {
  std::mt19937_64 random(7);
  KeyIndex index;
  std::map<std::string, EntryPtr, std::less<>> model;
  for (int step = 0; step < 60'000; ++step) {
    // Ascending runs, random places, and times of shrinking.
    bool shrink = (step / 10'000) % 2 == 1;
    std::string key = "/k/" + std::to_string(step % 3 == 0 ? static_cast<uint64_t>(step) : random() % 4000);
    if (random() % 10 < (shrink ? 7u : 3u)) {
      EXPECT_EQ(index.erase(key), model.erase(key) == 1);
    } else {
      auto made = entry(key);
      index.put(made);
      model[key] = made;
    }
    if (step % 997 != 0) continue;
    ASSERT_EQ(index.size(), model.size());
    std::string from = "/k/" + std::to_string(random() % 5000), to = "/k/" + std::to_string(random() % 5000);
    std::vector<EntryPtr> got, want;
    index.scan(from, to, [&](const EntryPtr& e) { return got.push_back(e), true; });
    for (auto it = model.lower_bound(from); it != model.end() && it->first < to; ++it) want.push_back(it->second);
    ASSERT_EQ(got, want);
    ASSERT_EQ(index.count(from, to), want.size());
    ASSERT_EQ(index.count(from, ""), static_cast<size_t>(std::distance(model.lower_bound(from), model.end())));
    for (auto& [k, e] : model) ASSERT_EQ(*index.find(k), e);
    ASSERT_EQ(index.find(from + "x"), nullptr);
  }
}

TEST(KeyIndex, EndOfAPrefix) {
  EXPECT_EQ(prefix_end("/a/"), "/a0");
  EXPECT_EQ(prefix_end("a\xff"), "b");
  EXPECT_EQ(prefix_end("\xff"), "");
  EXPECT_EQ(prefix_end(""), "");
}

}  // namespace
}  // namespace reigen::store
