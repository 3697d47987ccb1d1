// Result and Error: how everything that can fail reports it.
//
// Exceptions never cross a module's border. An Error names what failed and where; each caller that knows more adds it with
// context(). `detail` carries a module's own richer error (for example a Kubernetes Status) through layers that do not know it.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace reigen {

// The reasons callers tell apart. The names follow gRPC's canonical codes where one fits.
enum class Code : unsigned char {
  kInvalidArgument,  // the input is wrong, whatever the state
  kNotFound,
  kAlreadyExists,
  kConflict,  // a precondition on the current state failed; read again and retry
  kPermissionDenied,
  kUnauthenticated,
  kResourceExhausted,  // a bound was reached: disk, memory, quota, queue
  kGone,               // the past revision asked for is no longer kept
  kUnavailable,        // may work later: not started, connection refused, shutting down
  kDeadlineExceeded,
  kCancelled,
  kUnimplemented,
  kDataLoss,  // stored bytes are corrupt or truncated
  kInternal,  // our own fault
};

std::string_view to_string(Code code);

class [[nodiscard]] Error {
 public:
  Error(Code code, std::string message) : code_(code), message_(std::move(message)) {}
  Error(Code code, std::string message, std::shared_ptr<const void> detail) : code_(code), message_(std::move(message)), detail_(std::move(detail)) {}

  Code code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::shared_ptr<const void>& detail() const { return detail_; }

  // Returns the same error with "what: " before its message.
  Error context(std::string_view what) const&;
  Error context(std::string_view what) &&;

 private:
  Code code_;
  std::string message_;
  std::shared_ptr<const void> detail_;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;
using Fail = std::unexpected<Error>;

// return fail(Code::kNotFound, "no image named x");
inline Fail fail(Code code, std::string message) { return Fail(Error(code, std::move(message))); }
inline Fail fail(Error error) { return Fail(std::move(error)); }

// An error from errno: "<what>: <strerror>", with the code that fits (ENOENT: kNotFound, ENOSPC: kResourceExhausted, ...).
Fail fail_errno(std::string_view what, int error_number);
Fail fail_errno(std::string_view what);  // uses the current errno
Code code_of_errno(int error_number);

}  // namespace reigen

// TRY(status_expression): returns its error from the enclosing function.
#define TRY(expression)                                             \
  do {                                                              \
    if (auto try_result_ = (expression); !try_result_) [[unlikely]] \
      return ::reigen::Fail(std::move(try_result_).error());        \
  } while (false)

#define REIGEN_CONCAT_INNER(a, b) a##b
#define REIGEN_CONCAT(a, b) REIGEN_CONCAT_INNER(a, b)
// TRY_ASSIGN(auto x, expression): the value, or returns the error.
#define TRY_ASSIGN(target, expression) TRY_ASSIGN_INNER(target, expression, REIGEN_CONCAT(try_value_, __LINE__))
#define TRY_ASSIGN_INNER(target, expression, name)  \
  auto name = (expression);                         \
  if (!name) [[unlikely]]                           \
    return ::reigen::Fail(std::move(name).error()); \
  target = std::move(*name)
