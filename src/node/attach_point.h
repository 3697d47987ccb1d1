// Where clients attach to a container, whether it runs or not: who comes early is parked until the next start and joined before the program's
// first instruction, so that no byte is lost. A terminal's size that comes early is kept likewise.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apiserver/node_containers.h"
#include "node/session_streams.h"
#include "runtime/runtime.h"

namespace reigen::node {

// Thread-safe.
class AttachPoint : public std::enable_shared_from_this<AttachPoint> {
 public:
  AttachPoint(Executor& executor, runtime::Runtime& runtime) : executor_(executor), runtime_(runtime) {}

  struct Wish {
    bool in = false, out = false, err = false, tty = false;
    bool stream = false;              // what is written from now on
    std::shared_ptr<ByteStream> log;  // comes first, framed already; null: none
  };
  // At most 1024 wait; kResourceExhausted beyond.
  Result<apiserver::ContainerStreams> attach(Wish wish);

  void resize(int width, int height);
  // The size asked for before the start; forgotten by run().
  std::optional<std::pair<int, int>> early_size() const;

  // The container `runtime_id` is held before its program: joins all who wait. One that cannot be joined is told its end. Blocks.
  void run(const std::string& runtime_id);
  // It runs already.
  void adopt(const std::string& runtime_id);
  void ended();  // later clients wait for the next start
  void close();  // the container is removed: who waits is told the end

 private:
  struct Client {
    std::shared_ptr<SessionStreams> streams;
    bool in = false;
  };
  void place(Client client, bool stream);
  void join(Client client, const std::string& runtime_id);

  Executor& executor_;
  runtime::Runtime& runtime_;
  mutable std::mutex mutex_;
  std::vector<Client> parked_;
  std::string runtime_id_;  // empty: does not run
  std::optional<std::pair<int, int>> size_;
  bool closed_ = false;
};

// The client's side of streams that may be joined later.
apiserver::ContainerStreams client_side(const std::shared_ptr<SessionStreams>& streams);

}  // namespace reigen::node
