// Instance: the identity and folders of one server on this host. Several live side by side; everything on the host carries the id.
#pragma once

#include <string>

#include "base/result.h"

namespace reigen::cli {

struct Instance {
  std::string id;        // 8 hexadecimal digits, made at the first start, kept in DATA_DIR/instance
  std::string data_dir;  // absolute
  std::string run_dir;   // /run/reigen/<id>: short, gone after a reboot

  std::string store_dir() const { return data_dir + "/store"; }
  std::string pki_dir() const { return data_dir + "/pki"; }
  std::string node_dir() const { return data_dir + "/node"; }
  std::string image_dir() const { return data_dir + "/images"; }
};

// Makes the data folder (0700) and the id where they are missing. A folder that holds something else is refused.
Result<Instance> open_instance(const std::string& data_dir);
// Of an existing folder only; kNotFound where there is none.
Result<Instance> find_instance(const std::string& data_dir);

}  // namespace reigen::cli
