// What an HTTP message is made of: header fields, query, body, request, response. Plain values without threads.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace reigen {
class ByteStream;
}

namespace reigen::http {

// ASCII only, as header names and tokens are.
bool iequals(std::string_view a, std::string_view b);

// Ordered fields; names compare without case, several fields may have one name.
class Headers {
 public:
  struct Field {
    std::string name;
    std::string value;
  };

  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}

  void add(std::string name, std::string value) { fields_.push_back({std::move(name), std::move(value)}); }
  void set(std::string_view name, std::string value);  // replaces every field of that name
  void remove(std::string_view name);
  const std::string* find(std::string_view name) const;  // the first; null when absent
  std::string_view get(std::string_view name) const;     // the first; empty when absent
  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::vector<std::string_view> all(std::string_view name) const;
  // The elements of a comma-separated list over all fields of that name, trimmed; empty elements are left out.
  std::vector<std::string_view> list(std::string_view name) const;
  bool has_token(std::string_view name, std::string_view token) const;  // an element equal to token, without case

  void reserve(size_t n) { fields_.reserve(n); }
  bool empty() const { return fields_.empty(); }
  size_t size() const { return fields_.size(); }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }
  auto begin() { return fields_.begin(); }
  auto end() { return fields_.end(); }

 private:
  std::vector<Field> fields_;
};

// The decoded query of a URL, in order (application/x-www-form-urlencoded: '+' is a space).
class Query {
 public:
  static Query parse(std::string_view raw);

  void add(std::string name, std::string value) { values_.emplace_back(std::move(name), std::move(value)); }
  bool has(std::string_view name) const { return find(name) != nullptr; }
  const std::string* find(std::string_view name) const;
  std::string_view get(std::string_view name) const;  // the first; empty when absent
  std::vector<std::string_view> all(std::string_view name) const;
  std::string encode() const;
  bool empty() const { return values_.empty(); }
  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

// Percent decoding; false when an escape is malformed. `plus` turns '+' into a space.
bool percent_decode(std::string_view in, std::string& out, bool plus = false);
std::string percent_encode(std::string_view in);  // for one query value or path segment
std::string_view reason_phrase(int status);       // "OK"; empty for an unknown status

// Bytes of a message, owned or shared. Shared bytes are written without being copied.
class Body {
 public:
  Body() = default;
  Body(std::string bytes) : own_(std::move(bytes)) {}                            // NOLINT: implicit on purpose
  Body(const char* bytes) : own_(bytes) {}                                       // NOLINT
  Body(std::shared_ptr<const std::string> bytes) : shared_(std::move(bytes)) {}  // NOLINT

  std::string_view view() const { return shared_ ? std::string_view(*shared_) : std::string_view(own_); }
  size_t size() const { return shared_ ? shared_->size() : own_.size(); }
  bool empty() const { return size() == 0; }
  std::string& own() { return own_; }
  const std::shared_ptr<const std::string>& shared() const { return shared_; }

 private:
  std::string own_;
  std::shared_ptr<const std::string> shared_;
};

// The client's certificate, verified against the server's client CA bundle.
struct TlsPeer {
  std::string common_name;
  std::vector<std::string> organizations;
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;
  std::string der;
  WallTime not_before;
  WallTime not_after;
};

struct Request {
  std::string method;
  std::string target;                 // as received: path and query (absolute form is reduced to them)
  std::string path;                   // percent-decoded
  std::string raw_path;               // not decoded, without query
  std::vector<std::string> segments;  // of raw_path, split at '/', each decoded; empty ones left out
  std::string raw_query;
  Query query;
  Headers headers;
  std::string host;                         // Host or :authority
  std::string body;                         // whole, unless the body policy streams it
  std::shared_ptr<ByteStream> body_stream;  // set instead of body when the body policy says so; only its read side
  int version = 11;                         // 10, 11 or 20
  std::string remote_address;               // "10.0.0.1", or empty for a unix socket
  uint16_t remote_port = 0;
  bool is_tls = false;
  std::shared_ptr<const TlsPeer> peer;  // the verified client certificate, null when none
  std::string peer_error;               // why a presented client certificate was not accepted
};

// Fills path, raw_path, segments, raw_query and query from target. False when the target is malformed.
bool parse_target(Request& request);

struct Response {
  int status = 0;
  std::string reason;
  Headers headers;
  std::string body;
};

}  // namespace reigen::http
