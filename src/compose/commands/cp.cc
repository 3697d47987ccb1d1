#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "compose/archive.h"
#include "compose/commands/commands.h"
#include "compose/flags.h"
#include "compose/operations.h"
#include "compose/source_file.h"

namespace reigen::compose {
namespace {

struct Place {
  std::string service, path;  // no service: here
};

// "web:/etc/x". A path that begins with '/' or '.' is one here, whatever colons it has.
Place place_of(const std::string& text) {
  size_t colon = text.find(':');
  if (text == "-" || text.starts_with('/') || text.starts_with('.') || colon == std::string::npos) return {"", text};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

std::string base_name(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path.substr(path.rfind('/') + 1);
}

bool is_folder(const std::string& path) {
  struct stat facts{};
  return ::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
}

Status copy_out(EngineClient& engine, const Observed& container, const std::string& from, const std::string& to) {
  TRY_ASSIGN(auto answer, engine.stream("GET", with_query(fmt::format("/containers/{}/archive", container.id), {{"path", from}})));
  auto read = [&] { return read_piece(*answer.body); };
  if (to == "-") {
    for (;;) {
      TRY_ASSIGN(std::string piece, read());
      if (piece.empty()) return {};
      if (std::fwrite(piece.data(), 1, piece.size(), stdout) != piece.size()) return fail(Code::kUnavailable, "standard output is closed");
    }
  }
  bool contents = from.ends_with("/.");
  if (is_folder(to)) return unpack_tar(read, to, "");
  if (contents) {
    std::error_code error;
    std::filesystem::create_directory(to, error);
    return unpack_tar(read, to, "");
  }
  // To a name that is not there: the first part of every name becomes it.
  std::string target = to;
  while (target.size() > 1 && target.ends_with('/')) target.pop_back();
  size_t slash = target.rfind('/');
  return unpack_tar(read, slash == std::string::npos ? "." : slash == 0 ? "/" : target.substr(0, slash), base_name(target));
}

Result<bool> is_container_folder(EngineClient& engine, const Observed& container, const std::string& path) {
  auto answer = engine.stream("GET", with_query(fmt::format("/containers/{}/archive", container.id), {{"path", path}}));
  if (!answer && answer.error().code() == Code::kNotFound) return false;
  if (!answer) return fail(std::move(answer).error());
  answer->body->close();
  // {"name":..,"mode":N,..} in base64; Go's mode has folders at bit 31.
  std::string text;
  unsigned bits = 0, count = 0;
  for (char c : answer->headers.get("X-Docker-Container-Path-Stat")) {
    int six = c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 : c == '+' ? 62 : c == '/' ? 63 : -1;
    if (six < 0) continue;
    bits = bits << 6 | static_cast<unsigned>(six);
    if ((count += 6) >= 8) text += static_cast<char>(bits >> (count -= 8) & 0xff);
  }
  auto facts = api::parse_json(text);
  return facts && facts->find("mode") && (facts->find("mode")->int_or(0) >> 31 & 1) != 0;
}

Status copy_in(EngineClient& engine, const Observed& container, const std::string& from, const std::string& to, bool follow, bool owners) {
  TRY_ASSIGN(bool folder, is_container_folder(engine, container, to));
  std::string target = to;
  while (target.size() > 1 && target.ends_with('/')) target.pop_back();
  if (!folder && to.ends_with('/')) return fail(Code::kNotFound, fmt::format("destination directory \"{}:{}\" must exist", container.name, to));
  size_t slash = target.rfind('/');
  std::string parent(slash == std::string::npos ? std::string_view("/") : std::string_view(target).substr(0, std::max<size_t>(slash, 1)));
  std::string name = folder ? base_name(from) : base_name(target);
  auto put = [&](const std::string& path, std::shared_ptr<ByteStream> tar) -> Status {
    http::Headers headers{{"Content-Type", "application/x-tar"}};
    TRY_ASSIGN(auto answer, engine.stream("PUT",
                                          with_query(fmt::format("/containers/{}/archive", container.id),
                                                     {{"path", path}, {"noOverwriteDirNonDir", "true"}, {"copyUIDGID", owners ? "true" : ""}}),
                                          std::move(headers), {}, std::move(tar)));
    answer.body->close();
    return {};
  };
  if (from == "-") return put(to, file_stream(Fd(::dup(0))));
  std::string path = from;
  if (from.ends_with("/.") && !folder) {
    // The contents become a folder of that name.
    path.resize(path.size() - 2);
    name = base_name(target);
  }
  TRY_ASSIGN(Fd tar, tar_of_path(path, name, follow));
  return put(folder ? to : parent, file_stream(std::move(tar)));
}

}  // namespace

Result<int> run_cp(Session& session, const Arguments& arguments) {
  bool archive = false, follow = false, all = false;
  std::optional<int> index;
  Flags flags("cp [OPTIONS] SERVICE:SRC_PATH DEST_PATH|-\n        reigen compose cp [OPTIONS] SRC_PATH|- SERVICE:DEST_PATH",
              "Copy between a service container and this host");
  flags.flag(&archive, "archive", 'a', "Copy owners too")
      .flag(&all, "all", 0, "To all containers of the service, those of run too")
      .flag(&follow, "follow-link", 'L', "Follow a link at the source")
      .number(&index, "index", 0, "Number of the container");
  TRY_ASSIGN(auto words, flags.parse(arguments));
  if (!words) return 0;
  if (words->size() != 2) return fail(Code::kInvalidArgument, fmt::format("requires 2 arg(s), received {}", words->size()));
  Place from = place_of((*words)[0]), to = place_of((*words)[1]);
  if (from.service.empty() == to.service.empty())
    return fail(Code::kInvalidArgument, from.service.empty() ? "unknown copy direction" : "copying between services is not supported");
  TRY_ASSIGN(Project project, session.project_or_name());
  TRY_ASSIGN(EngineClient * engine, session.engine());
  TRY_ASSIGN(auto containers, observe(*engine, project.name, all ? OneOffs::kToo : OneOffs::kWithout));
  std::string service = from.service.empty() ? to.service : from.service;
  auto mine = of_services(containers, {service});
  if (index || mine.empty() || !from.service.empty()) {
    auto one = pick(containers, service, index.value_or(0), true);
    if (!one && index) return fail(std::move(one).error());
    if (!one) return fail(Code::kNotFound, fmt::format("no container found for service \"{}\"", service));
    mine = {*one};
  }
  for (const auto& container : mine) {
    std::string what = from.service.empty() ? fmt::format("copy {} to {}:{}", from.path, container.name, to.path)
                                            : fmt::format("copy {}:{} to {}", container.name, from.path, to.path);
    session.progress().begin(container.name, what + " Copying");
    auto done = from.service.empty() ? copy_in(*engine, container, from.path, to.path, follow, archive) : copy_out(*engine, container, from.path, to.path);
    if (!done) return fail(std::move(done).error());
    session.progress().done(container.name, what + " Copied");
  }
  return 0;
}

}  // namespace reigen::compose
