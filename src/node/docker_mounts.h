// What stands in a Docker container beside its layer: volumes, binds, tmpfs, and hosts, hostname, resolv.conf (docker_files.h).
//
// Volumes lie in <data>/volumes/<uid>/_data, with their options (local driver: tmpfs, bind, a device, nfs) mounted there while somebody
// uses them. A volume that is empty gets what the image has at its place, once, under the volume's lock.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "node/docker_view.h"
#include "runtime/runtime.h"

namespace reigen::node {

// All volumes of a node. Thread-safe; calls block.
class DockerVolumes {
 public:
  using Find = std::function<std::shared_ptr<const api::dockerv1::Volume>(const std::string& docker_name)>;

  DockerVolumes(std::string data_dir, Find find);

  std::string path(const api::dockerv1::Volume& volume) const;

  // Makes the volume's folder and mounts its options; `user` has it until release. Gives the folder.
  Result<std::string> acquire(const std::string& docker_name, const std::string& user);
  // As acquire, for what runs already and is mounted.
  void adopt(const std::string& docker_name, const std::string& user);
  void release(const std::string& user);
  // Fills an empty volume from `destination` in `root`.
  Status copy_up(const std::string& docker_name, const runtime::RootView& root, const std::string& destination);

  // Removes folders of volumes that are not in `live` (uids).
  void collect(const std::set<std::string>& live);
  std::vector<std::pair<std::string, uint64_t>> usage();  // uid and bytes
  std::vector<std::string> on_disk() const;               // uids
  Status remove(const std::string& uid);                  // one that is in use goes with its last user

 private:
  struct Entry {
    std::mutex mutex;  // of copy-up, mounting and unmounting
    std::set<std::string> users;
    bool mounted = false;
    bool doomed = false;  // its object is gone: the last user takes it along
  };
  std::shared_ptr<Entry> entry(const std::string& uid);
  Status remove_folder(const std::string& uid, Entry& held);  // with its lock

  const std::string data_dir_;
  const Find find_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;
};

struct DockerMountsInput {
  const DockerView& view;
  DockerVolumes& volumes;
  runtime::Runtime& runtime;
  runtime::Root root;
  std::string container_dir;   // <data>/containers/<id>, for subpaths/<user>
  std::string user;            // who has the volumes until release: a run, or a call
  std::string files_dir = {};  // where those three are, which stand where the user mounts nothing over them; empty: without
};

struct DockerMounts {
  std::vector<runtime::Mount> mounts;
  std::map<std::string, std::string> sources;  // on the host, by destination
  std::unique_ptr<runtime::RootView> view;     // of the layer, when copy-up needed one: kept, it spares a mount
};

// Makes everything that is mounted. Errors in Docker's words, with its status where that is another one than the code's.
Result<DockerMounts> prepare_docker_mounts(const DockerMountsInput& input);
// Takes back what prepare made for this user: subpaths, uses of volumes.
void release_docker_mounts(DockerVolumes& volumes, const std::string& user, const std::string& container_dir);

// Options of a tmpfs over Docker's own, of which the opposite of one is dropped.
std::vector<std::string> tmpfs_options(const std::vector<std::string>& given);
// flags and data of mount(2) from a local volume's `o`.
struct LocalOptions {
  unsigned long flags = 0;
  std::string data;
};
LocalOptions parse_local_options(const std::string& text);

}  // namespace reigen::node
