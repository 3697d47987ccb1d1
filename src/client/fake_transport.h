// FakeTransport: an API of one kind in memory, for tests of what stands on Transport. Answers inline; versions are numbers.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "client/transport.h"

namespace reigen::client {

class FakeTransport final : public Transport {
 public:
  Result<Response> call(const Request& request) override;
  void call_async(Request request, CallDone done) override;
  Result<std::unique_ptr<WatchHandle>> watch(Request request, std::shared_ptr<WatchSink> sink) override;

  // Changes the state and tells the watches. put() sets the version; returns it.
  uint64_t put(api::Object object);
  void remove(const std::string& key);
  // The same, but watches see it only at deliver().
  void hold_events(bool hold);
  // Ends all watches; events from now on are missed by those who come back with an older version only after compact().
  void close_watches(std::optional<Error> error);
  void compact();  // older versions are Gone
  api::Object get(const std::string& key);

  // Called first; an error is the answer.
  std::function<Status(const Request&)> before;
  std::vector<Request> calls();
  int watches_started = 0, lists = 0;

 private:
  struct Change {
    uint64_t version;
    WatchType type;
    api::Object object;
  };
  struct Watching;
  class Handle;
  Result<Response> answer(const Request& request);
  Result<Response> write(const Request& request);
  void publish();

  std::mutex mutex_;
  std::map<std::string, api::Object> objects_;
  std::vector<Change> history_;
  std::vector<std::shared_ptr<Watching>> watches_;
  std::vector<Request> calls_;
  uint64_t version_ = 100;
  uint64_t compacted_ = 0;
  bool hold_ = false;
};

}  // namespace reigen::client
