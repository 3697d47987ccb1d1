// ContainerWaits: requests that wait for a state of a container: a predicate and a callback each, run by the informer. Nothing polls. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "api/dockerv1.h"
#include "base/executor.h"
#include "base/guarded.h"
#include "base/result.h"
#include "client/informer.h"

namespace reigen::docker {

using ContainerPtr = std::shared_ptr<const api::dockerv1::Container>;

class ContainerWaits {
 public:
  static constexpr size_t kMax = 100'000;  // waits at once; more get kResourceExhausted

  // Of the newest state known, null when the container is gone; true ends the wait.
  using Predicate = std::move_only_function<bool(const ContainerPtr&)>;
  // The state the predicate took; kDeadlineExceeded. On the informer's strand or a thread of the executor: be short.
  using Done = std::move_only_function<void(Result<ContainerPtr>)>;
  using Id = uint64_t;

  // `find` gives the newest state known of a container.
  using Find = std::function<ContainerPtr(const std::string& id)>;
  ContainerWaits(client::Informers& informers, Find find, Executor& executor)
      : strand_(informers.strand()), find_(std::move(find)), state_(std::make_shared<State>()), executor_(executor) {}

  // The predicate is asked first on the informer's strand, behind the events of what was seen before, then at every change. `limit`: none with max().
  Id until(std::string container, Predicate predicate, Done done, Duration limit = Duration::max());
  void cancel(Id id);  // `done` is dropped

  // By the informer's handler.
  void changed(const std::string& container, const ContainerPtr& current);

 private:
  struct Wait {
    std::string container;
    Predicate predicate;
    Done done;
    TimerId timer = 0;
  };
  struct Table {
    std::map<Id, Wait> waits;
    std::multimap<std::string, Id> by_container;
    Id next = 1;
  };
  using State = Guarded<Table>;
  static Wait take(Table& table, Id id);
  void ask(Id id, const ContainerPtr& current);

  Strand strand_;
  Find find_;
  std::shared_ptr<State> state_;
  Executor& executor_;
  TaskGroup tasks_;
};

}  // namespace reigen::docker
