// The engine: any server of the Docker Engine API. Thread-safe; everything blocks but what streams.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/value.h"
#include "base/byte_stream.h"
#include "base/clock.h"
#include "base/result.h"
#include "compose/interpolation.h"
#include "http/client.h"

namespace reigen::compose {

// "/containers/json" and its query, each value encoded.
std::string with_query(std::string_view path, std::initializer_list<std::pair<std::string_view, std::string>> query);

class EngineClient {
 public:
  // `host`: --host, else DOCKER_HOST, else unix:///var/run/docker.sock. unix://, tcp:// (with DOCKER_TLS_VERIFY and DOCKER_CERT_PATH), http(s)://.
  // Asks for the version; kUnavailable: "Cannot connect to the Docker daemon at X. Is the docker daemon running?".
  static Result<std::unique_ptr<EngineClient>> connect(std::string host, const Environment& environment);

  int minor() const { return minor_; }  // of the API version spoken, 1.minor
  const std::string& host() const { return host_; }

  // Errors: "Error response from daemon: TEXT", kNotFound for 404, kConflict for 409, kInvalidArgument for 400. An empty answer is null.
  Result<api::Value> get(const std::string& target);
  Result<api::Value> post(const std::string& target, const api::Value& body = {}, Duration timeout = std::chrono::minutes(2));
  Status remove(const std::string& target);
  Status put_archive(const std::string& target, std::string tar);

  // A long answer; 2xx only. `body_stream`: sent as it comes.
  Result<http::StreamResponse> stream(const std::string& method, const std::string& target, http::Headers headers = {}, std::string body = {},
                                      std::shared_ptr<ByteStream> body_stream = nullptr, Duration head_timeout = std::chrono::hours(24));
  // attach and exec: bytes both ways.
  Result<std::shared_ptr<ByteStream>> hijack(const std::string& target, const api::Value& body = {});

 private:
  EngineClient() = default;
  Result<api::Value> call(const std::string& method, const std::string& target, const api::Value& body, Duration timeout);
  Error lost(const Error& error) const;

  std::string host_, prefix_;
  int minor_ = 0;
  std::unique_ptr<http::Client> client_;
};

// Blocks for the next bytes; empty at the end.
Result<std::string> read_piece(ByteStream& stream, size_t max = 65536);
// Reads a stream of JSON texts to its end, one call each; an error of `each` ends it.
Status read_json_stream(ByteStream& stream, const std::function<Status(const api::Value&)>& each);

// Splits Docker's multiplexed streams (heads of 8 bytes) or passes raw bytes through.
class FrameReader {
 public:
  explicit FrameReader(bool raw) : raw_(raw) {}
  // Calls `out(stream, bytes)` (1: output, 2: error output) for what is complete, in pieces.
  void feed(std::string_view bytes, const std::function<void(int stream, std::string_view bytes)>& out);

 private:
  bool raw_;
  std::string head_;
  uint32_t left_ = 0;
  int stream_ = 1;
};

}  // namespace reigen::compose
