#include "store/store.h"

#include <future>

namespace reigen::store {

Result<Commit> write_and_wait(Store& store, Write write) {
  std::promise<Result<Commit>> promise;
  auto future = promise.get_future();
  store.write(std::move(write), [&promise](Result<Commit> result) { promise.set_value(std::move(result)); });
  return future.get();
}

Result<Commit> update_and_wait(Store& store, std::string key, Transform transform) {
  std::promise<Result<Commit>> promise;
  auto future = promise.get_future();
  store.update(std::move(key), std::move(transform), [&promise](Result<Commit> result) { promise.set_value(std::move(result)); });
  return future.get();
}

}  // namespace reigen::store
