#include "image/puller.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include "image/digest.h"
#include "image/image_writer.h"
#include "image/manifest.h"
#include "image/registry_client.h"

namespace reigen::image {
namespace {

// What two pulls must share to share one download; credentials only by their digest.
std::string key_of(const Reference& reference, const PullOptions& options) {
  std::string secrets;
  for (const auto& c : options.credentials) secrets += c.username + "\n" + c.password + "\n" + c.identity_token + "\n" + c.registry_token + "\n";
  return reference.str() + " " + options.platform.str() + " " + digest_of(secrets);
}

class PullJob {
 public:
  PullJob(ImageStore& store, const PullerOptions& settings, const Reference& reference, const PullOptions& options)
      : store_(store), reference_(reference), options_(options), client_(reference, settings, options) {}

  Result<ImageRecord> run(std::string* digest) {
    TRY_ASSIGN(writer_, ImageWriter::begin(store_));
    std::string tag = reference_.digest.empty() ? reference_.tag : reference_.digest;
    TRY_ASSIGN(auto top, client_.manifest(tag));
    std::string top_digest = digest_of(top), text = top;
    for (int depth = 0;; ++depth) {
      TRY_ASSIGN(bool index, is_index(text));
      if (!index) break;
      if (depth > 2) return fail(Code::kInvalidArgument, "indexes are nested too deep");
      TRY_ASSIGN(auto list, parse_index(text));
      TRY_ASSIGN(auto chosen, choose_platform(list, options_.platform));
      TRY_ASSIGN(text, client_.manifest(chosen.digest));
    }
    *digest = top_digest;
    TRY_ASSIGN(auto manifest, parse_manifest(text));
    TRY_ASSIGN(auto config_text, client_.document(manifest.config.digest));
    TRY_ASSIGN(auto config, parse_image_config(config_text));
    if (config.diff_ids.size() != manifest.layers.size())
      return fail(Code::kInvalidArgument,
                  "the configuration lists " + std::to_string(config.diff_ids.size()) + " layers, the manifest " + std::to_string(manifest.layers.size()));
    TRY(fetch(manifest, config));
    TRY(unpack(manifest, config));
    std::vector<std::string> names;
    if (reference_.digest.empty()) names.push_back(reference_.store_name());
    return writer_->commit(config_text, text, names, {reference_.name() + "@" + top_digest});
  }

 private:
  void tell(const std::string& digest, const char* status, uint64_t current = 0, uint64_t total = 0) {
    if (options_.progress) options_.progress({digest, status, current, total});
  }
  std::string path_of(const std::string& digest) const { return writer_->directory() + "/pull-" + hex_of(digest); }

  Status fetch(const Manifest& manifest, const ImageConfig& config) {
    std::vector<Download> wanted;
    std::set<std::string> seen;
    std::string chain;
    uint64_t total = 0;
    for (size_t i = 0; i < manifest.layers.size(); ++i) {
      const auto& layer = manifest.layers[i];
      chain = chain_id(chain, config.diff_ids[i]);
      if (writer_->find_layer(chain)) {
        tell(layer.digest, "Already exists");
        continue;
      }
      if (!seen.insert(layer.digest).second) continue;
      tell(layer.digest, "Pulling fs layer");
      total += static_cast<uint64_t>(layer.size);
      wanted.push_back({layer.digest, path_of(layer.digest), static_cast<uint64_t>(layer.size)});
    }
    if (total > store_.limits().archive_bytes)
      return fail(Code::kResourceExhausted, "the layers have more than " + std::to_string(store_.limits().archive_bytes) + " bytes");
    if (wanted.empty()) return {};
    return client_.download(
        wanted, [this](const Download& file, uint64_t have) { tell(file.digest, have == file.size ? "Download complete" : "Downloading", have, file.size); });
  }

  Status unpack(const Manifest& manifest, const ImageConfig& config) {
    std::string chain;
    for (size_t i = 0; i < manifest.layers.size(); ++i) {
      if (options_.cancel && options_.cancel->load()) return fail(Code::kCancelled, "cancelled");
      const auto& layer = manifest.layers[i];
      std::string next = chain_id(chain, config.diff_ids[i]);
      bool known = writer_->find_layer(next).has_value();
      if (!known) tell(layer.digest, "Extracting");
      ImageWriter::Packed packed;
      packed.path = path_of(layer.digest);
      packed.owned = true;
      packed.label = "layer " + layer.digest;
      packed.media_type = layer.media_type;
      packed.digest = layer.digest;
      packed.diff_id = config.diff_ids[i];
      TRY(writer_->add_layer(chain, packed));
      if (!known) tell(layer.digest, "Pull complete", static_cast<uint64_t>(layer.size), static_cast<uint64_t>(layer.size));
      chain = std::move(next);
    }
    return {};
  }

  ImageStore& store_;
  const Reference& reference_;
  const PullOptions& options_;
  RegistryClient client_;
  std::unique_ptr<ImageWriter> writer_;
};

}  // namespace

struct Puller::Pulled {
  ImageRecord image;
  std::string digest;  // of what the reference names: a manifest or an index
};

struct Puller::Pull {
  bool done = false;
  Result<Pulled> result = fail(Code::kInternal, "pull was not finished");
};

struct Puller::State {
  ImageStore& store;
  PullerOptions options;
  std::mutex mutex;
  std::condition_variable ended;
  std::map<std::string, std::shared_ptr<Pull>> running;
};

Puller::Puller(ImageStore& store, PullerOptions options) : state_(new State{store, std::move(options), {}, {}, {}}) {}
Puller::~Puller() = default;

const PullerOptions& Puller::options() const { return state_->options; }

Result<std::vector<std::string>> Puller::tags(const Reference& repository, const PullOptions& options) {
  return RegistryClient(repository, state_->options, options).tags();
}

Result<ImageRecord> Puller::pull(const Reference& reference, const PullOptions& options) {
  auto before = state_->store.find(reference.store_name());
  auto out = share(reference, options);
  if (!out) return fail(std::move(out).error());
  if (options.note) {
    options.note("Digest: " + out->digest);
    bool same = before && before->id == out->image.id;
    options.note(std::string("Status: ") + (same ? "Image is up to date for " : "Downloaded newer image for ") + reference.familiar());
  }
  return std::move(out->image);
}

Result<Puller::Pulled> Puller::share(const Reference& reference, const PullOptions& options) {
  std::string key = key_of(reference, options);
  std::shared_ptr<Pull> mine;
  {
    std::unique_lock lock(state_->mutex);
    auto [it, first] = state_->running.try_emplace(key);
    if (!first) {
      auto other = it->second;
      state_->ended.wait(lock, [&] { return other->done; });
      return other->result;
    }
    mine = it->second = std::make_shared<Pull>();
  }
  Result<Pulled> result = Pulled{};
  if (auto image = PullJob(state_->store, state_->options, reference, options).run(&result->digest)) result->image = std::move(*image);
  else result = fail(std::move(image).error());
  std::lock_guard lock(state_->mutex);
  mine->result = result;
  mine->done = true;
  state_->running.erase(key);
  state_->ended.notify_all();
  return result;
}

}  // namespace reigen::image
