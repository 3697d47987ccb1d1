#include "docker_scenario.h"

#include <fmt/core.h>

#include <set>
#include <utility>

#include "api/docker_names.h"
#include "api/dockerv1.h"
#include "api/errors.h"
#include "api/json.h"
#include "client/client.h"
#include "controllers/container/address_book.h"
#include "docker_node.h"
#include "sim_network.h"
#include "sim_server.h"

namespace reigen::sim {
namespace {

using namespace api::dockerv1;
using api::corev1::Pod;
using std::chrono::milliseconds;

constexpr auto kPatience = std::chrono::minutes(5);

std::string id_of(char digit) { return std::string(64, digit); }

// Steps of Docker's endpoint: each is tried until it holds, also when an answer was lost.
class User {
 public:
  User(client::Transport& api, DockerNode& node) : api_(api), node_(node) {
    step([this] {
      api::corev1::Node host;
      host.metadata.name = "node";
      return is_made(api_.create(std::move(host)));
    });
  }

  void run_and_remove() {
    make("web", 'a');
    make("db", 'b');
    start('a', 1);
    start('b', 1);
    start('a', 2);  // restart
    stop('a');
    start('a', 3);
    stop('a');
    remove("web", 'a');
    // docker run --rm: the name is free. A server that starts removes such a container before it was started, as dockerd does.
    step([this] {
      node_.ends_by_itself(id_of('c'));
      return claim("web", 'c') && create("web", 'c', R"({"AutoRemove":true})") && ask_for('c', 1);
    });
    step([this] { return is_gone<Container>(id_of('c')) && is_gone<NameClaim>(claim_of("web")); });
    step([this] { return nothing_is_left(); });
  }

  // Of four containers whose programs have ended two start with the server, the one that is linked to first.
  void restart_the_server(std::function<bool()> restart) {
    make("web", 'a', R"({"RestartPolicy":{"Name":"always"}})", 'b');
    make("db", 'b', R"({"RestartPolicy":{"Name":"unless-stopped"}})");
    make("job", 'd', R"({"RestartPolicy":{"Name":"no"}})");
    make("off", 'e', R"({"RestartPolicy":{"Name":"unless-stopped"}})");
    for (char digit : {'a', 'b', 'd', 'e'}) start(digit, 1);
    stop('e');
    for (char digit : {'a', 'b', 'd'})
      step([=, this] {
        node_.ends_by_itself(id_of(digit));
        return is(digit, 1, "exited");
      });
    step([this, restart = std::move(restart)] {
      node_.never_ends_by_itself();
      return restart();
    });
    step([this] { return is('a', 2, "running") && is('b', 2, "running") && is('d', 1, "exited") && is('e', 1, "exited"); });
    step([this] {
      auto started = node_.started();
      return started.size() == 6 && started[4] == id_of('b') && started[5] == id_of('a');
    });
    connect_and_leave('b');
  }

  bool is_done() const { return next_ == steps_.size(); }
  size_t next() const { return next_; }
  void work() {
    if (!is_done() && steps_[next_]()) ++next_;
  }

 private:
  void step(std::function<bool()> step) { steps_.push_back(std::move(step)); }
  static std::string claim_of(const std::string& name) { return api::claim_object_name("Container", name); }
  template <class T>
  static bool is_made(const Result<T>& answer) {
    return answer || api::is_already_exists(answer.error());
  }
  template <class Kind>
  bool is_gone(const std::string& name) {
    auto found = api_.get<Kind>("", name);
    return !found && api::is_not_found(found.error());
  }
  template <class Kind>
  bool removed(const std::string& name) {
    auto answer = api_.remove<Kind>("", name);
    return answer || api::is_not_found(answer.error());
  }

  void make(const std::string& name, char digit, const std::string& host_config = "{}", char linked = 0) {
    step([=, this] { return claim(name, digit); });
    step([=, this] { return create(name, digit, host_config, linked); });
  }
  bool claim(const std::string& name, char digit, const std::string& kind = "Container") {
    NameClaim claim;
    claim.metadata.name = api::claim_object_name(kind, name);
    claim.spec.kind = kind;
    claim.spec.docker_name = name;
    claim.spec.holder = id_of(digit);
    return is_made(api_.create(std::move(claim)));
  }
  bool create(const std::string& name, char digit, const std::string& host_config, char linked = 0) {
    Container container;
    container.metadata.name = id_of(digit);
    auto& spec = container.spec;
    spec.node_name = "node";
    spec.docker_name = name;
    spec.image_id = "sha256:1";
    spec.image_name = "busybox:1";
    spec.path = "sleep";
    spec.config.raw = "{}";
    spec.host_config.raw = host_config;
    auto& network = spec.networks.emplace_back();
    network.network = "bridge";
    if (linked) network.links.push_back(id_of(linked).append(":other"));
    return is_made(api_.create(std::move(container)));
  }

  bool change(char digit, const std::function<void(ContainerSpec&)>& fn) {
    auto container = api_.get<Container>("", id_of(digit));
    if (!container) return false;
    Container changed = **container;
    fn(changed.spec);
    if (changed.spec == (*container)->spec) return true;
    return api_.update(std::move(changed)).has_value();
  }
  bool ask(char digit, const std::function<void(RunRequest&)>& fn) {
    return change(digit, [&](ContainerSpec& spec) { fn(spec.run); });
  }
  bool is(char digit, int64_t run, std::string_view state) {
    auto container = api_.get<Container>("", id_of(digit));
    return container && (*container)->status.run_number == run && (*container)->status.state == state;
  }

  bool ask_for(char digit, int64_t run) {
    return ask(digit, [&](RunRequest& wish) {
      if (wish.number == run) return;
      wish = {};
      wish.wanted = true;
      wish.number = run;
      wish.grace_seconds = 1;
    });
  }
  void start(char digit, int64_t run) {
    step([=, this] { return ask_for(digit, run); });
    step([=, this] { return is(digit, run, "running") && node_.runs(id_of(digit)); });
  }
  void stop(char digit) {
    step([=, this] {
      return ask(digit, [](RunRequest& wish) {
        wish.wanted = false;
        wish.stopped_by_user = true;
      });
    });
    step([=, this] {
      auto container = api_.get<Container>("", id_of(digit));
      return container && (*container)->status.state == "exited" && !node_.runs(id_of(digit));
    });
  }
  void remove(const std::string& name, char digit) {
    step([=, this] { return removed<Container>(id_of(digit)); });
    step([=, this] { return removed<NameClaim>(claim_of(name)); });
  }

  // docker network connect --ip and disconnect, while it runs: the pod's record follows.
  void connect_and_leave(char digit) {
    step([=, this] {
      if (!claim("front", '9', "Network")) return false;
      Network network;
      network.metadata.name = id_of('9');
      network.spec.docker_name = "front";
      network.spec.driver = "bridge";
      network.spec.enable_ipv4 = true;
      network.spec.pools.emplace_back().subnet = "10.9.0.0/24";
      return is_made(api_.create(std::move(network))) || api_.get<Network>("", id_of('9'));
    });
    step([=, this] {
      return change(digit, [](ContainerSpec& spec) {
        if (spec.networks.size() == 2) return;
        auto& request = spec.networks.emplace_back();
        request.network = "front";
        request.network_id = id_of('9');
        request.ipv4_address = "10.9.0.50";
      });
    });
    step([=, this] {
      auto record = record_of(digit);
      return record.endpoints.size() == 2 && record.endpoints[1].ip_address == "10.9.0.50" && record.endpoints[1].gateway == "10.9.0.1";
    });
    step([=, this] { return change(digit, [](ContainerSpec& spec) { spec.networks.resize(1); }); });
    step([=, this] { return record_of(digit).endpoints.size() == 1; });
  }
  EndpointsRecord record_of(char digit) {
    auto pods = api_.list<Pod>("");
    if (!pods) return {};
    for (const auto& pod : pods->items)
      if (pod->metadata.annotations.value_or(api::kContainerAnnotation, "") == id_of(digit)) return controllers::record_of(*pod);
    return {};
  }

  // In the end db runs in the only pod, and nothing else holds a name.
  bool nothing_is_left() {
    auto pods = api_.list<Pod>("");
    auto claims = api_.list<NameClaim>("");
    auto networks = api_.list<Network>("");
    if (!pods || !claims || !networks) return false;
    std::set<std::string> names;
    for (const auto& claim : claims->items) names.insert(claim->spec.docker_name);
    return pods->items.size() == 1 && pods->items[0]->metadata.name.starts_with("db-") && is('b', 1, "running") && networks->items.size() == 3 &&
           names == std::set<std::string>{"bridge", "db", "host", "none"};
  }

  client::Client api_;
  DockerNode& node_;
  std::vector<std::function<bool()>> steps_;
  size_t next_ = 0;
};

class Scenario {
 public:
  Scenario(uint64_t seed, uint64_t crash_at)
      : machine_(seed),
        disk_(seed),
        random_(seed),
        world_(machine_),
        node_(network_, world_, [this](std::string text) { violation(std::move(text)); }),
        user_(network_, node_) {
    if (crash_at) disk_.crash_after(crash_at);
  }
  ~Scenario() {
    disk_.before_operations({});
    stop_server();
  }

  void run_and_remove() { user_.run_and_remove(); }
  void restart_the_server() {
    user_.restart_the_server([this] { return restart_ = true; });
  }

  // From the first start's end on: what comes before is the other scenario's.
  void fork_at_operations(ForkPoints& points, uint64_t share) {
    disk_.before_operations([this, &points, share] {
      uint64_t operation = disk_.operations() + 1;
      if (!server_ || points.is_child() || (operation - 1) % share != 0) return;
      if (points.fork(operation)) disk_.crash_after(1);
    });
  }

  Outcome run() {
    world_.post([this] { node_.start(); });
    work();
    auto limit = machine_.clock().now() + kPatience;
    auto over = [&] { return user_.is_done() || !outcome_.violations.empty(); };
    while (!over() && machine_.clock().now() < limit) {
      if (!server_ && !start_server()) continue;
      machine_.run_until([&] { return disk_.crashed() || restart_ || over(); }, limit - machine_.clock().now());
      if (disk_.crashed()) power_loss();
      if (std::exchange(restart_, false)) stop_server();
    }
    if (!over()) violation(fmt::format("step {} never held{}", user_.next(), what_there_is()));
    outcome_.disk_operations = disk_.operations();
    return outcome_;
  }

 private:
  void violation(std::string text) { outcome_.violations.push_back(std::move(text)); }
  void work() {
    world_.after(milliseconds(30), [this] {
      if (server_ && !disk_.crashed()) user_.work();
      work();
    });
  }
  bool start_server() {
    auto server = SimServer::start(machine_, disk_, random_, true);
    if (server) {
      server_ = std::move(*server);
      network_.connect(&server_->admin(), [this] { return !disk_.crashed(); });
      return true;
    }
    if (disk_.crashed()) power_loss();
    else violation("the server does not start: " + server.error().message());
    return false;
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

  std::string what_there_is() {
    std::string text;
    client::Client api(network_);
    auto add = [&](const auto& list) {
      if (!list) return;
      for (const auto& object : list->items) text += "\n  " + api::encode_json(*object);
    };
    add(api.list<Container>(""));
    add(api.list<NameClaim>(""));
    add(api.list<Pod>(""));
    return text;
  }

  SimExecutor machine_;
  SimDisk disk_;
  SeededRandom random_;
  SimProcess world_;
  SimNetwork network_;
  DockerNode node_;
  Outcome outcome_;
  User user_;
  std::unique_ptr<SimServer> server_;
  bool restart_ = false;  // the user wants the server to start anew
};

}  // namespace

Outcome run_docker_scenario(uint64_t seed, uint64_t crash_at) {
  Scenario scenario(seed, crash_at);
  scenario.run_and_remove();
  return scenario.run();
}

Outcome run_docker_restore_scenario(uint64_t seed) {
  Scenario scenario(seed, 0);
  scenario.restart_the_server();
  return scenario.run();
}

std::map<uint64_t, Outcome> run_docker_scenario_at_every_write(uint64_t seed, uint64_t share, size_t at_once) {
  Scenario scenario(seed, 0);  // a child ends without it
  scenario.run_and_remove();
  return run_with_children(at_once, [&](ForkPoints& points) {
    scenario.fork_at_operations(points, share);
    return scenario.run();
  });
}

}  // namespace reigen::sim
