#include "dns/publisher.h"

#include <atomic>

#include "api/corev1.h"
#include "api/discoveryv1.h"
#include "base/files.h"
#include "base/guarded.h"
#include "base/log.h"
#include "dns/helper.h"
#include "dns/records.h"

namespace reigen::dns {

using api::corev1::Namespace;
using api::corev1::Service;
using api::discoveryv1::EndpointSlice;

namespace {
constexpr auto kGather = std::chrono::milliseconds(10);
constexpr auto kRetry = std::chrono::seconds(1);
constexpr int kPause = 4;  // times what a write took: many services that change all the time cost a fifth of a core, not a whole one
constexpr int kInformers = 3;
}  // namespace

struct Publisher::State : std::enable_shared_from_this<State> {
  State(client::Informers& informers, Executor& executor, PublisherOptions options_in)
      : options(std::move(options_in)),
        namespaces(informers.of<Namespace>()),
        services(informers.of<Service>()),
        slices(informers.of<EndpointSlice>()),
        executor(executor),
        strand(executor) {}

  struct Work {
    bool scheduled = false;
    TimePoint not_before{};
    int synced = 0;
  };

  void mark(bool synced_one) {
    auto access = work.lock();
    if (synced_one) access->synced++;
    if (access->synced == kInformers) schedule(*access, synced_one ? Duration::zero() : Duration(kGather));
  }

  void schedule(Work& access, Duration delay) {
    if (access.scheduled) return;
    access.scheduled = true;
    strand.after(delay, tasks.wrap([self = shared_from_this()] { self->write(); }));
  }

  void write() {
    TimePoint begun = executor.clock().now();
    {
      auto access = work.lock();
      access->scheduled = false;
      if (begun < access->not_before) return schedule(*access, access->not_before - begun);
    }
    publish();
    TimePoint ended = executor.clock().now();
    work.lock()->not_before = ended + kPause * (ended - begun);
  }

  void publish() {
    RecordInput input;
    input.domain = options.domain;
    input.cidrs = options.cidrs;
    input.name_servers = options.name_servers;
    for (const auto& one : namespaces.list()) input.namespaces.push_back(one->metadata.name);
    input.services = services.list();
    input.slices = slices.list();
    std::string text = build_records(input);
    if (ready && text == last) return;
    Status done = write_file(records_path(options.run_directory), text, 0644);
    if (!done) {
      LOG(kError, "dns", "{}", done.error().message());
      auto access = work.lock();
      schedule(*access, kRetry);
      return;
    }
    last = std::move(text);
    ready = true;
  }

  PublisherOptions options;
  client::Informer<Namespace> namespaces;
  client::Informer<Service> services;
  client::Informer<EndpointSlice> slices;
  Executor& executor;
  Strand strand;
  Guarded<Work> work;
  std::string last;
  std::atomic<bool> ready = false;
  TaskGroup tasks;
};

Publisher::Publisher(client::Informers& informers, Executor& executor, PublisherOptions options)
    : state_(std::make_shared<State>(informers, executor, std::move(options))) {}

Publisher::~Publisher() { stop(); }

void Publisher::start() {
  std::weak_ptr<State> weak = state_;
  auto follow = [weak](auto& informer) {
    informer.on_change(
        [weak](const auto&, const auto&) {
          if (auto state = weak.lock()) state->mark(false);
        },
        [weak] {
          if (auto state = weak.lock()) state->mark(true);
        });
  };
  follow(state_->namespaces);
  follow(state_->services);
  follow(state_->slices);
}

void Publisher::stop() { state_->tasks.stop(); }

bool Publisher::ready() const { return state_->ready; }

}  // namespace reigen::dns
