// ExecStore: the instances of `docker exec`, from their creation until some time after their end. Thread-safe; forgotten with this process, as with
// Docker's live restore.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/dockerv1.h"
#include "base/clock.h"
#include "base/guarded.h"
#include "base/result.h"

namespace reigen::docker {

struct ExecInstance {
  struct State {
    bool started = false, running = false;
    std::optional<int> exit_code;
    int pid = 0;
    TimePoint ended{};
    int width = 0, height = 0;  // asked for before the start
    std::function<void(int width, int height)> resize;
  };
  std::string id, container;
  api::dockerv1::ExecConfig config;
  Guarded<State> state;
};
using ExecPtr = std::shared_ptr<ExecInstance>;

class ExecStore {
 public:
  static constexpr size_t kMaxPerContainer = 1000;
  static constexpr Duration kKept = std::chrono::minutes(5);  // after its end

  Status add(ExecPtr instance, TimePoint now);  // kResourceExhausted
  // "No such exec instance: x"
  Result<ExecPtr> find(std::string_view id);
  std::vector<std::string> open(std::string_view container);  // not ended yet, as inspect shows them
  void forget_container(std::string_view container);

 private:
  struct Table {
    std::map<std::string, ExecPtr, std::less<>> by_id;
    std::map<std::string, std::vector<ExecPtr>, std::less<>> by_container;
  };
  Guarded<Table> table_;
};

}  // namespace reigen::docker
