#include "docker/container_waits.h"

namespace reigen::docker {

ContainerWaits::Id ContainerWaits::until(std::string container, Predicate predicate, Done done, Duration limit) {
  Id id;
  {
    auto table = state_->lock();
    if (table->waits.size() < kMax) {
      id = table->next++;
      table->by_container.emplace(container, id);
      table->waits[id] = {container, std::move(predicate), std::move(done)};
    } else {
      id = 0;
    }
  }
  if (id == 0) {
    done(fail(Code::kResourceExhausted, "too many requests wait for containers"));
    return 0;
  }
  if (limit != Duration::max()) {
    TimerId timer = executor_.after(limit, [state = state_, id] {
      Wait wait = take(*state->lock(), id);
      if (wait.done) wait.done(fail(Code::kDeadlineExceeded, "timed out waiting for container " + wait.container));
    });
    auto table = state_->lock();
    if (auto found = table->waits.find(id); found != table->waits.end()) found->second.timer = timer;
  }
  strand_.post(tasks_.wrap([this, id, container = std::move(container)] { ask(id, find_(container)); }));
  return id;
}

// Only on the strand, so that a wait is asked by one thread at a time; the predicate runs outside the lock.
void ContainerWaits::ask(Id id, const ContainerPtr& current) {
  Predicate predicate;
  {
    auto table = state_->lock();
    auto found = table->waits.find(id);
    if (found == table->waits.end()) return;
    predicate = std::move(found->second.predicate);
  }
  bool over = predicate(current);
  Wait wait;
  {
    auto table = state_->lock();
    auto found = table->waits.find(id);
    if (found == table->waits.end()) return;
    if (!over) {
      found->second.predicate = std::move(predicate);
      return;
    }
    wait = take(*table, id);
  }
  if (wait.timer) executor_.cancel(wait.timer);
  wait.done(current);
}

void ContainerWaits::changed(const std::string& container, const ContainerPtr& current) {
  std::vector<Id> ids;
  {
    auto table = state_->lock();
    auto [begin, end] = table->by_container.equal_range(container);
    for (auto each = begin; each != end; ++each) ids.push_back(each->second);
  }
  for (Id id : ids) ask(id, current);
}

ContainerWaits::Wait ContainerWaits::take(Table& table, Id id) {
  auto found = table.waits.find(id);
  if (found == table.waits.end()) return {};
  Wait wait = std::move(found->second);
  table.waits.erase(found);
  auto [begin, end] = table.by_container.equal_range(wait.container);
  for (auto each = begin; each != end; ++each) {
    if (each->second != id) continue;
    table.by_container.erase(each);
    break;
  }
  return wait;
}

void ContainerWaits::cancel(Id id) {
  Wait wait = take(*state_->lock(), id);
  if (wait.timer) executor_.cancel(wait.timer);
}

}  // namespace reigen::docker
