// Network namespaces, pinned as files and entered by throw-away threads only.
//
// No call here changes the namespace of the calling thread. Root is needed (CAP_SYS_ADMIN); all functions block for a few
// milliseconds at most.
#pragma once

#include <functional>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace reigen::linux {

// Makes a network namespace with its loopback up and pins it at `path` (a file made here, under a folder that exists).
// kAlreadyExists when something is mounted there.
Status create_network_namespace(const std::string& path);

// Unpins and removes the file. Other holders (processes, descriptors) keep the namespace alive. A missing path is fine.
Status remove_network_namespace(const std::string& path);

// True when `path` is a pinned namespace (after a reboot the file may be there with nothing mounted on it).
bool is_network_namespace(const std::string& path);

// A descriptor of a pinned namespace, or of a process's with "/proc/PID/ns/net".
Result<Fd> open_network_namespace(const std::string& path);

// Runs fn on a new thread inside the namespace, waits for it and returns its status. Sockets made there stay in that
// namespace for ever and may be used from any thread.
Status in_network_namespace(int namespace_fd, const std::function<Status()>& fn);

// Inode number: the identity of a namespace while it lives.
Result<uint64_t> network_namespace_id(int namespace_fd);

}  // namespace reigen::linux
