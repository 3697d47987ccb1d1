#include "dns/docker_publisher.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "api/dockerv1.h"
#include "base/guarded.h"
#include "dns/docker_names.h"
#include "dns/docker_records.h"
#include "dns/helper_file.h"

namespace reigen::dns {

using api::dockerv1::Container;

struct DockerPublisher::State {
  State(client::Informers& informers, Executor& executor, const DockerPublisherOptions& options)
      : containers(informers.of<Container>()), file(executor, docker_names_path(options.run_directory), [this] { return text(); }) {}

  struct Known {
    std::map<std::string, std::vector<std::string>> lines;  // by container
    std::set<std::string> put;                              // containers whose node has spoken
    bool synced = false;
  };

  // True when they are others than before and to be written. Most changes of a Container change none of its lines.
  static bool exchange(Known& access, const std::string& id, std::vector<std::string> lines) {
    auto found = access.lines.find(id);
    if (found == access.lines.end() ? lines.empty() : found->second == lines) return false;
    if (lines.empty()) access.lines.erase(id);
    else access.lines[id] = std::move(lines);
    return access.synced;
  }

  void note(const Container& container) {
    auto access = known.lock();
    if (access->put.contains(container.metadata.name)) return;
    if (exchange(*access, container.metadata.name, docker_lines(container))) file.changed();
  }

  void forget(const std::string& id) {
    auto access = known.lock();
    access->put.erase(id);
    if (exchange(*access, id, {})) file.changed();
  }

  void put(const Container& container) {
    {
      auto access = known.lock();
      access->put.insert(container.metadata.name);
      if (!exchange(*access, container.metadata.name, docker_lines(container))) return;
    }
    file.write_now();
  }

  void note_synced() {
    known.lock()->synced = true;
    file.write_soon();
  }

  std::string text() {
    std::vector<std::string> all;
    {
      auto access = known.lock();
      for (const auto& [id, lines] : access->lines) all.insert(all.end(), lines.begin(), lines.end());
    }
    std::ranges::sort(all);
    std::string out;
    for (const std::string& line : all) out += line;
    return out;
  }

  client::Informer<Container> containers;
  Guarded<Known> known;
  HelperFile file;
};

DockerPublisher::DockerPublisher(client::Informers& informers, Executor& executor, const DockerPublisherOptions& options)
    : state_(std::make_shared<State>(informers, executor, options)) {}

DockerPublisher::~DockerPublisher() { stop(); }

void DockerPublisher::start() {
  std::weak_ptr<State> weak = state_;
  state_->containers.on_change(
      [weak](const auto& previous, const auto& current) {
        auto state = weak.lock();
        if (!state) return;
        if (current) state->note(*current);
        else if (previous) state->forget(previous->metadata.name);
      },
      [weak] {
        if (auto state = weak.lock()) state->note_synced();
      });
}

void DockerPublisher::put(const Container& container) { state_->put(container); }

void DockerPublisher::stop() { state_->file.stop(); }

bool DockerPublisher::ready() const { return state_->file.ready(); }

}  // namespace reigen::dns
