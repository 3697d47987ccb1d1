// Mounts of the host.
#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace reigen::linux {

// Layers lowest first, at least one. `upper` and `work` exist, on one file system that can be an overlay's upper. The upper folder
// holds whole files only, whatever the kernel's defaults are (no redirects, no metadata-only copies): it can be packed as it is.
Status mount_overlay(const std::string& target, const std::vector<std::string>& layers, const std::string& upper, const std::string& work);

// options: as of mount(8), "size=65536k,mode=1777".
Status mount_tmpfs(const std::string& target, const std::string& options, const std::string& source = "tmpfs");

// Makes a folder that lives in memory and can hold programs. An empty one that is on a disk, or where nothing may be executed (Debian's
// /run), gets a tmpfs of its own; one with contents stays as it is.
Status make_run_folder(const std::string& path);

// Binds `source` (a folder or file) on `target`, which exists. recursive: with all mounts below.
Status bind_mount(const std::string& source, const std::string& target, bool recursive, bool read_only = false);

// Binds what an O_PATH descriptor names: safe where the path could be changed by a container.
Status bind_mount(int source, const std::string& target);

// Detaches the mount at `target` and all below; one that is not there is fine.
Status unmount(const std::string& target);

// All mount points below or at `prefix`, the deepest first.
Result<std::vector<std::string>> mounts_below(const std::string& prefix);

bool is_mount_point(const std::string& path);

// True when the file is a pinned namespace (nsfs).
bool is_pinned_namespace(const std::string& path);

// Opens `path` below `root` without ever leaving it, whatever links a container put there (openat2, RESOLVE_IN_ROOT off:
// a link out of the root is an error). The descriptor is O_PATH.
Result<Fd> open_beneath(const std::string& root, const std::string& path);

// As open_beneath, with links resolved as if `root` were /: what a container would see at that path.
Result<Fd> open_in_root(const std::string& root, const std::string& path, int flags);
// The same below a folder's descriptor (O_PATH is enough).
Result<Fd> open_in_root(int root, const std::string& path, int flags);
// Makes the folders of an absolute path that are missing; links on the way stay inside the root.
Status make_folders_in_root(int root, const std::string& path, mode_t mode);

// Opens a regular file of a folder for reading, never anything else: a link, pipe or device that takes the name meanwhile is
// kInvalidArgument and is not opened. `info` is of the file opened.
Result<Fd> open_regular_file(int folder, const std::string& name, struct stat* info);

// Makes what mounts below `target` no longer spread to and from other mounts (MS_REC|MS_PRIVATE).
Status make_private(const std::string& target);
// Makes what is mounted at `fd` read-only with all that is mounted below. Linux 5.12.
Status make_read_only(int fd);
bool has_recursive_read_only();

}  // namespace reigen::linux
