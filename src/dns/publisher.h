// Publisher: follows Services, EndpointSlices and Namespaces and writes the helper's record file.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/ip.h"
#include "client/informer.h"

namespace reigen::dns {

struct PublisherOptions {
  std::string run_directory;  // the file is <run directory>/dns-records
  std::string domain = "cluster.local";
  std::vector<IpNetwork> cidrs;  // pods' and services': their reverse names are ours
  std::vector<IpAddress> name_servers;
};

// Writes nothing before all three have synced: until then the file of an earlier server holds. Then within 10 ms of a change, all that came
// in that time together. A failed write is tried again after a second. Informers and executor outlive it.
class Publisher {
 public:
  Publisher(client::Informers& informers, Executor& executor, PublisherOptions options);
  ~Publisher();

  void start();
  void stop();
  bool ready() const;  // written once

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace reigen::dns
