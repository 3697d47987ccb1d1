#include "dns/message.h"

#include <algorithm>

namespace reigen::dns {
namespace {

constexpr size_t kMaxName = 255;
constexpr size_t kMaxLabel = 63;
constexpr size_t kMaxAnswers = 64;
constexpr int kMaxPointers = 32;
constexpr uint16_t kResponse = 0x8000, kAuthoritative = 0x0400, kTruncated = 0x0200, kRecursionDesired = 0x0100, kRecursionAvailable = 0x0080;
constexpr uint16_t kQuestionOffset = 0xc000 | kHeaderBytes;

void put16(std::string& out, uint32_t value) { out.append({static_cast<char>(value >> 8), static_cast<char>(value)}); }
void put32(std::string& out, uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}

class Reader {
 public:
  explicit Reader(std::string_view message, size_t at = 0) : message_(message), at_(at) {}

  bool ok() const { return ok_; }
  size_t at() const { return at_; }
  uint8_t u8() { return take(1) ? static_cast<uint8_t>(message_[at_ - 1]) : 0; }
  uint16_t u16() {
    uint16_t high = u8();
    return static_cast<uint16_t>(high << 8 | u8());
  }
  uint32_t u32() {
    uint32_t high = u16();
    return high << 16 | u16();
  }
  std::string_view bytes(size_t count) { return take(count) ? message_.substr(at_ - count, count) : std::string_view(); }

  // Follows pointers, which may only go back, so that it ends.
  std::string name() {
    std::string text;
    bool printable = true;
    size_t position = at_, length = 0, jumped_to = std::string_view::npos;
    for (int pointers = 0;;) {
      if (position >= message_.size()) return fail();
      auto size = static_cast<uint8_t>(message_[position]);
      if (size == 0) {
        if (jumped_to == std::string_view::npos) at_ = position + 1;
        return printable ? text : "\\";
      }
      if ((size & 0xc0) == 0xc0) {
        if (position + 1 >= message_.size() || ++pointers > kMaxPointers) return fail();
        size_t target = static_cast<size_t>(size & 0x3f) << 8 | static_cast<uint8_t>(message_[position + 1]);
        if (target >= position) return fail();
        if (jumped_to == std::string_view::npos) at_ = position + 2;
        jumped_to = position = target;
        continue;
      }
      length += size + 1u;
      if (size > kMaxLabel || length >= kMaxName || position + 1 + size > message_.size()) return fail();
      if (!text.empty()) text += '.';
      for (char c : message_.substr(position + 1, size)) {
        printable &= c > ' ' && c < 127 && c != '.' && c != '\\';
        text += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      }
      position += 1u + size;
    }
  }

 private:
  bool take(size_t count) {
    if (!ok_ || message_.size() - at_ < count) return ok_ = false;
    at_ += count;
    return true;
  }
  std::string fail() {
    ok_ = false;
    return {};
  }

  std::string_view message_;
  size_t at_;
  bool ok_ = true;
};

// Skips a record; an OPT tells what the asker takes.
void read_additional(Reader& in, Query& query) {
  std::string name = in.name();
  uint16_t type = in.u16();
  uint16_t size = in.u16();
  uint32_t flags = in.u32();
  in.bytes(in.u16());
  if (!in.ok() || type != static_cast<uint16_t>(Type::kOpt) || !name.empty()) return;
  query.edns = true;
  query.edns_version = static_cast<uint8_t>(flags >> 16);
  query.udp_bytes = std::clamp<size_t>(size, kMinUdpBytes, kMaxUdpBytes);
}

}  // namespace

std::optional<ParsedQuery> parse_query(std::string_view message) {
  if (message.size() < kHeaderBytes) return std::nullopt;
  Reader in(message);
  ParsedQuery parsed;
  Query& query = parsed.query;
  query.id = in.u16();
  uint16_t flags = in.u16();
  if (flags & kResponse) return std::nullopt;
  query.opcode = flags >> 11 & 15;
  query.recursion_desired = flags & kRecursionDesired;
  uint16_t questions = in.u16(), answers = in.u16(), authority = in.u16(), additional = in.u16();
  if (query.opcode != 0) {
    parsed.error = Rcode::kNotImplemented;
    return parsed;
  }
  query.name = in.name();
  query.type = in.u16();
  query.dns_class = in.u16();
  if (questions != 1 || answers != 0 || authority != 0 || !in.ok()) {
    parsed.error = Rcode::kFormatError;
    return parsed;
  }
  query.question = message.substr(kHeaderBytes, in.at() - kHeaderBytes);
  for (uint16_t i = 0; i < additional && in.ok(); i++) read_additional(in, query);
  if (!in.ok()) parsed.error = Rcode::kFormatError;
  return parsed;
}

std::optional<ParsedAnswer> parse_answer(std::string_view message) {
  if (message.size() < kHeaderBytes) return std::nullopt;
  Reader in(message);
  ParsedAnswer parsed;
  parsed.id = in.u16();
  uint16_t flags = in.u16();
  if (!(flags & kResponse)) return std::nullopt;
  parsed.rcode = static_cast<Rcode>(flags & 15);
  parsed.truncated = flags & kTruncated;
  uint16_t questions = in.u16(), answers = in.u16();
  in.u32();
  if (questions != 1) return parsed;
  in.name();
  in.u32();
  if (!in.ok()) return std::nullopt;
  parsed.question = message.substr(kHeaderBytes, in.at() - kHeaderBytes);
  for (uint16_t i = 0; i < answers && parsed.answers.size() < kMaxAnswers; i++) {
    Record record;
    record.name = in.name();
    record.type = static_cast<Type>(in.u16());
    in.u16();
    record.ttl_s = in.u32();
    size_t length = in.u16();
    size_t from = in.at();
    record.data = in.bytes(length);
    if (!in.ok()) break;
    if (record.type == Type::kCname) {
      Reader target(message, from);
      record.data = encode_name(target.name());
      if (!target.ok() || record.data.empty()) break;
    }
    bool fits = record.type == Type::kCname || (record.type == Type::kA && length == 4) || (record.type == Type::kAaaa && length == 16);
    if (fits) parsed.answers.push_back(std::move(record));
  }
  return parsed;
}

std::string encode_name(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    auto dot = std::min(name.find('.'), name.size());
    if (dot == 0 || dot > kMaxLabel) return {};
    out += static_cast<char>(dot);
    out += name.substr(0, dot);
    name.remove_prefix(std::min(name.size(), dot + 1));
  }
  out += '\0';
  return out.size() <= kMaxName ? out : std::string();
}

namespace {

void put_record(std::string& out, const Query& query, const Record& record) {
  if (record.name == query.name) put16(out, kQuestionOffset);
  else out += encode_name(record.name);
  put16(out, static_cast<uint16_t>(record.type));
  put16(out, 1);
  put32(out, record.ttl_s);
  put16(out, static_cast<uint32_t>(record.data.size()));
  out += record.data;
}

void set16(std::string& out, size_t at, uint32_t value) {
  out[at] = static_cast<char>(value >> 8);
  out[at + 1] = static_cast<char>(value);
}

constexpr size_t kOptBytes = 11;

void put_opt(std::string& out, const Query& query) {
  constexpr uint32_t kBadVersion = 1;
  out += '\0';
  put16(out, static_cast<uint16_t>(Type::kOpt));
  put16(out, kMaxUdpBytes);
  put32(out, query.edns_version > 0 ? kBadVersion << 24 : 0);
  put16(out, 0);
}

}  // namespace

std::string encode_answer(const Query& query, const Answer& answer, size_t limit) {
  std::string out;
  uint32_t flags = kResponse | kRecursionAvailable | static_cast<uint32_t>(query.opcode) << 11 | static_cast<uint32_t>(answer.rcode);
  if (answer.authoritative) flags |= kAuthoritative;
  if (query.recursion_desired) flags |= kRecursionDesired;
  put16(out, query.id);
  put16(out, flags);
  put16(out, query.question.empty() ? 0 : 1);
  out.append(6, '\0');
  out += query.question;
  size_t bare = out.size();
  size_t room = limit - std::min(limit, query.edns ? kOptBytes : 0);
  for (const Record& record : answer.answers) put_record(out, query, record);
  for (const Record& record : answer.authority) put_record(out, query, record);
  if (out.size() > room) {
    out.resize(bare);
    set16(out, 2, flags | kTruncated);
  } else {
    set16(out, 6, static_cast<uint32_t>(answer.answers.size()));
    set16(out, 8, static_cast<uint32_t>(answer.authority.size()));
    uint32_t added = 0;
    for (const Record& record : answer.additional) {
      size_t before = out.size();
      put_record(out, query, record);
      if (out.size() <= room) {
        added++;
        continue;
      }
      out.resize(before);
      break;
    }
    set16(out, 10, added);
  }
  if (query.edns) {
    put_opt(out, query);
    set16(out, 10, (static_cast<uint32_t>(static_cast<uint8_t>(out[10])) << 8 | static_cast<uint8_t>(out[11])) + 1);
  }
  return out;
}

std::string encode_query(uint16_t id, std::string_view name, uint16_t type) {
  std::string out;
  put16(out, id);
  put16(out, kRecursionDesired);
  put16(out, 1);
  out.append(6, '\0');
  out += encode_name(name);
  put16(out, type);
  put16(out, 1);
  return out;
}

}  // namespace reigen::dns
