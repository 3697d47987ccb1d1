// RUN --mount: what is shown to a program while a step runs and is no part of its layer.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"
#include "build/layer_maker.h"
#include "runtime/spec.h"

namespace reigen::build {

struct RunMount {
  enum class Type : unsigned char { kBind, kCache, kTmpfs, kSecret } type = Type::kBind;
  std::string target;
  std::string source;              // below `from`; of a bind and of a cache that is filled
  std::string from;                // a stage or an image; empty: the context
  std::string id;                  // of a cache or secret
  std::string sharing = "shared";  // locked, private
  bool read_only = true;
  bool required = false;
  std::optional<uint32_t> mode, uid, gid;
  uint64_t size = 0;  // of a tmpfs; 0: no bound of its own
};

// One flag's value, "type=cache,target=/x,…". kInvalidArgument in BuildKit's words; kUnimplemented names ssh and secrets as variables.
Result<RunMount> parse_run_mount(std::string_view text, const std::string& work_dir);

// The mounts of one step with what they need until it has ended: views, locks, files.
class RunMounts {
 public:
  RunMounts(image::ImageStore& store, LayerMaker& layers, const std::map<std::string, std::string>& secrets)
      : store_(store), layers_(layers), secrets_(secrets) {}

  ~RunMounts();
  RunMounts(const RunMounts&) = delete;
  RunMounts& operator=(const RunMounts&) = delete;

  // `root`: of a bind's source. Stays below it whatever links say; "" is the whole.
  Status bind(const RunMount& mount, const std::string& root);
  Status cache(const RunMount& mount);
  Status tmpfs(const RunMount& mount);
  Status secret(const RunMount& mount);
  void keep(LayerMaker::View view) { views_.push_back(std::move(view)); }

  const std::vector<runtime::Mount>& mounts() const { return mounts_; }

 private:
  Result<std::string> scratch();

  image::ImageStore& store_;
  LayerMaker& layers_;
  const std::map<std::string, std::string>& secrets_;
  std::vector<runtime::Mount> mounts_;
  std::vector<LayerMaker::View> views_;
  std::vector<std::string> bound_;  // mounted in our scratch folder
  std::vector<Fd> files_;           // locks
  std::string scratch_;
  size_t next_ = 0;
};

// A folder of --mount=type=cache.
struct CacheMount {
  std::string name;
  uint64_t bytes = 0;
  bool in_use = false;
  WallTime used{};  // when a step last began with it
};
// Those that can be read; they may go at any time.
std::vector<CacheMount> list_cache_mounts(image::ImageStore& store);
// Removes the caches that `want` takes (all without it) and no step uses; the bytes.
Result<uint64_t> prune_cache_mounts(image::ImageStore& store, const std::function<bool(const CacheMount&)>& want = {});

}  // namespace reigen::build
