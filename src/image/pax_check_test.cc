#include "image/pax_check.h"

#include <gtest/gtest.h>

#include <cstdio>

#include "image/tar_reader.h"
#include "image/test_archive.h"

namespace reigen::image {
namespace {

std::string block(const std::string& name, char type, size_t size) {
  std::string out(512, '\0');
  out.replace(0, name.size(), name);
  auto put = [&](size_t at, const char* form, auto value) {
    char text[16] = {};
    int length = std::snprintf(text, sizeof text, form, value);
    out.replace(at, static_cast<size_t>(length), text);
  };
  put(100, "%07o", 0644U);
  put(124, "%011zo", size);
  out[156] = type;
  out.replace(257, 8, std::string("ustar\00000", 8));
  unsigned sum = 8 * ' ';
  for (char c : out) sum += static_cast<unsigned char>(c);
  put(148, "%06o", sum);
  return out;
}

std::string padded(std::string data) {
  data.resize((data.size() + 511) / 512 * 512);
  return data;
}

std::string archive(const std::string& records) {
  return block("PaxHeaders/x", 'x', records.size()) + padded(records) + block("short", '0', 3) + padded("abc");
}

Result<std::vector<std::string>> names(const std::string& bytes) {
  StringSource source(bytes);
  TarReader reader(source);
  std::vector<std::string> out;
  while (true) {
    TRY_ASSIGN(auto entry, reader.next());
    if (!entry) return out;
    out.push_back(entry->path);
    while (true) {
      TRY_ASSIGN(auto piece, reader.block());
      if (!piece) break;
    }
  }
}

TEST(PaxCheck, ARecordOfAWrongLengthIsRefused) {
  auto right = names(archive("17 path=realname\n11 a=bcdef\n") + std::string(1024, '\0'));
  ASSERT_TRUE(right) << right.error().message();
  EXPECT_EQ(*right, std::vector<std::string>{"realname"});
  for (const char* wrong : {"16 path=realname\n11 a=bcdef\n", "18 path=realname\n11 a=bcdef\n", "170 path=realname\n", "x", "17 pathxrealname\n"}) {
    auto out = names(archive(wrong) + std::string(1024, '\0'));
    ASSERT_FALSE(out) << wrong;
    EXPECT_EQ(out.error().message(), "tar archive is corrupt: a pax record of the entry short has a wrong length") << wrong;
  }
}

TEST(PaxCheck, FollowsTheStreamInPiecesOfAnySize) {
  std::string bytes = block("a", '0', 700) + padded(std::string(700, 'x')) + archive("18 path=realname\n11 a=bcdef\n");
  for (size_t piece : {1, 100, 511, 512, 513, 5000}) {
    PaxCheck check;
    Status done;
    for (size_t at = 0; at < bytes.size() && done; at += piece) done = check.feed(std::string_view(bytes).substr(at, piece));
    EXPECT_FALSE(done) << piece;
  }
}

// Docker's client leaves the padding of its own Dockerfile out.
TEST(TarReader, OnlyThePaddingOfTheLastEntryMayBeMissing) {
  std::string bytes = block("one", '0', 3) + padded("abc") + block("two", '0', 600) + std::string(600, 'x');
  auto out = names(bytes);
  ASSERT_TRUE(out) << out.error().message();
  EXPECT_EQ(*out, (std::vector<std::string>{"one", "two"}));
  EXPECT_TRUE(names(bytes + std::string(100, '\0')));
  EXPECT_FALSE(names(bytes.substr(0, bytes.size() - 1)));
  EXPECT_FALSE(names(padded(bytes) + block("three", '0', 3).substr(0, 200)));
}

}  // namespace
}  // namespace reigen::image
