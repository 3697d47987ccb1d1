#include "build/image_cli.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "base/clock.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/process.h"
#include "build/build_progress.h"
#include "build/builder.h"
#include "build/image_options.h"
#include "image/digest.h"
#include "image/exporter.h"
#include "image/image_store.h"
#include "image/importer.h"
#include "image/json_writer.h"
#include "image/puller.h"
#include "image/pusher.h"

namespace reigen::build {
namespace {

using image::ImageRecord;
using image::ImageStore;

constexpr const char* kUsage =
    "Usage: reigen image COMMAND [--data-dir DIR]\n"
    "\n"
    "  import [--tag NAME] [--platform P] FILE|DIR|-...   add images from archives (OCI, docker save)\n"
    "  pull [--platform P] [--creds USER:PASSWORD] NAME... fetch images from their registries\n"
    "  push [--creds USER:PASSWORD] NAME...                send images to their registries\n"
    "  build [-t NAME]... [-f FILE] [--build-arg K=V]... [--label K=V]... [--target STAGE] [--no-cache]\n"
    "        [--platform P] [--pull] [-q] CONTEXT          make an image by a Dockerfile\n"
    "  ls [-q] [--format json]                             list images\n"
    "  inspect NAME...                                     print images as JSON\n"
    "  tag NAME NEW-NAME                                   give an image another name\n"
    "  save [-o FILE] NAME...                              write images into one archive\n"
    "  rm [-f] NAME...                                     remove names, and images without any\n"
    "  prune [-a]                                          remove images without a name (-a: unused ones) and the build cache\n"
    "\n"
    "Examples:\n"
    "  reigen image build -t todo-app:1 examples/todo/app\n"
    "  reigen image import build/release/images/*.tar\n"
    "  docker save redis | reigen image import -\n";

Fail usage(const std::string& why) { return fail(Code::kUnimplemented, why); }

Result<std::unique_ptr<ImageStore>> open_store(const ImageOptions& options) {
  const char* set = std::getenv("REIGEN_DATA_DIR");
  return ImageStore::open(options.one("data-dir", set && *set ? set : "/var/lib/reigen") + "/images");
}

Result<image::Platform> platform_of(const ImageOptions& options) {
  if (options.one("platform").empty()) return image::Platform::host();
  return image::Platform::parse(options.one("platform"));
}

std::string short_id(const std::string& id) { return image::hex_of(id).substr(0, 12); }

std::string display(const ImageRecord& record) {
  if (record.names.empty()) return record.id;
  auto reference = image::parse_reference(record.names.front());
  return reference ? reference->familiar() : record.names.front();
}

std::string human_size(uint64_t bytes) {
  double value = static_cast<double>(bytes);
  for (const char* unit : {"B", "kB", "MB", "GB"}) {
    if (value < 1000) return fmt::format("{:.{}f}{}", value, value < 10 && *unit != 'B' ? 1 : 0, unit);
    value /= 1000;
  }
  return fmt::format("{:.1f}TB", value);
}

std::string age(int64_t seconds) {
  auto now = std::chrono::duration_cast<std::chrono::seconds>(system_clock().wall().time_since_epoch()).count();
  int64_t past = std::max<int64_t>(now - seconds, 0);
  if (past < 120) return fmt::format("{}s", past);
  if (past < 7200) return fmt::format("{}m", past / 60);
  if (past < 172800) return fmt::format("{}h", past / 3600);
  return fmt::format("{}d", past / 86400);
}

Status import_command(const ImageOptions& options) {
  if (options.words.empty()) return usage("import needs a file, a folder or -");
  image::ImportOptions import;
  TRY_ASSIGN(import.platform, platform_of(options));
  import.names = options.all("tag");
  TRY_ASSIGN(auto store, open_store(options));
  for (const auto& file : options.words) {
    auto records = file == "-" ? image::import_images(*store, STDIN_FILENO, "standard input", import) : image::import_images(*store, file, import);
    if (!records) return fail(std::move(records).error());
    for (const auto& record : *records) fmt::print("{}\n", display(record));
  }
  return {};
}

image::Credentials credentials_of(const ImageOptions& options) {
  auto creds = options.one("creds");
  auto colon = creds.find(':');
  return {creds.substr(0, colon), colon == std::string::npos ? "" : creds.substr(colon + 1), "", ""};
}

Status pull_command(const ImageOptions& options) {
  if (options.words.empty()) return usage("pull needs the name of an image");
  TRY_ASSIGN(auto store, open_store(options));
  image::PullerOptions settings;
  settings.insecure_registries = options.all("insecure-registry");
  image::Puller puller(*store, settings);
  image::PullOptions pull;
  TRY_ASSIGN(pull.platform, platform_of(options));
  pull.progress = [](const image::PullProgress& progress) {
    if (progress.current == 0 || progress.current == progress.total) fmt::print(stderr, "{}: {}\n", short_id(progress.id), progress.status);
  };
  for (const auto& name : options.words) {
    TRY_ASSIGN(auto reference, image::parse_reference(name));
    pull.credentials.clear();
    if (!options.one("creds").empty()) {
      pull.credentials.push_back(credentials_of(options));
    } else if (const char* home = std::getenv("HOME")) {
      if (auto config = read_file(std::string(home) + "/.docker/config.json", 1 << 20)) {
        TRY_ASSIGN(pull.credentials, image::match_credentials(*config, reference));
      }
    }
    TRY_ASSIGN(auto record, puller.pull(reference, pull));
    fmt::print("{}\n", reference.store_name());
  }
  return {};
}

Status push_command(const ImageOptions& options) {
  if (options.words.empty()) return usage("push needs the name of an image");
  TRY_ASSIGN(auto store, open_store(options));
  image::PullerOptions settings;
  settings.insecure_registries = options.all("insecure-registry");
  image::PushOptions push;
  push.progress = [](const image::PullProgress& progress) {
    if (progress.status != "Pushing" && progress.status != "Preparing") fmt::print(stderr, "{}: {}\n", short_id(progress.id), progress.status);
  };
  for (const auto& name : options.words) {
    TRY_ASSIGN(auto reference, image::parse_reference(name));
    push.credentials = credentials_of(options);
    const char* home = std::getenv("HOME");
    if (options.one("creds").empty() && home) {
      if (auto config = read_file(std::string(home) + "/.docker/config.json", 1 << 20)) {
        TRY_ASSIGN(auto found, image::match_credentials(*config, reference));
        if (!found.empty()) push.credentials = found.front();
      }
    }
    TRY_ASSIGN(auto report, image::Pusher(*store, settings).push(reference, push));
    fmt::print("{}: digest: {} size: {}\n", report.tag, report.digest, report.size);
  }
  return {};
}

Status ls_command(const ImageOptions& options) {
  TRY_ASSIGN(auto store, open_store(options));
  TRY_ASSIGN(auto records, store->list());
  std::ranges::sort(records, {}, [](const ImageRecord& r) { return std::pair(-r.added_s, r.id); });
  std::string format = options.one("format");
  if (!format.empty() && format != "json" && format != "table") return usage("--format is json or table, not " + format);
  if (options.on("quiet")) {
    for (const auto& record : records) fmt::print("{}\n", short_id(record.id));
    return {};
  }
  if (format == "json") {
    image::JsonWriter json;
    json.begin_array();
    for (const auto& record : records) {
      json.begin_object().key("id").value(record.id).key("names").value(record.names).key("repoDigests").value(record.repo_digests);
      json.key("size").value(static_cast<int64_t>(record.size)).key("added").value(record.added_s).end_object();
    }
    fmt::print("{}\n", json.end_array().take());
    return {};
  }
  std::vector<std::array<std::string, 5>> rows = {{"REPOSITORY", "TAG", "IMAGE ID", "ADDED", "SIZE"}};
  for (const auto& record : records) {
    std::array<std::string, 5> row = {"<none>", "<none>", short_id(record.id), age(record.added_s) + " ago", human_size(record.size)};
    for (const auto& name : record.names) {
      auto reference = image::parse_reference(name);
      if (!reference) continue;
      row[0] = reference->familiar_name();
      row[1] = reference->tag.empty() ? "<none>" : reference->tag;
      rows.push_back(row);
    }
    if (record.names.empty()) rows.push_back(row);
  }
  std::array<size_t, 5> widths{};
  for (const auto& row : rows)
    for (size_t i = 0; i < 5; ++i) widths[i] = std::max(widths[i], row[i].size());
  for (const auto& row : rows)
    fmt::print("{:{}}   {:{}}   {:{}}   {:{}}   {}\n", row[0], widths[0], row[1], widths[1], row[2], widths[2], row[3], widths[3], row[4]);
  return {};
}

Status rm_command(const ImageOptions& options) {
  if (options.words.empty()) return usage("rm needs the name of an image");
  TRY_ASSIGN(auto store, open_store(options));
  for (const auto& name : options.words) {
    TRY_ASSIGN(auto report, store->remove(name, options.on("force")));
    for (const auto& tag : report.untagged) fmt::print("Untagged: {}\n", tag);
    for (const auto& id : report.deleted) fmt::print("Deleted: {}\n", id);
  }
  return {};
}

Status prune_command(const ImageOptions& options) {
  TRY_ASSIGN(auto store, open_store(options));
  TRY_ASSIGN(auto report, store->prune(options.on("all")));
  for (const auto& id : report.deleted) fmt::print("Deleted: {}\n", id);
  fmt::print("Total reclaimed space: {}\n", human_size(report.reclaimed));
  return {};
}

Status tag_command(const ImageOptions& options) {
  if (options.words.size() != 2) return usage("tag needs two names");
  TRY_ASSIGN(auto store, open_store(options));
  TRY_ASSIGN(auto reference, image::parse_reference(options.words[1]));
  TRY_ASSIGN(auto record, store->find(options.words[0]));
  return store->tag(record.id, reference);
}

Status inspect_command(const ImageOptions& options) {
  if (options.words.empty()) return usage("inspect needs the name of an image");
  TRY_ASSIGN(auto store, open_store(options));
  std::string out;
  for (const auto& name : options.words) {
    TRY_ASSIGN(auto record, store->find(name));
    TRY_ASSIGN(auto config, store->blob(record.id));
    TRY_ASSIGN(auto layers, store->layers(record.id));
    image::JsonWriter json;
    json.begin_object().key("id").value(record.id).key("names").value(record.names).key("repoDigests").value(record.repo_digests);
    json.key("manifest").value(record.manifest_digest).key("size").value(static_cast<int64_t>(record.size)).key("layers").begin_array();
    for (const auto& layer : layers) {
      json.begin_object().key("diffId").value(layer.diff_id).key("blob").value(layer.blob).key("size").value(static_cast<int64_t>(layer.size));
      json.key("packedSize").value(static_cast<int64_t>(layer.blob_size)).key("path").value(store->layer_path(layer.chain_id)).end_object();
    }
    std::string text = json.end_array().end_object().take();
    text.pop_back();
    out += (out.empty() ? "" : ",\n") + text + ",\"config\":" + config + "}";
  }
  fmt::print("[{}]\n", out);
  return {};
}

Status save_command(const ImageOptions& options) {
  if (options.words.empty()) return usage("save needs the name of an image");
  TRY_ASSIGN(auto store, open_store(options));
  std::string file = options.one("output");
  if (file.empty() || file == "-") {
    if (::isatty(STDOUT_FILENO)) return usage("cowardly refusing to write an archive to a terminal; use -o");
    return image::export_images(*store, options.words, STDOUT_FILENO, "standard output");
  }
  std::string temporary = file + ".part";
  Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) return fail_errno("open " + temporary);
  auto done = image::export_images(*store, options.words, fd.get(), file);
  if (done && (::fsync(fd.get()) != 0 || ::rename(temporary.c_str(), file.c_str()) != 0)) done = fail_errno("write " + file);
  if (!done) ::unlink(temporary.c_str());
  return done;
}

Status build_command(const ImageOptions& options) {
  if (options.words.size() != 1) return usage("build needs one folder, its context");
  BuildOptions build;
  build.context = options.words[0];
  build.dockerfile = options.one("file");
  build.tags = options.all("tag");
  build.target = options.one("target");
  build.no_cache = options.on("no-cache");
  TRY_ASSIGN(build.platform, platform_of(options));
  for (const auto& [flag, into] : {std::pair("build-arg", &build.args), std::pair("label", &build.labels)}) {
    for (const auto& pair : options.all(flag)) {
      auto equals = pair.find('=');
      const char* outer = std::getenv(pair.c_str());
      if (equals != std::string::npos) (*into)[pair.substr(0, equals)] = pair.substr(equals + 1);
      else if (outer) (*into)[pair] = outer;
    }
  }
  TRY_ASSIGN(auto store, open_store(options));
  image::Puller puller(*store);
  if (options.on("pull")) build.pull = [&](const image::Reference& reference) { return puller.pull(reference); };
  BuildProgress progress(options.on("quiet"));
  build.progress = [&](const BuildEvent& event) { progress.show(event); };
  TRY_ASSIGN(auto record, build_image(*store, build));
  fmt::print("{}\n", record.id);
  return {};
}

struct ImageCommand {
  std::string name;
  std::vector<std::string> flags;
  Status (*run)(const ImageOptions&);
};

const std::vector<ImageCommand>& commands() {
  static const std::vector<ImageCommand> list = {
      {"import", {"tag:t=", "platform="}, import_command},
      {"pull", {"platform=", "creds=", "insecure-registry="}, pull_command},
      {"push", {"creds=", "insecure-registry="}, push_command},
      {"build", {"tag:t=", "file:f=", "build-arg=", "label=", "target=", "no-cache", "platform=", "pull", "quiet:q"}, build_command},
      {"ls", {"quiet:q", "format="}, ls_command},
      {"list", {"quiet:q", "format="}, ls_command},
      {"inspect", {}, inspect_command},
      {"tag", {}, tag_command},
      {"save", {"output:o="}, save_command},
      {"rm", {"force:f"}, rm_command},
      {"prune", {"all:a"}, prune_command},
  };
  return list;
}

// One line, whatever was in a foreign archive's names.
std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  return text;
}

}  // namespace

int image_command(const std::vector<std::string>& args) {
  if (args.empty() || args[0] == "help" || std::ranges::find(args, "--help") != args.end() || args[0] == "-h") {
    std::fputs(kUsage, args.empty() ? stderr : stdout);
    return args.empty() ? 2 : 0;
  }
  auto words = args;
  std::vector<std::string> before;  // --data-dir may stand before the command
  while (!words.empty() && words[0].starts_with("--data-dir")) {
    size_t count = words[0].find('=') == std::string::npos ? 2 : 1;
    for (; count > 0 && !words.empty(); --count) {
      before.push_back(words[0]);
      words.erase(words.begin());
    }
  }
  std::string name = words.empty() ? "" : words[0];
  auto command = std::ranges::find(commands(), name, &ImageCommand::name);
  if (command == commands().end()) {
    fmt::print(stderr, "reigen image: unknown command \"{}\"; see reigen image --help\n", one_line(name));
    return 2;
  }
  words.erase(words.begin());
  words.insert(words.end(), before.begin(), before.end());
  auto flags = command->flags;
  flags.push_back("data-dir=");
  auto options = parse_image_options(words, flags);
  if (!options) {
    fmt::print(stderr, "reigen image {}: {}\n", name, one_line(options.error().message()));
    return 2;
  }
  auto done = command->run(*options);
  if (done) done = std::fflush(stdout) == 0 ? Status() : Status(fail_errno("write standard output"));
  if (done) return 0;
  fmt::print(stderr, "reigen image {}: {}\n", name, one_line(done.error().message()));
  return done.error().code() == Code::kUnimplemented ? 2 : 1;
}

}  // namespace reigen::build
