// Dockerfiles into images.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/image_config.h"
#include "image/image_store.h"
#include "runtime/spec.h"

namespace reigen::build {

struct BuildEvent {
  enum class Kind : unsigned char {
    kStep,
    kCached,
    kOutput,
    kErrorOutput,
    kDone,
    kWarning,
    // Of the classic builder only:
    kTriggers,   // step: how many ONBUILD triggers follow
    kRunning,    // id: of the step's container
    kRemoved,    // id: of that container
    kImage,      // id: what the instruction has led to; empty: FROM scratch
    kStageDone,  // id: the stage's image
    kFailed,     // exit_code: of the program that ends the build
  };
  Kind kind = Kind::kStep;
  size_t step = 0, total = 0;
  std::string text;  // the instruction; a chunk of a program's output; what is warned of
  std::string id = {};
  int exit_code = 0;
};

// A step's container, for who has containers: the endpoint.
struct StepContainer {
  std::string id;
  std::string image;          // id of the image it is made from; never scratch
  image::ImageConfig config;  // its Config: the command is `cmd`, with no entry point before it
  // Of what runs a program:
  std::vector<runtime::Mount> mounts = {};  // RUN --mount; bind and tmpfs
  bool network = true;                      // without it only a loopback link
  std::function<void(std::string_view data, bool error)> output = {};
};

struct StepEnd {
  int exit_code = 0;
  std::string layer;  // of exit code 0: a folder with what was changed, given away
};

struct BuildOptions {
  std::string context;     // a folder
  std::string dockerfile;  // a path; empty: <context>/Dockerfile
  std::vector<std::string> tags;
  std::map<std::string, std::string> args;
  std::vector<std::string> empty_args;  // named without a value: only told when nothing takes them
  std::map<std::string, std::string> labels;
  std::string target;  // a stage; empty: the last
  bool no_cache = false;
  image::Platform platform = image::Platform::host();
  std::function<void(const BuildEvent&)> progress;  // called on the building thread
  std::atomic<bool>* cancel = nullptr;              // set: ends with kCancelled
  // Fetches a base image that the store lacks; without it such a base is kNotFound.
  std::function<Result<image::ImageRecord>(const image::Reference&)> pull;
  // RUN --mount=type=secret,id=…: files of the host by id.
  std::map<std::string, std::string> secrets = {};

  // As Docker's classic builder: an image after every instruction with parent, container_config and history, which are its cache; every
  // stage up to the target is built; .dockerignore is the client's; labels are instructions; errors stand without file and line.
  bool classic = false;
  std::optional<std::vector<std::string>> cache_from = {};  // ids; none: every image of the store
  bool pull_always = false;
  bool keep_failed = false;  // forcerm is off
  bool keep_all = false;     // rm is off
  // Runs a step's program in a container; without it, and on scratch, crun is started here, in the host's network. kCancelled when `cancel` was set.
  // The container is the caller's; it may go when kRemoved tells its id, else it stays.
  std::function<Result<StepEnd>(const StepContainer&)> run = {};
  // Makes the container of a step that runs nothing; asked with keep_all only.
  std::function<Status(const StepContainer&)> create = {};
};

// Blocks. Needs root. Layers that were made stay as a cache also when a later step fails; nothing else is left. Errors name
// the Dockerfile and the line.
Result<image::ImageRecord> build_image(image::ImageStore& store, const BuildOptions& options);

}  // namespace reigen::build
