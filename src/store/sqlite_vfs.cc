#include "store/sqlite_vfs.h"

#include <sqlite3.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <new>

#include "base/check.h"

namespace reigen::store {
namespace {

// SQLite allocates szOsFile bytes and we build this in them.
struct VfsFile {
  sqlite3_file base;
  std::unique_ptr<DiskFile> file;
};

VfsFile* of(sqlite3_file* file) { return reinterpret_cast<VfsFile*>(file); }

int close_file(sqlite3_file* file) {
  of(file)->file.reset();
  of(file)->~VfsFile();
  return SQLITE_OK;
}

int read_file(sqlite3_file* file, void* into, int amount, sqlite3_int64 offset) {
  auto n = of(file)->file->read(static_cast<uint64_t>(offset), {static_cast<char*>(into), static_cast<size_t>(amount)});
  if (!n) return SQLITE_IOERR_READ;
  if (*n == static_cast<size_t>(amount)) return SQLITE_OK;
  std::memset(static_cast<char*>(into) + *n, 0, static_cast<size_t>(amount) - *n);
  return SQLITE_IOERR_SHORT_READ;
}

int write_file(sqlite3_file* file, const void* data, int amount, sqlite3_int64 offset) {
  auto done = of(file)->file->write(static_cast<uint64_t>(offset), {static_cast<const char*>(data), static_cast<size_t>(amount)});
  if (done) return SQLITE_OK;
  return done.error().code() == Code::kResourceExhausted ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) { return of(file)->file->truncate(static_cast<uint64_t>(size)) ? SQLITE_OK : SQLITE_IOERR_TRUNCATE; }

int sync_file(sqlite3_file* file, int) { return of(file)->file->sync() ? SQLITE_OK : SQLITE_IOERR_FSYNC; }

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  auto n = of(file)->file->size();
  if (!n) return SQLITE_IOERR_FSTAT;
  *size = static_cast<sqlite3_int64>(*n);
  return SQLITE_OK;
}

int lock_file(sqlite3_file*, int) { return SQLITE_OK; }
int check_reserved_lock(sqlite3_file*, int* reserved) {
  *reserved = 0;
  return SQLITE_OK;
}
int file_control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int sector_size(sqlite3_file*) { return 512; }
int device_characteristics(sqlite3_file*) { return 0; }

const sqlite3_io_methods kIoMethods = {
    .iVersion = 1,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = file_size,
    .xLock = lock_file,
    .xUnlock = lock_file,
    .xCheckReservedLock = check_reserved_lock,
    .xFileControl = file_control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = device_characteristics,
};

struct Data {
  Disk& disk;
  Clock& clock;
};
Data& data_of(sqlite3_vfs* vfs) { return *static_cast<Data*>(vfs->pAppData); }

int open_file(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* out, int flags, int* out_flags) {
  out->pMethods = nullptr;
  if (!name) return SQLITE_CANTOPEN;  // temporary files are kept in memory
  auto file = data_of(vfs).disk.open(name, (flags & SQLITE_OPEN_CREATE) != 0);
  if (!file) return SQLITE_CANTOPEN;
  auto* made = new (out) VfsFile{};
  made->base.pMethods = &kIoMethods;
  made->file = std::move(*file);
  if (out_flags) *out_flags = flags;
  return SQLITE_OK;
}

int delete_file(sqlite3_vfs* vfs, const char* name, int) {
  auto done = data_of(vfs).disk.remove(name);
  if (done) return SQLITE_OK;
  return done.error().code() == Code::kNotFound ? SQLITE_IOERR_DELETE_NOENT : SQLITE_IOERR_DELETE;
}

int access_file(sqlite3_vfs* vfs, const char* name, int, int* result) {
  *result = data_of(vfs).disk.exists(name) ? 1 : 0;
  return SQLITE_OK;
}

int full_pathname(sqlite3_vfs*, const char* name, int size, char* out) {
  if (std::strlen(name) + 1 > static_cast<size_t>(size)) return SQLITE_CANTOPEN;
  std::strcpy(out, name);
  return SQLITE_OK;
}

// The only use is salts of the WAL and names of temporary files; always the same, so that a simulation repeats.
int randomness(sqlite3_vfs*, int size, char* out) {
  for (int i = 0; i < size; ++i) out[i] = static_cast<char>(i * 31 + 7);
  return size;
}

int sleep_for(sqlite3_vfs*, int microseconds) { return microseconds; }

int current_time_ms(sqlite3_vfs* vfs, sqlite3_int64* out) {
  constexpr sqlite3_int64 kUnixEpochMs = 210866760000000;  // Julian day 2440587.5
  auto wall = data_of(vfs).clock.wall().time_since_epoch();
  *out = kUnixEpochMs + std::chrono::duration_cast<std::chrono::milliseconds>(wall).count();
  return SQLITE_OK;
}

int current_time(sqlite3_vfs* vfs, double* out) {
  sqlite3_int64 ms;
  current_time_ms(vfs, &ms);
  *out = static_cast<double>(ms) / 86400000.0;
  return SQLITE_OK;
}

int get_last_error(sqlite3_vfs*, int, char*) { return 0; }

}  // namespace

struct SqliteVfs::Methods {
  Data data;
  sqlite3_vfs vfs;
};

SqliteVfs::SqliteVfs(Disk& disk, Clock& clock) {
  static std::atomic<uint64_t> counter{0};
  name_ = "reigen-" + std::to_string(++counter);
  methods_ = std::make_unique<Methods>(Methods{{disk, clock}, {}});
  auto& vfs = methods_->vfs;
  vfs.iVersion = 2;
  vfs.szOsFile = sizeof(VfsFile);
  vfs.mxPathname = 1024;
  vfs.zName = name_.c_str();
  vfs.pAppData = &methods_->data;
  vfs.xOpen = open_file;
  vfs.xDelete = delete_file;
  vfs.xAccess = access_file;
  vfs.xFullPathname = full_pathname;
  vfs.xRandomness = randomness;
  vfs.xSleep = sleep_for;
  vfs.xCurrentTime = current_time;
  vfs.xGetLastError = get_last_error;
  vfs.xCurrentTimeInt64 = current_time_ms;
  CHECK(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
}

SqliteVfs::~SqliteVfs() { sqlite3_vfs_unregister(&methods_->vfs); }

}  // namespace reigen::store
