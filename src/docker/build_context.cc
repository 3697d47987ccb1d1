#include "docker/build_context.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apiserver/docker_error.h"
#include "base/fd.h"
#include "base/files.h"
#include "build/clean_path.h"
#include "build/ignore.h"
#include "image/http_fetch.h"
#include "image/layer_unpacker.h"
#include "linux/mount.h"

namespace reigen::docker {
namespace {

constexpr size_t kMaxDockerfile = 1 << 20;

Status unpack(image::ByteSource& packed, const std::string& folder, const image::Limits& limits) {
  TRY_ASSIGN(auto tar, image::UnpackingSource::open(packed, {limits.ratio, limits.ratio_from, limits.layer_bytes}));
  image::UnpackOptions options;
  options.whiteouts = false;
  options.limits = limits;
  auto done = image::unpack_layer(*tar, folder, options);
  if (!done) return fail(std::move(done).error().context("Error processing tar file"));
  return image::drain(*tar);
}

bool is_archive(int fd) {
  char head[512] = {};
  ssize_t count = ::pread(fd, head, sizeof head, 0);
  std::string_view text(head, count > 0 ? static_cast<size_t>(count) : 0);
  return image::detect_compression(text) != image::Compression::kNone || (text.size() >= 262 && text.substr(257, 5) == "ustar");
}

Result<std::string> read_inside(const std::string& folder, const std::string& name) {
  TRY_ASSIGN(auto fd, linux::open_in_root(folder, name, O_RDONLY | O_NONBLOCK));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return fail_errno("stat " + name);
  if (!S_ISREG(info.st_mode)) return fail(Code::kInvalidArgument, name + " is no file");
  return read_file("/proc/self/fd/" + std::to_string(fd.get()), kMaxDockerfile);
}

void remove_inside(const std::string& folder, const std::string& name) {
  auto slash = name.rfind('/');
  auto parent = linux::open_in_root(folder, slash == std::string::npos ? "." : name.substr(0, slash), O_PATH | O_DIRECTORY);
  if (parent) ::unlinkat(parent->get(), name.substr(slash == std::string::npos ? 0 : slash + 1).c_str(), 0);
}

Status fetch_remote(const BuildRequest& request, BuildContext& out, const image::Limits& limits, std::atomic<bool>* cancel) {
  if (!request.remote.starts_with("http://") && !request.remote.starts_with("https://"))
    return fail(Code::kUnimplemented, "a context from a git repository is not supported: " + request.remote.substr(0, 200));
  auto file = image::fetch_url(request.remote, out.holder->directory(), limits.archive_bytes, cancel);
  if (!file) return fail(apiserver::docker_error(500, "error downloading remote context " + request.remote + ": " + file.error().message()));
  Fd fd(::open(file->path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("open " + file->path);
  if (is_archive(fd.get())) {
    image::FdSource source(fd.get(), request.remote);
    return unpack(source, out.folder, limits);
  }
  TRY_ASSIGN(out.text, read_file(file->path, kMaxDockerfile));
  return {};
}

}  // namespace

Result<BuildContext> open_build_context(image::ImageStore& store, const BuildRequest& request, image::ByteSource* body, std::atomic<bool>* cancel) {
  BuildContext out;
  TRY_ASSIGN(out.holder, image::ImageWriter::begin(store));
  out.folder = out.holder->directory() + "/context";
  TRY(make_directories(out.folder, 0755));
  bool alone = false;
  if (!request.remote.empty()) {
    TRY(fetch_remote(request, out, store.limits(), cancel));
    alone = !out.text.empty();
  } else if (body) {
    TRY(unpack(*body, out.folder, store.limits()));
  }
  std::string name = request.dockerfile.empty() ? "Dockerfile" : request.dockerfile;
  if (!alone) {
    if (build::climbs(name)) return fail(Code::kInvalidArgument, "forbidden path outside the build context: " + name + " ()");
    auto text = read_inside(out.folder, name);
    if (!text && request.dockerfile.empty()) {
      text = read_inside(out.folder, "dockerfile");
      if (text) name = "dockerfile";
    }
    if (!text && text.error().code() == Code::kNotFound) return fail(Code::kInvalidArgument, "Cannot locate specified Dockerfile: " + name);
    if (!text) return fail(std::move(text).error());
    out.text = std::move(*text);
  }
  if (out.text.empty()) return fail(Code::kInvalidArgument, "the Dockerfile (" + name + ") cannot be empty");
  // The client has left out all else that .dockerignore says; these two it must send.
  if (auto rules = read_inside(out.folder, ".dockerignore")) {
    auto ignore = build::IgnoreList::parse(*rules);
    for (const auto& file : {std::string(".dockerignore"), build::clean_path(name)})
      if (ignore.ignores(file)) remove_inside(out.folder, file);
  }
  out.dockerfile = out.holder->directory() + "/Dockerfile";
  TRY(write_file(out.dockerfile, out.text));
  return out;
}

}  // namespace reigen::docker
