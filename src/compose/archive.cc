#include "compose/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "base/clock.h"
#include "base/files.h"
#include "build/ignore.h"

namespace reigen::compose {
namespace {

struct FreeWrite {
  void operator()(archive* a) const { archive_write_free(a); }
};
struct FreeRead {
  void operator()(archive* a) const { archive_read_free(a); }
};
struct FreeEntry {
  void operator()(archive_entry* e) const { archive_entry_free(e); }
};
using Writer = std::unique_ptr<archive, FreeWrite>;
using Entry = std::unique_ptr<archive_entry, FreeEntry>;

Fail archive_error(archive* a, std::string_view what) {
  return fail(Code::kInternal, fmt::format("{}: {}", what, archive_error_string(a) ? archive_error_string(a) : "failed"));
}

Result<Fd> nameless_file() {
  const char* folder = std::getenv("TMPDIR");
  std::string path = folder && *folder ? folder : "/tmp";
  Fd file(::open(path.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file) return fail_errno("a temporary file in " + path);
  return file;
}

Result<Writer> open_writer(int fd) {
  Writer writer(archive_write_new());
  archive_write_set_format_pax_restricted(writer.get());
  if (archive_write_open_fd(writer.get(), fd) != ARCHIVE_OK) return archive_error(writer.get(), "an archive");
  return writer;
}

Status add_bytes(archive* writer, const std::string& name, std::string_view content, const InlineFile& like) {
  Entry entry(archive_entry_new());
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(content.size()));
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), static_cast<mode_t>(like.mode));
  archive_entry_set_uid(entry.get(), like.uid);
  archive_entry_set_gid(entry.get(), like.gid);
  auto now = std::chrono::duration_cast<std::chrono::seconds>(system_clock().wall().time_since_epoch());
  archive_entry_set_mtime(entry.get(), now.count(), 0);
  if (archive_write_header(writer, entry.get()) != ARCHIVE_OK) return archive_error(writer, name);
  if (!content.empty() && archive_write_data(writer, content.data(), content.size()) < 0) return archive_error(writer, name);
  return {};
}

// One thing of the disk. Anything but files, folders and links is left out, as sockets are by Docker.
Status add_path(archive* writer, const std::string& path, const std::string& name, bool follow) {
  struct stat facts{};
  if ((follow ? ::stat(path.c_str(), &facts) : ::lstat(path.c_str(), &facts)) != 0) return fail_errno(path);
  if (!S_ISREG(facts.st_mode) && !S_ISDIR(facts.st_mode) && !S_ISLNK(facts.st_mode)) return {};
  Entry entry(archive_entry_new());
  archive_entry_copy_stat(entry.get(), &facts);
  archive_entry_set_uid(entry.get(), 0);
  archive_entry_set_gid(entry.get(), 0);
  archive_entry_set_pathname(entry.get(), name.c_str());
  if (S_ISLNK(facts.st_mode)) {
    std::error_code error;
    archive_entry_set_symlink(entry.get(), std::filesystem::read_symlink(path, error).c_str());
  }
  if (!S_ISREG(facts.st_mode)) archive_entry_set_size(entry.get(), 0);
  Fd file;
  if (S_ISREG(facts.st_mode)) {
    file = Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return fail_errno(path);
  }
  if (archive_write_header(writer, entry.get()) != ARCHIVE_OK) return archive_error(writer, path);
  char buffer[65536];
  for (ssize_t n; file && (n = ::read(file.get(), buffer, sizeof buffer)) > 0;)
    if (archive_write_data(writer, buffer, static_cast<size_t>(n)) < 0) return archive_error(writer, path);
  return {};
}

// `want(relative path, is a folder)`: 0 leaves it out, 1 takes it, 2 leaves it out but looks inside.
Status add_tree(archive* writer, const std::string& directory, const std::string& below, const std::string& prefix,
                const std::function<int(const std::string&, bool)>& want) {
  TRY_ASSIGN(auto names, list_directory(below.empty() ? directory : directory + "/" + below));
  for (const auto& name : names) {
    std::string relative = below.empty() ? name : below + "/" + name, path = directory + "/" + relative;
    struct stat facts{};
    if (::lstat(path.c_str(), &facts) != 0) continue;
    bool folder = S_ISDIR(facts.st_mode);
    int take = want(relative, folder);
    if (take == 1) TRY(add_path(writer, path, prefix + relative, false));
    if (folder && take != 0) TRY(add_tree(writer, directory, relative, prefix, want));
  }
  return {};
}

Result<Fd> finish(Writer writer, Fd file) {
  if (archive_write_close(writer.get()) != ARCHIVE_OK) return archive_error(writer.get(), "an archive");
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return fail_errno("an archive");
  return file;
}

class FileStream final : public ByteStream {
 public:
  explicit FileStream(Fd file) : file_(std::move(file)) {}
  void read(size_t max, ReadDone done) override {
    std::string bytes(std::min<size_t>(max, 1 << 20), '\0');
    ssize_t n = ::read(file_.get(), bytes.data(), bytes.size());
    if (n < 0) return done(fail_errno("an archive"));
    bytes.resize(static_cast<size_t>(n));
    done(std::move(bytes));
  }
  void write(std::string, WriteDone done) override { done(fail(Code::kUnimplemented, "this stream is read only")); }
  void close_write() override {}
  void close() override {}

 private:
  Fd file_;
};

struct ReadState {
  const std::function<Result<std::string>()>& read;
  std::string piece;
  std::optional<Error> error;
};

la_ssize_t read_some(archive* a, void* data, const void** buffer) {
  auto* state = static_cast<ReadState*>(data);
  auto piece = state->read();
  if (!piece) {
    archive_set_error(a, EIO, "%s", piece.error().message().c_str());
    return -1;
  }
  state->piece = std::move(*piece);
  *buffer = state->piece.data();
  return static_cast<la_ssize_t>(state->piece.size());
}

// The name below the folder; empty when there is nothing to do.
Result<std::string> safe_name(std::string_view name, const std::string& as) {
  std::string out;
  bool first = true;
  while (!name.empty()) {
    size_t slash = std::min(name.find('/'), name.size());
    auto part = name.substr(0, slash);
    name.remove_prefix(std::min(slash + 1, name.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..") return fail(Code::kPermissionDenied, "the archive holds a name that leaves the folder");
    (out += out.empty() ? "" : "/") += first && !as.empty() ? std::string_view(as) : part;
    first = false;
  }
  return out;
}

}  // namespace

Result<std::string> tar_of_files(const std::vector<InlineFile>& files) {
  TRY_ASSIGN(Fd file, nameless_file());
  TRY_ASSIGN(Writer writer, open_writer(file.get()));
  for (const auto& one : files) TRY(add_bytes(writer.get(), one.path.substr(one.path.find_first_not_of('/')), one.content, one));
  TRY_ASSIGN(file, finish(std::move(writer), std::move(file)));
  std::string tar;
  char buffer[65536];
  for (ssize_t n; (n = ::read(file.get(), buffer, sizeof buffer)) > 0;) tar.append(buffer, static_cast<size_t>(n));
  return tar;
}

Result<Fd> tar_of_context(const std::string& directory, const std::string& dockerfile_name, const std::string& dockerfile) {
  struct stat facts{};
  if (::stat(directory.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode))
    return fail(Code::kNotFound, fmt::format("unable to prepare context: path \"{}\" not found", directory));
  build::IgnoreList ignore;
  if (auto own = read_file(directory + "/" + dockerfile_name + ".dockerignore", 1 << 20); own && dockerfile.empty()) ignore = build::IgnoreList::parse(*own);
  else if (auto text = read_file(directory + "/.dockerignore", 1 << 20)) ignore = build::IgnoreList::parse(*text);
  TRY_ASSIGN(Fd file, nameless_file());
  TRY_ASSIGN(Writer writer, open_writer(file.get()));
  TRY(add_tree(writer.get(), directory, "", "", [&](const std::string& path, bool folder) {
    // The builder needs these two whatever the list says.
    if (path == dockerfile_name || path == ".dockerignore" || (folder && dockerfile_name.starts_with(path + "/"))) return 1;
    if (!ignore.ignores(path)) return 1;
    return folder && ignore.has_exceptions() ? 2 : 0;
  }));
  if (!dockerfile.empty()) TRY(add_bytes(writer.get(), dockerfile_name, dockerfile, {.path = "", .content = "", .mode = 0644}));
  return finish(std::move(writer), std::move(file));
}

Result<Fd> tar_of_path(const std::string& path, const std::string& as, bool follow_link) {
  TRY_ASSIGN(Fd file, nameless_file());
  TRY_ASSIGN(Writer writer, open_writer(file.get()));
  struct stat facts{};
  if ((follow_link ? ::stat(path.c_str(), &facts) : ::lstat(path.c_str(), &facts)) != 0) return fail_errno(path);
  bool contents = path.ends_with("/.");
  if (!contents) TRY(add_path(writer.get(), path, as, follow_link));
  if (S_ISDIR(facts.st_mode)) TRY(add_tree(writer.get(), path, "", contents ? "" : as + "/", [](const std::string&, bool) { return 1; }));
  return finish(std::move(writer), std::move(file));
}

Status unpack_tar(const std::function<Result<std::string>()>& read, const std::string& directory, const std::string& as) {
  std::error_code error;
  std::string real = std::filesystem::canonical(directory, error).string();
  if (error) return fail(Code::kNotFound, fmt::format("{}: {}", directory, error.message()));
  std::unique_ptr<archive, FreeRead> reader(archive_read_new());
  archive_read_support_format_tar(reader.get());
  Writer disk(archive_write_disk_new());
  archive_write_disk_set_options(disk.get(), ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_SECURE_NODOTDOT | ARCHIVE_EXTRACT_SECURE_SYMLINKS);
  ReadState state{read, {}, {}};
  if (archive_read_open(reader.get(), &state, nullptr, read_some, nullptr) != ARCHIVE_OK) return archive_error(reader.get(), "the archive");
  for (archive_entry* entry = nullptr;;) {
    int status = archive_read_next_header(reader.get(), &entry);
    if (status == ARCHIVE_EOF) return {};
    if (status < ARCHIVE_WARN) return archive_error(reader.get(), "the archive");
    const char* given = archive_entry_pathname(entry);
    TRY_ASSIGN(std::string name, safe_name(given ? given : "", as));
    if (name.empty()) continue;
    archive_entry_set_pathname(entry, (real + "/" + name).c_str());
    if (const char* link = archive_entry_hardlink(entry)) {
      TRY_ASSIGN(std::string target, safe_name(link, as));
      archive_entry_set_hardlink(entry, (real + "/" + target).c_str());
    }
    if (archive_write_header(disk.get(), entry) < ARCHIVE_WARN) return archive_error(disk.get(), name);
    const void* block = nullptr;
    size_t size = 0;
    la_int64_t offset = 0;
    for (;;) {
      int got = archive_read_data_block(reader.get(), &block, &size, &offset);
      if (got == ARCHIVE_EOF) break;
      if (got < ARCHIVE_WARN) return archive_error(reader.get(), name);
      if (archive_write_data_block(disk.get(), block, size, offset) < ARCHIVE_WARN) return archive_error(disk.get(), name);
    }
    if (archive_write_finish_entry(disk.get()) < ARCHIVE_WARN) return archive_error(disk.get(), name);
  }
}

std::shared_ptr<ByteStream> file_stream(Fd file) { return std::make_shared<FileStream>(std::move(file)); }

}  // namespace reigen::compose
