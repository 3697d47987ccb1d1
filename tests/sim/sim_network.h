// SimNetwork: the way to the API of whoever lives outside the server's process. While no server is connected, calls fail with kUnavailable;
// when one dies, calls under way fail and watches close.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>

#include "client/transport.h"

namespace reigen::sim {

class SimNetwork final : public client::Transport {
 public:
  // `alive` is asked before an answer is let through: a server that lost its disk says nothing more.
  void connect(client::Transport* server, std::function<bool()> alive);
  // Before the server goes.
  void disconnect();

  Result<client::Response> call(const client::Request& request) override;
  void call_async(client::Request request, client::CallDone done) override;
  Result<std::unique_ptr<client::WatchHandle>> watch(client::Request request, std::shared_ptr<client::WatchSink> sink) override;

 private:
  struct Watching {
    std::unique_ptr<client::WatchHandle> inner;
    std::shared_ptr<client::WatchSink> sink;
  };
  struct Handle;
  client::Transport* server_ = nullptr;
  std::function<bool()> alive_;
  std::map<uint64_t, client::CallDone> calls_;
  std::list<std::shared_ptr<Watching>> watches_;
  uint64_t next_call_ = 1;
};

}  // namespace reigen::sim
