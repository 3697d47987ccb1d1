// DNS messages (RFC 1035, RFC 6891): reading queries and answers of others, writing our own.
//
// Names are texts of dot-separated labels without a last dot; the root is "". A name with a label that holds a dot or a byte that is
// not printable has no text: it reads as the label "\" alone, which nobody owns.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reigen::dns {

enum class Type : uint16_t { kA = 1, kNs = 2, kCname = 5, kSoa = 6, kPtr = 12, kTxt = 16, kAaaa = 28, kSrv = 33, kOpt = 41, kAny = 255 };
enum class Rcode : uint8_t { kOk = 0, kFormatError = 1, kServerFailure = 2, kNoSuchName = 3, kNotImplemented = 4, kRefused = 5 };

inline constexpr size_t kHeaderBytes = 12;
inline constexpr size_t kMinUdpBytes = 512;
inline constexpr size_t kMaxUdpBytes = 1232;  // what passes every path unfragmented; DNS flag day 2020

struct Query {
  uint16_t id = 0;
  uint8_t opcode = 0;
  bool recursion_desired = false;
  std::string name;  // in lower case
  uint16_t type = 0;
  uint16_t dns_class = 1;
  std::string question;  // the bytes, to be echoed as they came
  bool edns = false;
  uint8_t edns_version = 0;
  size_t udp_bytes = kMinUdpBytes;  // what the asker takes
};

// Nothing when no answer is due: no header, or itself an answer.
struct ParsedQuery {
  Query query;
  Rcode error = Rcode::kOk;  // answered with this when not kOk
};
std::optional<ParsedQuery> parse_query(std::string_view message);

struct Record {
  std::string name;
  Type type = Type::kA;
  uint32_t ttl_s = 0;
  std::string data;  // uncompressed
};

// The addresses and aliases in the answer section of another server's answer; stops at the first thing it does not understand.
struct ParsedAnswer {
  uint16_t id = 0;
  Rcode rcode = Rcode::kOk;
  bool truncated = false;
  std::string question;
  std::vector<Record> answers;  // A, AAAA, CNAME only; at most 64
};
std::optional<ParsedAnswer> parse_answer(std::string_view message);

// A name as bytes, uncompressed; empty when a label is empty or too long or the whole is longer than 255.
std::string encode_name(std::string_view name);

struct Answer {
  Rcode rcode = Rcode::kOk;
  bool authoritative = true;
  std::vector<Record> answers, authority, additional;
};

// At most `limit` bytes: what does not fit of `additional` is left out, of the others the answer is cut after the question and
// marked truncated.
std::string encode_answer(const Query& query, const Answer& answer, size_t limit);

// A query of our own.
std::string encode_query(uint16_t id, std::string_view name, uint16_t type);

}  // namespace reigen::dns
