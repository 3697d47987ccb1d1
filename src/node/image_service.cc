#include "node/image_service.h"

#include <sys/statvfs.h>

#include <algorithm>

#include "image/image_store.h"
#include "image/puller.h"

namespace reigen::node {
namespace {

constexpr unsigned kParallelPulls = 3;

class StoreImageService final : public ImageService {
 public:
  StoreImageService(image::ImageStore& store, image::Puller& puller) : store_(store), puller_(puller), executor_(kParallelPulls, "pull") {}
  ~StoreImageService() override { tasks_.stop(); }

  Result<ImageInfo> find(const std::string& name) override {
    TRY_ASSIGN(auto record, store_.find(name));
    return describe(record, name);
  }

  Result<ImageInfo> find_id(const std::string& id) override {
    image::ImageRecord record;
    if (auto found = store_.find(id)) record = std::move(*found);
    else record.id = id;
    return describe(record, "");
  }

  std::string scratch_directory() const override { return store_.directory() + "/tmp"; }

  void pull(const std::string& name, std::vector<std::string> docker_configs, std::move_only_function<void(Result<ImageInfo>)> done) override {
    executor_.post(tasks_.wrap([this, name, configs = std::move(docker_configs), done = std::move(done)]() mutable { done(pull_now(name, configs)); }));
  }

  Status pin(const std::string& owner, const std::string& image_id) override { return store_.pin(owner, image_id); }
  Status unpin(const std::string& owner) override { return store_.unpin(owner); }

  std::vector<NodeImage> list() override {
    std::vector<NodeImage> out;
    auto records = store_.list();
    if (!records) return out;
    for (const auto& record : *records) {
      NodeImage image{record.repo_digests, record.size};
      image.names.insert(image.names.end(), record.names.begin(), record.names.end());
      if (!image.names.empty()) out.push_back(std::move(image));
    }
    std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.size > b.size; });
    return out;
  }

  std::vector<StoredImage> list_all() override {
    std::vector<StoredImage> out;
    auto records = store_.list();
    auto pins = store_.pins();
    if (!records || !pins) return out;
    for (const auto& record : *records) {
      bool pinned = std::any_of(pins->begin(), pins->end(), [&](const auto& pin) { return pin.second == record.id; });
      out.push_back({record.id, record.size, WallTime(std::chrono::seconds(record.added_s)), !record.repo_digests.empty(), pinned});
    }
    return out;
  }

  Result<DiskSpace> disk() override {
    struct statvfs fs{};
    if (::statvfs(store_.directory().c_str(), &fs) != 0) return fail_errno("size of the file system of " + store_.directory());
    return DiskSpace{fs.f_blocks * fs.f_frsize, fs.f_bavail * fs.f_frsize};
  }

  // Name by name and never by force, so that an image that gets a user meanwhile stays.
  Status remove(const std::string& id) override {
    TRY_ASSIGN(auto record, store_.find(id));
    for (size_t i = 0; i + 1 < record.names.size(); ++i) TRY(store_.remove(record.names[i]));
    TRY(store_.remove(record.id));
    return {};
  }

 private:
  Result<ImageInfo> pull_now(const std::string& name, const std::vector<std::string>& configs) {
    TRY_ASSIGN(auto reference, image::parse_reference(name));
    image::PullOptions options;
    for (const auto& config : configs) {
      auto found = image::match_credentials(config, reference);
      if (found) options.credentials.insert(options.credentials.end(), found->begin(), found->end());
    }
    TRY_ASSIGN(auto record, puller_.pull(reference, options));
    return describe(record, name);
  }

  Result<ImageInfo> describe(const image::ImageRecord& record, const std::string& name) {
    ImageInfo info;
    info.id = record.id;
    info.ref = record.id;
    info.size = record.size;
    if (auto reference = image::parse_reference(name)) {
      for (const auto& digest : record.repo_digests) {
        if (digest.starts_with(reference->name() + "@")) info.ref = digest;
      }
    }
    if (info.ref == record.id && !record.repo_digests.empty()) info.ref = record.repo_digests.front();
    TRY_ASSIGN(info.layers, store_.layer_dirs(record.id));
    TRY_ASSIGN(auto config, store_.config(record.id));
    info.entrypoint = config.entrypoint;
    info.cmd = config.cmd;
    info.env = config.env;
    info.volumes = config.volumes;
    info.user = config.user;
    info.working_dir = config.working_dir;
    info.stop_signal = config.stop_signal;
    return info;
  }

  image::ImageStore& store_;
  image::Puller& puller_;
  ThreadExecutor executor_;
  TaskGroup tasks_;
};

class HollowImageService final : public ImageService {
 public:
  Result<ImageInfo> find(const std::string& name) override { return ImageInfo{.id = "sha256:hollow", .ref = name, .cmd = {"hollow"}}; }
  void pull(const std::string& name, std::vector<std::string>, std::move_only_function<void(Result<ImageInfo>)> done) override { done(find(name)); }
  Status pin(const std::string&, const std::string&) override { return {}; }
  Status unpin(const std::string&) override { return {}; }
  std::vector<NodeImage> list() override { return {}; }
  std::vector<StoredImage> list_all() override { return {}; }
  Result<DiskSpace> disk() override { return DiskSpace(); }
  Status remove(const std::string&) override { return {}; }
};

}  // namespace

std::unique_ptr<ImageService> make_image_service(image::ImageStore& store, image::Puller& puller) { return std::make_unique<StoreImageService>(store, puller); }
std::unique_ptr<ImageService> make_hollow_image_service() { return std::make_unique<HollowImageService>(); }

}  // namespace reigen::node
