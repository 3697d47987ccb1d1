#include "image/pax_check.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace reigen::image {
namespace {

constexpr uint64_t kBlock = 512;
constexpr uint64_t kMaxRecords = 1 << 20;  // libarchive refuses longer ones

uint64_t padding_of(uint64_t size) { return (kBlock - size % kBlock) % kBlock; }

std::string text_of(std::string_view field) { return std::string(field.substr(0, field.find('\0'))); }

// Octal digits, or a big-endian number behind a set first bit. Nothing: neither, or too large to go on from.
std::optional<uint64_t> number_of(std::string_view field) {
  uint64_t out = 0;
  if (static_cast<unsigned char>(field[0]) & 0x80) {
    for (size_t i = 0; i < field.size(); ++i) {
      if (out >> 48) return std::nullopt;
      unsigned char byte = static_cast<unsigned char>(field[i]);
      out = out << 8 | (i == 0 ? byte & 0x7fu : byte);
    }
    return out;
  }
  while (!field.empty() && field.front() == ' ') field.remove_prefix(1);
  for (char c : field) {
    if (c < '0' || c > '7') return c == ' ' || c == '\0' ? std::optional(out) : std::nullopt;
    out = out * 8 + static_cast<uint64_t>(c - '0');
  }
  return out;
}

bool checksum_holds(std::string_view block) {
  auto told = number_of(block.substr(148, 8));
  uint64_t sum = 0;
  for (size_t i = 0; i < block.size(); ++i) sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(block[i]);
  return told && *told == sum;
}

}  // namespace

void PaxCheck::collect(Part part, uint64_t bytes) {
  part_ = part;
  wanted_ = bytes;
  held_.clear();
}

Status PaxCheck::feed(std::string_view data) {
  while (!data.empty() && part_ != Part::kNothing) {
    uint64_t count = std::min<uint64_t>(skip_, data.size());
    skip_ -= count;
    data.remove_prefix(count);
    if (skip_ > 0) break;
    count = std::min<uint64_t>(wanted_ - held_.size(), data.size());
    held_ += data.substr(0, count);
    data.remove_prefix(count);
    if (held_.size() == wanted_) TRY(take_block());
  }
  return {};
}

Status PaxCheck::take_block() {
  if (part_ == Part::kHeader) return take_header();
  if (part_ == Part::kRecords) {
    take_records();
    skip_ = padding_of(wanted_);
    collect(Part::kHeader, kBlock);
  } else if (held_[504] != 0) {  // a sparse file's map goes on
    collect(Part::kMoreHeader, kBlock);
  } else {
    skip_ = body_;
    collect(Part::kHeader, kBlock);
  }
  return {};
}

// "30 path=a name\n", one after the other.
void PaxCheck::take_records() {
  std::string_view rest = held_;
  while (!rest.empty() && !broken_) {
    uint64_t length = 0;
    auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), length);
    size_t digits = static_cast<size_t>(end - rest.data());
    broken_ = error != std::errc() || digits == rest.size() || *end != ' ' || length > rest.size() || length < digits + 3 || rest[length - 1] != '\n';
    if (broken_) return;
    auto record = rest.substr(digits + 1, length - digits - 2);
    auto equals = record.find('=');
    broken_ = equals == std::string_view::npos || equals == 0;
    if (broken_) return;
    if (record.starts_with("path=")) path_ = record.substr(5);
    if (record.starts_with("size=")) size_ = record.substr(5);
    rest.remove_prefix(length);
  }
}

Status PaxCheck::take_header() {
  std::string_view block = held_;
  auto size = number_of(block.substr(124, 12));
  if (!checksum_holds(block) || !size) {  // also the zeros at the end
    part_ = Part::kNothing;
    return {};
  }
  char type = block[156];
  if (type == 'x' || type == 'g') {
    if (*size == 0) collect(Part::kHeader, kBlock);
    else collect(*size > kMaxRecords ? Part::kNothing : Part::kRecords, *size);
    return {};
  }
  if (broken_) {
    std::string name = text_of(block.substr(0, 100)), prefix = block.substr(257, 6) == std::string_view("ustar\0", 6) ? text_of(block.substr(345, 155)) : "";
    if (!prefix.empty()) name = prefix + "/" + name;
    return fail(Code::kDataLoss, "tar archive is corrupt: a pax record of the entry " + (path_.empty() ? name : path_) + " has a wrong length");
  }
  if (type == '1' && *size > 0) {  // whether contents follow is told by nobody
    part_ = Part::kNothing;
    return {};
  }
  uint64_t body = type >= '2' && type <= '6' ? 0 : *size;
  if (!size_.empty() && type != 'L' && type != 'K') std::from_chars(size_.data(), size_.data() + size_.size(), body);
  if (body > uint64_t{1} << 60) body = 0;
  body_ = body + padding_of(body);
  if (type != 'L' && type != 'K') {
    path_.clear();
    size_.clear();
  }
  bool more = type == 'S' && block[482] != 0;
  skip_ = more ? 0 : body_;
  collect(more ? Part::kMoreHeader : Part::kHeader, kBlock);
  return {};
}

}  // namespace reigen::image
