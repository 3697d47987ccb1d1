// Compiled seccomp filters. crun compiles a container's profile with some 10 ms of processor time, for each container anew, unless the
// configuration brings the filter along. What it made of a profile is kept here, and the next container with that profile brings it.
//
// Thread-safe. At most 16 profiles; one more forgets the others.
#pragma once

#include <map>
#include <mutex>
#include <string>

namespace reigen::runtime {

class SeccompCache {
 public:
  // The annotation in which crun (1.7 and newer) takes a filter; others leave it alone and compile.
  static constexpr const char* kAnnotation = "run.oci.seccomp_bpf_data";

  // The annotation's value; empty when crun has not compiled such a profile yet.
  std::string find(const std::string& profile) const;
  // `file`: what crun made of `profile`. A file that is missing or no filter teaches nothing.
  void learn(const std::string& profile, const std::string& file);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> filters_;  // by profile; base64
};

}  // namespace reigen::runtime
