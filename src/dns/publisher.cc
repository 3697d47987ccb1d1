#include "dns/publisher.h"

#include <atomic>

#include "api/corev1.h"
#include "api/discoveryv1.h"
#include "dns/helper.h"
#include "dns/helper_file.h"
#include "dns/records.h"

namespace reigen::dns {

using api::corev1::Namespace;
using api::corev1::Service;
using api::discoveryv1::EndpointSlice;

namespace {
constexpr int kInformers = 3;
}  // namespace

struct Publisher::State {
  State(client::Informers& informers, Executor& executor, PublisherOptions options_in)
      : options(std::move(options_in)),
        namespaces(informers.of<Namespace>()),
        services(informers.of<Service>()),
        slices(informers.of<EndpointSlice>()),
        file(executor, records_path(options.run_directory), [this] { return text(); }) {}

  void changed() {
    if (synced == kInformers) file.changed();
  }

  void note_synced() {
    if (++synced == kInformers) file.write_soon();
  }

  std::string text() {
    RecordInput input;
    input.domain = options.domain;
    input.cidrs = options.cidrs;
    input.name_servers = options.name_servers;
    for (const auto& one : namespaces.list()) input.namespaces.push_back(one->metadata.name);
    input.services = services.list();
    input.slices = slices.list();
    return build_records(input);
  }

  PublisherOptions options;
  client::Informer<Namespace> namespaces;
  client::Informer<Service> services;
  client::Informer<EndpointSlice> slices;
  std::atomic<int> synced = 0;
  HelperFile file;
};

Publisher::Publisher(client::Informers& informers, Executor& executor, PublisherOptions options)
    : state_(std::make_shared<State>(informers, executor, std::move(options))) {}

Publisher::~Publisher() { stop(); }

void Publisher::start() {
  std::weak_ptr<State> weak = state_;
  auto follow = [weak](auto& informer) {
    informer.on_change(
        [weak](const auto&, const auto&) {
          if (auto state = weak.lock()) state->changed();
        },
        [weak] {
          if (auto state = weak.lock()) state->note_synced();
        });
  };
  follow(state_->namespaces);
  follow(state_->services);
  follow(state_->slices);
}

void Publisher::stop() { state_->file.stop(); }

bool Publisher::ready() const { return state_->file.ready(); }

}  // namespace reigen::dns
