// Call: one request to the Docker endpoint on its way to its handler, and how the handler answers.
//
// A handler runs on one of the endpoint's threads (Route::pool) and may block on the API for a moment; whoever waits for time or for a
// state keeps the Call (it is moved, never copied) and answers later from any thread. Dropping it without an answer answers 500.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/value.h"
#include "base/byte_stream.h"
#include "base/result.h"
#include "docker/api_version.h"
#include "http/message.h"
#include "http/server.h"

namespace reigen::docker {

struct Engine;  // engine.h

struct Call {
  std::shared_ptr<http::Request> request;
  std::shared_ptr<http::Responder> responder;
  ApiVersion version;
  std::vector<std::string> params;  // what the pattern's {} and {*} stand for, decoded
  Engine& engine;

  Call(std::shared_ptr<http::Request> request_, std::shared_ptr<http::Responder> responder_, ApiVersion version_, std::vector<std::string> params_,
       Engine& engine_)
      : request(std::move(request_)), responder(std::move(responder_)), version(version_), params(std::move(params_)), engine(engine_) {}
  Call(Call&&) = default;
  Call(const Call&) = delete;

  // Of the query; empty when absent.
  std::string_view arg(std::string_view name) const { return request->query.get(name); }
  bool has(std::string_view name) const { return request->query.has(name); }
  // Docker's idea of true: anything but "", 0, no, false, none.
  bool flag(std::string_view name) const;
  bool flag_or(std::string_view name, bool absent) const { return has(name) ? flag(name) : absent; }
  // strconv.Atoi's errors in Docker's words; nothing sent gives `absent`.
  Result<int64_t> number(std::string_view name, int64_t absent) const;

  // The JSON body, its content type checked as Docker does. An empty body is `null` when `may_be_empty`.
  Result<api::Value> json_body(bool may_be_empty = false) const;

  // A terminal's height and width, which both must be there.
  Result<std::pair<int, int>> terminal_size() const;

  // Answers. `endpoint` names the rows of version_table.h that bring the value down to the client's version; empty: none.
  void json(int status, api::Value value, std::string_view endpoint = {});
  void json_text(int status, std::string line);  // as it is
  void empty(int status);                        // 204, 304, or 200 without a body
  void text(int status, std::string body);
  void error(const Error& error);
};

// "application/json" for what an answer says, with the headers every answer of the endpoint has.
http::Headers answer_headers(std::string_view content_type);

}  // namespace reigen::docker
