// For tests: a host of their own, as a network and mount namespace of the test process, with one neighbour behind a wire.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace reigen::network {

// Moves the calling process (its only thread so far) into new namespaces, once. The host has out0 192.168.77.1, the default route
// goes to the neighbour 192.168.77.2. Returns why not, or nothing.
std::string enter_test_host();

// The neighbour's pinned namespace, and the folder for pins.
std::string neighbour_path();
std::string test_folder();

// Runs a shell line in a pinned namespace (empty: the host) and returns its output, or "exit N: stderr".
std::string run_in(const std::string& netns_path, const std::string& line);

// A TCP server (a UDP one: udp) that answers every connection with `name` and the peer's address; runs until its owner is dropped.
class TestServer {
 public:
  TestServer(const std::string& netns_path, const std::string& name, int port, bool udp = false, const std::string& address = "0.0.0.0");
  ~TestServer();
  TestServer(const TestServer&) = delete;

 private:
  int pid_ = -1;
};

// What a server answers: "name peer-address", or an "exit ..." text.
std::string ask(const std::string& netns_path, const std::string& address, int port, bool udp = false);

}  // namespace reigen::network
