#include "build/layer_maker.h"

#include <sys/stat.h>

#include <ctime>

#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "image/digest.h"
#include "linux/mount.h"

namespace reigen::build {
namespace {

constexpr std::string_view kFormat = "reigen-build-1";

}  // namespace

std::string format_time(int64_t unix_seconds) {
  std::time_t time = unix_seconds;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

LayerMaker::View& LayerMaker::View::operator=(View&& other) noexcept {
  std::swap(folder_, other.folder_);
  std::swap(root_, other.root_);
  std::swap(upper_, other.upper_);
  std::swap(scratch_, other.scratch_);
  return *this;
}

LayerMaker::View::~View() {
  if (folder_.empty()) return;
  if (auto gone = linux::unmount(root_); !gone) LOG(kWarning, "build", "{}", gone.error().message());
  if (auto gone = remove_tree(folder_); !gone) LOG(kWarning, "build", "{}", gone.error().message());
}

Result<std::vector<std::string>> LayerMaker::folders(const Stage& stage) const {
  std::vector<std::string> out;
  std::string chain;
  for (const auto& diff : stage.config.diff_ids) {
    chain = image::chain_id(chain, diff);
    if (!writer_.find_layer(chain)) return fail(Code::kNotFound, "layer " + diff + " is not in the store");
    out.push_back(store_.layer_path(chain));
  }
  if (out.empty()) out.push_back(store_.directory() + "/layers/empty/diff");
  return out;
}

Result<std::string> LayerMaker::new_folder(const std::string& name) {
  std::string out = writer_.directory() + "/" + name + "-" + std::to_string(next_++);
  TRY(make_directories(out, 0755));
  return out;
}

Result<LayerMaker::View> LayerMaker::view(const Stage& stage) {
  TRY_ASSIGN(auto layers, folders(stage));
  return view_of(layers);
}

Result<LayerMaker::View> LayerMaker::view_of(const std::vector<std::string>& layers) {
  View out;
  std::string folder = writer_.directory() + "/step-" + std::to_string(next_++);
  for (const char* name : {"/root", "/upper", "/work", "/scratch"}) TRY(make_directories(folder + name, 0755));
  TRY(linux::mount_overlay(folder + "/root", layers, folder + "/upper", folder + "/work"));
  out.folder_ = folder;
  out.root_ = folder + "/root";
  out.upper_ = folder + "/upper";
  out.scratch_ = folder + "/scratch";
  return out;
}

std::string LayerMaker::key(const Stage& stage, const std::vector<std::string>& parts) {
  image::Sha256 hash;
  auto add = [&](std::string_view text) {
    hash.update(std::to_string(text.size()) + ":");
    hash.update(text);
  };
  add(kFormat);
  add(stage.chain);
  add(stage.config.architecture + "/" + stage.config.variant);
  for (const auto& part : parts) add(part);
  return image::hex_of(hash.digest());
}

void LayerMaker::put(Stage& stage, const image::LayerInfo& info, const std::string& created) {
  stage.config.diff_ids.push_back(info.diff_id);
  stage.chain = info.chain_id;
  if (created > stage.config.created) stage.config.created = created;
}

// A cache file: the time the layer was made, the layer, and those below it, one a line (collection reads it too).
Result<bool> LayerMaker::reuse(Stage& stage, const std::string& key) {
  if (no_cache_) return false;
  auto text = read_file(store_.cache_path(key), 64 << 10);
  if (!text) return false;
  auto first = text->find('\n');
  auto second = first == std::string::npos ? first : text->find('\n', first + 1);
  if (second == std::string::npos || !text->starts_with("created ")) return false;
  std::string chain = text->substr(first + 1, second - first - 1);
  auto info = writer_.find_layer(chain);
  if (!info || image::chain_id(stage.chain, info->diff_id) != chain) return false;
  put(stage, *info, text->substr(8, first - 8));
  writer_.declare_chain(stage.config.diff_ids);
  return true;
}

Result<std::optional<image::LayerInfo>> LayerMaker::change(const Stage& stage, const std::function<Status(const View&)>& work) {
  std::string upper = writer_.directory() + "/upper-" + std::to_string(next_++);
  {
    TRY_ASSIGN(auto mounted, view(stage));
    TRY(work(mounted));
    TRY(linux::unmount(mounted.root()));
    if (::rename(mounted.upper().c_str(), upper.c_str()) != 0) return fail_errno("rename " + mounted.upper());
  }
  return adopt(stage, upper);
}

Result<std::optional<image::LayerInfo>> LayerMaker::adopt(const Stage& stage, const std::string& folder) {
  auto work = [&]() -> Result<std::optional<image::LayerInfo>> {
    TRY_ASSIGN(auto names, list_directory(folder));
    if (names.empty()) return std::optional<image::LayerInfo>();
    TRY_ASSIGN(auto info, writer_.add_tree(stage.chain, folder));
    return std::optional(info);
  };
  auto out = work();
  // What became no layer goes.
  if (auto gone = remove_tree(folder); !gone) LOG(kWarning, "build", "{}: {}", folder, gone.error().message());
  return out;
}

Status LayerMaker::make(Stage& stage, const std::string& key, const std::function<Status(const View&)>& work) {
  std::string upper = writer_.directory() + "/upper-" + std::to_string(next_++);
  {
    TRY_ASSIGN(auto mounted, view(stage));
    TRY(work(mounted));
    TRY(linux::unmount(mounted.root()));
    if (::rename(mounted.upper().c_str(), upper.c_str()) != 0) return fail_errno("rename " + mounted.upper());
  }
  TRY_ASSIGN(auto info, writer_.add_tree(stage.chain, upper));
  TRY(writer_.commit_layers());
  auto now = std::chrono::duration_cast<std::chrono::seconds>(system_clock().wall().time_since_epoch()).count();
  std::string created = format_time(now);
  std::string text = "created " + created + "\n" + info.chain_id + "\n", chain;
  for (const auto& diff : stage.config.diff_ids) {
    chain = image::chain_id(chain, diff);
    text += chain + "\n";
  }
  put(stage, info, created);
  return write_file(store_.cache_path(key), text, 0600);
}

}  // namespace reigen::build
