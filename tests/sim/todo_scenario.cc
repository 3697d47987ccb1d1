#include "todo_scenario.h"

#include <fmt/core.h>

#include <cstdlib>
#include <map>
#include <set>

#include "api/corev1.h"
#include "api/errors.h"
#include "api/json.h"
#include "api/metav1.h"
#include "base/files.h"
#include "client/client.h"
#include "node/hollow_nodes.h"
#include "fork_points.h"
#include "sim_network.h"
#include "sim_server.h"

namespace reigen::sim {
namespace {

using namespace api::corev1;
using std::chrono::milliseconds;

const std::map<std::string, int> kWanted = {{"redis-master", 1}, {"redis-slave", 2}, {"todo-app", 3}};
constexpr auto kPatience = std::chrono::minutes(10);

std::vector<api::Object> manifests() {
  std::vector<api::Object> objects;
  for (const auto& [app, replicas] : kWanted)
    for (const char* part : {"controller", "service"}) {
      auto text = read_file(fmt::format("{}/{}-{}.json", REIGEN_TODO_MANIFESTS, app, part), 1 << 20);
      CHECK(text.has_value());
      auto object = api::decode_json(*text);
      CHECK(object.has_value());
      objects.push_back(std::move(*object));
    }
  return objects;
}

class Scenario {
 public:
  Scenario(uint64_t seed, uint64_t crash_at)
      : machine_(seed), disk_(seed), random_(seed), nodes_process_(machine_), user_process_(machine_), user_(network_), manifests_(manifests()) {
    if (crash_at) disk_.crash_after(crash_at);
    nodes_ = std::make_unique<node::HollowNodes>(node::HollowOptions{.count = 3, .prefix = "node-"}, network_, nodes_process_);
  }
  ~Scenario() {
    disk_.before_operations({});
    nodes_->stop();
    stop_server();
  }

  // Before run(): the run goes on without a crash, and in children with one at every `share`th operation of the disk.
  void fork_at_operations(ForkPoints& points, uint64_t share) {
    disk_.before_operations([this, &points, share] {
      uint64_t operation = disk_.operations() + 1;
      if (points.is_child() || (operation - 1) % share != 0) return;
      if (points.fork(operation)) disk_.crash_after(1);
    });
  }

  Outcome run() {
    nodes_->start();
    user_process_.post([this] { create_next(); });
    look_again();
    auto limit = machine_.clock().now() + kPatience;
    while (!converged_ && machine_.clock().now() < limit && outcome_.violations.empty()) {
      if (!server_ && !start_server()) continue;
      machine_.run_until([&] { return disk_.crashed() || converged_ || !outcome_.violations.empty(); }, limit - machine_.clock().now());
      if (disk_.crashed()) power_loss();
    }
    if (!converged_ && outcome_.violations.empty()) violation("the app did not come up: " + why_not_ + what_there_is());
    outcome_.disk_operations = disk_.operations();
    return outcome_;
  }

 private:
  void violation(std::string text) { outcome_.violations.push_back(std::move(text)); }

  bool start_server() {
    auto server = SimServer::start(machine_, disk_, random_);
    if (!server) {
      if (disk_.crashed()) {
        power_loss();
      } else {
        violation("the server does not start: " + server.error().message());
      }
      return false;
    }
    server_ = std::move(*server);
    network_.connect(&server_->admin(), [this] { return !disk_.crashed(); });
    check_acknowledged();
    return true;
  }
  void stop_server() {
    network_.disconnect();
    server_.reset();
  }
  void power_loss() {
    outcome_.crashed = true;
    stop_server();
    disk_.reboot();
  }

  // The user: one object after the other, each until it is there.
  void create_next() {
    if (created_ == manifests_.size()) return;
    auto object = manifests_[created_].clone();
    object.mut_meta().namespace_ = "default";
    auto answer = user_.write(client::Verb::kCreate, object, "");
    if (answer) {
      acknowledged_.push_back(*answer);
      ++created_;
    } else if (api::is_already_exists(answer.error())) {
      ++created_;  // of a call whose answer was lost
    }
    user_process_.after(milliseconds(100), [this] { create_next(); });
  }

  void check_acknowledged() {
    for (const auto& object : acknowledged_) {
      const auto& meta = object.meta();
      auto now = user_.get_object(object.kind(), meta.namespace_, meta.name);
      if (!now) {
        if (!disk_.crashed()) violation(fmt::format("{} {} was acknowledged and is lost: {}", object.kind().kind, meta.name, now.error().message()));
      } else if (now->meta().uid != meta.uid) {
        violation(fmt::format("{} {} was acknowledged with uid {} and has {}", object.kind().kind, meta.name, meta.uid, now->meta().uid));
      }
    }
  }

  void look_again() {
    user_process_.after(milliseconds(200), [this] {
      if (server_ && !disk_.crashed()) look();
      look_again();
    });
  }

  // What must hold always, and whether all is as wanted.
  void look() {
    auto pods = user_.list<Pod>("default");
    auto services = user_.list<Service>("");
    if (!pods || !services) return;
    std::map<std::string, int> active, ready;
    std::map<std::string, std::string> by_ip;
    for (const auto& pod : pods->items) {
      auto app = pod->metadata.labels.value_or("name", "");
      if (pod->metadata.deletion_timestamp) continue;
      ++active[app];
      ready[app] += pod->status.phase == PodPhase::Running && !pod->spec.node_name.empty();
      if (!pod->status.pod_ip.empty()) claim_address(by_ip, pod->status.pod_ip, "pod " + pod->metadata.name);
    }
    for (const auto& service : services->items) {
      const auto& spec = service->spec;
      if (!spec.cluster_ip.empty() && spec.cluster_ip != "None") claim_address(by_ip, spec.cluster_ip, "service " + service->metadata.name);
      for (const auto& port : spec.ports)
        if (port.node_port) claim_address(by_ip, fmt::format("node port {}", port.node_port), "service " + service->metadata.name);
    }
    for (const auto& [app, count] : active)
      if (auto wanted = kWanted.find(app); wanted == kWanted.end() || count > wanted->second) violation(fmt::format("{} pods of {}", count, app));
    why_not_.clear();
    for (const auto& [app, wanted] : kWanted) check_app(app, wanted, ready[app]);
    converged_ = why_not_.empty();
  }
  void claim_address(std::map<std::string, std::string>& by_ip, const std::string& address, const std::string& owner) {
    auto [at, added] = by_ip.emplace(address, owner);
    if (!added) violation(fmt::format("{} belongs to {} and to {}", address, at->second, owner));
  }
  void check_app(const std::string& app, int wanted, int running) {
    if (running != wanted) why_not_ += fmt::format("{} of {} pods of {} run; ", running, wanted, app);
    auto endpoints = user_.get<Endpoints>("default", app);
    int addresses = 0;
    if (endpoints)
      for (const auto& subset : (*endpoints)->subsets) addresses += static_cast<int>(subset.addresses.size());
    if (addresses != wanted) why_not_ += fmt::format("{} of {} endpoints of {}; ", addresses, wanted, app);
  }

  std::string what_there_is() {
    std::string text = fmt::format("\n{} of {} created, {} nodes registered", created_, manifests_.size(), nodes_->metrics().registered);
    if (auto pods = user_.list<Pod>(""))
      for (const auto& pod : (*pods).items) text += "\n  " + pod->metadata.name + " on " + pod->spec.node_name + ": " + api::encode_json(*pod);
    if (auto controllers = user_.list<ReplicationController>(""))
      for (const auto& one : (*controllers).items) text += "\n  " + one->metadata.name + ": " + api::encode_json(one->status);
    if (auto events = user_.list<Event>(""))
      for (const auto& event : (*events).items) text += "\n  " + event->involved_object.name + " " + event->reason + ": " + event->message;
    return text;
  }

  SimExecutor machine_;
  SimDisk disk_;
  SeededRandom random_;
  SimProcess nodes_process_, user_process_;
  SimNetwork network_;
  client::Client user_;
  std::vector<api::Object> manifests_;
  size_t created_ = 0;
  std::vector<api::Object> acknowledged_;
  std::unique_ptr<node::HollowNodes> nodes_;
  std::unique_ptr<SimServer> server_;
  bool converged_ = false;
  std::string why_not_ = "nobody looked";
  Outcome outcome_;
};

}  // namespace

std::map<uint64_t, Outcome> run_todo_scenario_at_every_write(uint64_t seed, uint64_t share, size_t at_once) {
  Scenario scenario(seed, 0);  // a child ends without it
  return run_with_children(at_once, [&](ForkPoints& points) {
    scenario.fork_at_operations(points, share);
    return scenario.run();
  });
}

Outcome run_todo_scenario(uint64_t seed, uint64_t crash_at) { return Scenario(seed, crash_at).run(); }

}  // namespace reigen::sim
