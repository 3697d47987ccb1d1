// A Compose file on its whole way: read, interpolated, normalised, merged over itself, made into requests.
#include <cstdint>

#include "api/json.h"
#include "base/check.h"
#include "base/files.h"
#include "compose/container_request.h"
#include "compose/project.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace reigen;
  using namespace reigen::compose;
  static const std::string folder = make_temporary_directory("/tmp", "compose-fuzz-").value();
  std::string path = folder + "/compose.yml";
  std::string_view text(reinterpret_cast<const char*>(data), size);
  // Standard input and other machines' files are not a parser's.
  if (text.find("include") != std::string_view::npos || text.find("file") != std::string_view::npos) return 0;
  CHECK(write_file(path, std::string(text)));
  ProjectOptions options;
  options.files = {path, path};
  options.directory = folder;
  options.name = "fuzz";
  auto project = open_project(options, {});
  if (!project) return 0;
  (void)in_order(*project);
  for (const auto& [name, service] : project->services) {
    RequestFacts facts;
    facts.name = "fuzz-1";
    if (auto request = make_container_request(*project, service, facts)) CHECK(api::parse_json(api::to_json(request->body)).has_value());
    (void)inline_files(*project, service);
  }
  for (const auto& [key, network] : project->networks) (void)network_body(*project, network);
  for (const auto& [key, volume] : project->volumes) (void)volume_body(*project, volume);
  return 0;
}
