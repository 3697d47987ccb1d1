// DockerPublisher: follows Containers and writes the helper's file of Docker's names.
#pragma once

#include <memory>
#include <string>

#include "base/executor.h"
#include "client/informer.h"

namespace reigen::api::dockerv1 {
struct Container;
}

namespace reigen::dns {

struct DockerPublisherOptions {
  std::string run_directory;  // the file is <run directory>/docker-names
};

// Writes nothing before the Containers have synced: until then the file of an earlier server holds. Then within 10 ms of a change, all that came in that
// time together. A failed write is tried again after a second. Informers and executor outlive it.
class DockerPublisher {
 public:
  DockerPublisher(client::Informers& informers, Executor& executor, const DockerPublisherOptions& options);
  ~DockerPublisher();

  void start();
  void stop();

  // What a node says of a container of its own, at once: the names of a run that begins are there before its program, those of one that ends go
  // before its end is told. It counts from then on, whatever the informer shows, until the Container is gone. Thread-safe; blocks for the file.
  void put(const api::dockerv1::Container& container);
  bool ready() const;  // written once

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace reigen::dns
