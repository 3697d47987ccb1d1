// An archive of `docker cp` unpacked into a root that has links leading out of it: nothing outside is touched, whatever it holds.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>

#include "base/check.h"
#include "base/fd.h"
#include "base/files.h"
#include "runtime/archive.h"

namespace {

using namespace reigen;

class FolderView final : public runtime::RootView {
 public:
  explicit FolderView(const std::string& path) : root_(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {}
  int fd() const override { return root_.get(); }

 private:
  Fd root_;
};

// A folder beside the root, in which one file stands.
struct Place {
  std::string dir = make_temporary_directory("/tmp", "extract-fuzz-").value();
  std::string root = dir + "/root", outside = dir + "/outside";
  struct stat before{}, folder_before{};

  Place() {
    CHECK(make_directories(root + "/t"));
    CHECK(make_directories(outside));
    Fd file(::open((outside + "/kept").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    CHECK(file);
    CHECK(::symlink(outside.c_str(), (root + "/t/l").c_str()) == 0 && ::symlink("../../outside", (root + "/t/r").c_str()) == 0);
    look(before, folder_before);
  }
  ~Place() { (void)remove_tree(dir); }
  void look(struct stat& file, struct stat& folder) const { CHECK(::stat((outside + "/kept").c_str(), &file) == 0 && ::stat(outside.c_str(), &folder) == 0); }
  void check() const {
    struct stat file{}, folder{};
    look(file, folder);
    bool same = file.st_ino == before.st_ino && file.st_mode == before.st_mode && file.st_uid == before.st_uid && file.st_size == before.st_size &&
                file.st_nlink == before.st_nlink && file.st_mtim.tv_nsec == before.st_mtim.tv_nsec;
    bool same_folder = folder.st_mode == folder_before.st_mode && folder.st_uid == folder_before.st_uid && folder.st_nlink == folder_before.st_nlink &&
                       folder.st_mtim.tv_nsec == folder_before.st_mtim.tv_nsec;
    CHECK(same && same_folder);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Place place;
  {
    FolderView view(place.root);
    image::StringSource source({reinterpret_cast<const char*>(data), size});
    (void)runtime::extract_archive(view, "/t", source, {.keep_dir_kind = size % 2 == 0, .copy_owner = size % 3 == 0, .uid = 0, .gid = 0});
  }
  place.check();
  return 0;
}
