#include "apiserver/validation/volume_overlaps.h"

#include "api/corev1.h"
#include "api/go_quote.h"
#include "api/metav1.h"

namespace reigen::apiserver {
namespace {

using namespace api::corev1;
using api::go_quote;

struct PathOf {
  std::string path;
  std::string source;
  std::string shown() const { return source.empty() ? go_quote(path) : go_quote(path) + " (" + source + ")"; }
};

bool overlap(const PathOf& a, const PathOf& b) {
  if (a.path.empty() || b.path.empty()) return false;
  std::string left = a.path + "/", right = b.path + "/";
  return left.starts_with(right) || right.starts_with(left);
}

// The paths of one volume so far, with a text for each overlap.
class Overlaps {
 public:
  void add(std::string path, const std::string& source) {
    while (path.ends_with('/')) path.pop_back();
    PathOf one{std::move(path), source};
    for (const PathOf& other : paths_)
      if (overlap(one, other)) texts_.push_back(one.shown() + " with " + other.shown());
    paths_.push_back(std::move(one));
  }
  template <class Items>
  void add_all(const Items& items, const std::string& source) {
    for (const auto& item : items) add(item.path, source);
  }
  void report(const std::string& volume, const std::string& what, std::vector<std::string>& texts) const {
    for (const std::string& text : texts_) texts.push_back("volume " + go_quote(volume) + " (" + what + "): overlapping paths: " + text);
  }

 private:
  std::vector<PathOf> paths_;
  std::vector<std::string> texts_;
};

void add_source(const VolumeProjection& source, Overlaps& overlaps) {
  if (source.config_map && !source.config_map->items.empty())
    return overlaps.add_all(source.config_map->items, "ConfigMap " + go_quote(source.config_map->name));
  if (source.secret && !source.secret->items.empty()) return overlaps.add_all(source.secret->items, "Secret " + go_quote(source.secret->name));
  if (source.downward_api && !source.downward_api->items.empty()) return overlaps.add_all(source.downward_api->items, "DownwardAPI");
  if (source.service_account_token) return overlaps.add(source.service_account_token->path, "ServiceAccountToken");
  if (!source.cluster_trust_bundle) return;
  const auto& bundle = *source.cluster_trust_bundle;
  overlaps.add(bundle.path, "ClusterTrustBundle " + go_quote(bundle.name ? *bundle.name : bundle.signer_name.value_or("")));
}

bool is_empty(const VolumeProjection& source) {
  return !source.config_map && !source.secret && !source.downward_api && !source.service_account_token && !source.cluster_trust_bundle;
}

}  // namespace

void warn_of_overlaps(const std::vector<Volume>& volumes, std::vector<std::string>& texts) {
  for (const Volume& volume : volumes) {
    auto look = [&](const auto& items, const std::string& what) {
      Overlaps overlaps;
      overlaps.add_all(items, "");
      overlaps.report(volume.name, what, texts);
    };
    if (volume.config_map) look(volume.config_map->items, "ConfigMap " + go_quote(volume.config_map->name));
    if (volume.secret) look(volume.secret->items, "Secret " + go_quote(volume.secret->secret_name));
    if (volume.downward_api) look(volume.downward_api->items, "DownwardAPI");
    if (!volume.projected) continue;
    Overlaps overlaps;
    for (const auto& source : volume.projected->sources) {
      if (is_empty(source)) texts.push_back("volume " + go_quote(volume.name) + " (Projected) has no sources provided");
      else add_source(source, overlaps);
    }
    overlaps.report(volume.name, "Projected", texts);
  }
}

}  // namespace reigen::apiserver
