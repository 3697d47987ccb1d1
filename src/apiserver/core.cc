#include "apiserver/core.h"

#include "apiserver/http_answer.h"
#include "apiserver/service_allocator.h"

namespace reigen::apiserver {

Core::Core(store::Store& store_, Executor& executor_, Random& random_, size_t cache_bytes)
    : store(store_),
      executor(executor_),
      random(random_),
      discovery(registry),
      cache(cache_bytes, executor_.clock()),
      reader(store_, registry, cache),
      rbac(reader),
      frames(std::make_unique<WatchFrames>()) {}
Core::~Core() = default;

}  // namespace reigen::apiserver
