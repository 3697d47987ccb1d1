#include "build/run_mounts.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>

#include "base/far_times.h"
#include "base/files.h"
#include "base/log.h"
#include "build/clean_path.h"
#include "build/copy_step.h"
#include "image/digest.h"
#include "linux/mount.h"

namespace reigen::build {
namespace {

constexpr size_t kMaxSecret = 500 << 10;

Fail bad(const std::string& why) { return fail(Code::kInvalidArgument, why); }

// Fields of a line of CSV: a field in quotes may hold commas.
std::vector<std::string> fields(std::string_view text) {
  std::vector<std::string> out(1);
  bool quoted = false;
  for (char c : text) {
    if (c == '"') quoted = !quoted;
    else if (c == ',' && !quoted) out.emplace_back();
    else out.back() += c;
  }
  return out;
}

template <class T>
bool number(const std::string& text, T& out, int base = 10) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

Result<bool> truth(const std::string& key, const std::string& value, bool has_value) {
  if (!has_value || value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  return bad("invalid value for " + key + ": " + value);
}

Result<uint64_t> bytes(const std::string& text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string unit(end, text.data() + text.size());
  for (char& c : unit) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (unit.ends_with('b')) unit.pop_back();
  int shift = unit.empty() ? 0 : unit == "k" ? 10 : unit == "m" ? 20 : unit == "g" ? 30 : -1;
  if (error != std::errc() || shift < 0 || value > (uint64_t{1} << 50) >> shift) return bad("invalid size: '" + text + "'");
  return value << shift;
}

Result<uint64_t> tree_bytes(const std::string& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return fail_errno("stat " + path);
  uint64_t out = static_cast<uint64_t>(info.st_blocks) * 512;
  if (!S_ISDIR(info.st_mode)) return out;
  TRY_ASSIGN(auto names, list_directory(path));
  for (const auto& name : names) {
    TRY_ASSIGN(uint64_t more, tree_bytes(path + "/" + name));
    out += more;
  }
  return out;
}

Status set_type(RunMount& mount, const std::string& value) {
  if (value == "bind") mount.type = RunMount::Type::kBind;
  else if (value == "cache") mount.type = RunMount::Type::kCache;
  else if (value == "tmpfs") mount.type = RunMount::Type::kTmpfs;
  else if (value == "secret") mount.type = RunMount::Type::kSecret;
  else if (value == "ssh") return fail(Code::kUnimplemented, "--mount=type=ssh is not supported");
  else return bad("unsupported mount type \"" + value + "\"");
  mount.read_only = mount.type == RunMount::Type::kBind || mount.type == RunMount::Type::kSecret;
  return {};
}

Status set_field(RunMount& mount, const std::string& key, const std::string& value, bool has_value) {
  if (key == "type") return {};  // read before
  if (key == "from") mount.from = value;
  else if (key == "source" || key == "src") mount.source = value;
  else if (key == "target" || key == "dst" || key == "destination") mount.target = value;
  else if (key == "id") mount.id = value;
  else if (key == "env") return fail(Code::kUnimplemented, "--mount=type=secret,env=… is not supported; give it a target");
  else if (key == "readonly" || key == "ro" || key == "readwrite" || key == "rw") {
    TRY_ASSIGN(bool on, truth(key, value, has_value));
    mount.read_only = key.starts_with("readonly") || key == "ro" ? on : !on;
  } else if (key == "required") {
    TRY_ASSIGN(mount.required, truth(key, value, has_value));
  } else if (key == "sharing") {
    if (value != "shared" && value != "private" && value != "locked") return bad("unsupported sharing value \"" + value + "\"");
    mount.sharing = value;
  } else if (key == "size") {
    TRY_ASSIGN(mount.size, bytes(value));
  } else if (key == "mode" || key == "uid" || key == "gid") {
    uint32_t parsed = 0;
    if (!number(value, parsed, key == "mode" ? 8 : 10)) return bad("invalid value " + value + " for " + key);
    (key == "mode" ? mount.mode : key == "uid" ? mount.uid : mount.gid) = parsed;
  } else {
    return bad("unexpected key '" + key + "' in '" + key + (has_value ? "=" + value : "") + "'");
  }
  return {};
}

}  // namespace

Result<RunMount> parse_run_mount(std::string_view text, const std::string& work_dir) {
  RunMount out;
  auto list = fields(text);
  for (const auto& field : list)
    if (field.starts_with("type=")) TRY(set_type(out, field.substr(5)));
  for (const auto& field : list) {
    auto equals = field.find('=');
    std::string key = field.substr(0, equals);
    bool has_value = equals != std::string::npos;
    TRY(set_field(out, key, has_value ? field.substr(equals + 1) : "", has_value));
  }
  using Type = RunMount::Type;
  if (out.type == Type::kSecret) {
    if (out.id.empty()) out.id = out.source.empty() ? out.target.substr(out.target.rfind('/') + 1) : out.source;
    if (out.id.empty()) return bad("invalid secret mount: it needs an id");
    if (out.target.empty()) out.target = "/run/secrets/" + out.id.substr(out.id.rfind('/') + 1);
  }
  if (out.target.empty()) return bad("invalid mount: target path is required");
  out.target = absolute_path(work_dir, out.target);
  if (out.target == "/") return bad("invalid mount target \"/\"");
  if (out.type == Type::kCache && out.id.empty()) out.id = out.target;
  return out;
}

Result<std::string> RunMounts::scratch() {
  if (scratch_.empty()) {
    TRY_ASSIGN(scratch_, layers_.new_folder("mounts"));
  }
  return scratch_ + "/" + std::to_string(next_++);
}

Status RunMounts::bind(const RunMount& mount, const std::string& root) {
  std::string source = clean_path(mount.source);
  std::string from = root;
  if (!mount.read_only) {
    // What is written is forgotten: the program sees a copy of its own.
    TRY_ASSIGN(auto view, layers_.view_of({root}));
    from = view.root();
    views_.push_back(std::move(view));
  }
  auto fd = linux::open_in_root(from, source.empty() ? "." : source, O_PATH);
  if (!fd) return fail(Code::kNotFound, "failed to mount: \"/" + source + "\": not found");
  // Bound by descriptor to a name of ours: the other one could lead elsewhere by the time crun follows it.
  struct stat info{};
  if (::fstat(fd->get(), &info) != 0) return fail_errno("stat " + source);
  TRY_ASSIGN(auto path, scratch());
  if (S_ISDIR(info.st_mode)) TRY(make_directories(path));
  else TRY(write_file(path, ""));
  TRY(linux::bind_mount(fd->get(), path));
  bound_.push_back(path);
  mounts_.push_back({path, mount.target, "bind", {"rbind", mount.read_only ? "ro" : "rw"}});
  return {};
}

RunMounts::~RunMounts() {
  for (const auto& path : bound_)
    if (auto gone = linux::unmount(path); !gone) LOG(kWarning, "build", "{}", gone.error().message());
}

Status RunMounts::cache(const RunMount& mount) {
  std::string folder = store_.directory() + "/mounts";
  TRY(make_directories(folder, 0700));
  std::string name = folder + "/" + image::hex_of(image::digest_of(mount.id)).substr(0, 32);
  if (mount.sharing != "private") TRY(make_directories(name, 0755));
  Fd lock(::open((name + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return fail_errno("open " + name + ".lock");
  int how = mount.sharing == "shared" ? LOCK_SH : mount.sharing == "locked" ? LOCK_EX : LOCK_EX | LOCK_NB;
  while (::flock(lock.get(), how) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return fail_errno("lock " + name);
    // Another build has it: a private one of our own.
    TRY_ASSIGN(name, scratch());
    break;
  }
  ::futimens(lock.get(), nullptr);  // when it was used
  bool fresh = !path_exists(name + "/.");
  TRY(make_directories(name, 0755));
  if (fresh || mount.mode || mount.uid || mount.gid) {
    if (::chmod(name.c_str(), mount.mode.value_or(0755)) != 0 || ::chown(name.c_str(), mount.uid.value_or(0), mount.gid.value_or(0)) != 0)
      return fail_errno("set up cache " + mount.id);
  }
  mounts_.push_back({name, mount.target, "bind", {"rbind", mount.read_only ? "ro" : "rw"}});
  files_.push_back(std::move(lock));
  return {};
}

Status RunMounts::tmpfs(const RunMount& mount) {
  std::vector<std::string> options = {"nosuid", "nodev", "mode=1777"};
  if (mount.size > 0) options.push_back("size=" + std::to_string(mount.size));
  mounts_.push_back({"tmpfs", mount.target, "tmpfs", options});
  return {};
}

Status RunMounts::secret(const RunMount& mount) {
  auto found = secrets_.find(mount.id);
  if (found == secrets_.end()) {
    if (mount.required) return fail(Code::kNotFound, "secret " + mount.id + ": not found");
    return {};
  }
  TRY_ASSIGN(auto data, read_file(found->second, kMaxSecret));
  TRY_ASSIGN(auto path, scratch());
  TRY(write_file(path, data, 0600));
  if (::chmod(path.c_str(), mount.mode.value_or(0400)) != 0 || ::chown(path.c_str(), mount.uid.value_or(0), mount.gid.value_or(0)) != 0)
    return fail_errno("set up secret " + mount.id);
  mounts_.push_back({path, mount.target, "bind", {"rbind", "ro"}});
  return {};
}

std::vector<CacheMount> list_cache_mounts(image::ImageStore& store) {
  std::vector<CacheMount> out;
  std::string folder = store.directory() + "/mounts";
  for (const auto& name : list_directory(folder).value_or(std::vector<std::string>())) {
    struct stat info{};
    std::string path = folder + "/" + name;
    if (name.ends_with(".lock") || ::stat((path + ".lock").c_str(), &info) != 0) continue;
    Fd lock(::open((path + ".lock").c_str(), O_RDWR | O_CLOEXEC));
    bool in_use = lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0;
    WallTime used = wall_at(info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
    out.push_back({name, tree_bytes(path).value_or(0), in_use, used});
  }
  return out;
}

Result<uint64_t> prune_cache_mounts(image::ImageStore& store, const std::function<bool(const CacheMount&)>& want) {
  std::string folder = store.directory() + "/mounts";
  uint64_t freed = 0;
  for (const auto& mount : list_cache_mounts(store)) {
    const std::string& name = mount.name;
    if (want && !want(mount)) continue;
    Fd lock(::open((folder + "/" + name + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) continue;
    TRY_ASSIGN(uint64_t bytes, tree_bytes(folder + "/" + name));
    TRY(remove_tree(folder + "/" + name));
    freed += bytes;
  }
  return freed;
}

}  // namespace reigen::build
