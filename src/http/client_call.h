// One HTTP/1.1 request over a ByteStream, and the connections kept between requests. Internal to http.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "http/client.h"
#include "http/client_loops.h"
#include "http/http1_parser.h"
#include "http/io_loop.h"

namespace reigen::http {

// A connection to the server. While idle a read is outstanding, so that its end is noticed before it is used again.
class Channel : public std::enable_shared_from_this<Channel> {
 public:
  using ReadDone = ByteStream::ReadDone;
  explicit Channel(std::shared_ptr<ByteStream> stream) : stream(std::move(stream)) {}
  ~Channel() {
    if (stream) stream->close();
  }

  void fetch(ReadDone done);  // the next bytes, whatever their number
  void watch();               // reads ahead while nobody waits
  bool idle_and_alive();      // nothing unasked has arrived

  std::shared_ptr<ByteStream> stream;
  std::string unread;  // bytes behind the answer's head; used by one owner at a time
  bool reused = false;
  TimePoint idle_since{};

 private:
  void on_read(Result<std::string> bytes);
  std::mutex mutex_;
  bool outstanding_ = false;
  bool has_result_ = false;
  Result<std::string> result_;
  ReadDone waiting_;
};

enum class CallMode { kWhole, kStream, kUpgrade };
using HeadDone = std::move_only_function<void(Result<StreamResponse>)>;

class Call;

struct Client::State : std::enable_shared_from_this<Client::State> {
  explicit State(ClientOptions given);
  void execute(ClientRequest request, CallMode mode, HeadDone done);
  void connect(std::move_only_function<void(Result<std::shared_ptr<Channel>>)> done);
  std::shared_ptr<Channel> take_idle();
  void give_back(std::shared_ptr<Channel> channel);
  void add_call(std::shared_ptr<Call> call);
  void remove_call(Call* call);
  void sweep();  // ends calls that are past their deadline; loop thread
  void shut();

  ClientOptions options;
  Result<Url> url;
  std::mutex mutex;
  std::list<std::shared_ptr<Channel>> idle;
  std::set<std::shared_ptr<Call>> calls;
  bool sweeping = false;
  bool closed = false;
};

class Call : public std::enable_shared_from_this<Call> {
 public:
  Call(std::shared_ptr<Client::State> client, ClientRequest request, CallMode mode, HeadDone done);
  void begin();
  void cancel(const Error& error);
  Error reason(Error error);  // why it was cancelled, else `error`
  TimePoint deadline() const { return deadline_; }

 private:
  friend class AnswerBody;
  void use(std::shared_ptr<Channel> channel);
  std::string make_head() const;
  void send();
  void pump_body();
  void write_piece(std::string piece, bool last);
  void sent();
  void read_head();
  void on_bytes(Result<std::string> bytes);
  void on_head(size_t end);
  bool retry();
  void failed(const Error& error);
  void finish(Result<StreamResponse> result);
  void release(bool reusable);

  std::shared_ptr<Client::State> client_;
  ClientRequest request_;
  CallMode mode_;
  TimePoint deadline_;
  std::shared_ptr<Channel> channel_;
  std::string head_;
  size_t scanned_ = 0;
  bool retried_ = false;
  bool chunked_ = false;

  std::mutex mutex_;  // guards what follows
  HeadDone done_;
  bool sent_ = false;  // the request was written whole
  bool cancelled_ = false;
  std::optional<Error> cancel_reason_;
};

}  // namespace reigen::http
