// How long a node may take the secrets and config maps it has read for current: an annotation that grows with the cluster.
// Rules of pkg/controller/ttl.
#include <algorithm>
#include <array>
#include <atomic>
#include <limits>

#include "api/corev1.h"
#include "api/errors.h"
#include "client/client.h"
#include "client/controller.h"
#include "controllers/controller.h"

namespace reigen::controllers {
namespace {

using api::corev1::Node;
using NodePtr = std::shared_ptr<const Node>;

constexpr std::string_view kAnnotation = "node.alpha.kubernetes.io/ttl";

// They overlap, so that a cluster at a border does not go back and forth.
struct Step {
  size_t min_nodes, max_nodes;
  int ttl_seconds;
};
constexpr std::array kSteps = {Step{0, 100, 0}, Step{90, 500, 15}, Step{450, 1000, 30}, Step{900, 2000, 60},
                               Step{1800, std::numeric_limits<size_t>::max(), 300}};

class TtlController final : public Controller, public client::Reconciler {
 public:
  explicit TtlController(Context& context)
      : client_(context.transport_as("ttl-controller"), "kube-controller-manager"),
        nodes_(context.informers.of<Node>()),
        loop_(context.executor, {.name = "ttl-controller", .workers = 1}, *this) {
    // Nodes report often, and so get a new value soon after the cluster's size changed.
    nodes_.on_change([this](const NodePtr&, const NodePtr& node) {
      follow_size();
      if (node) loop_.enqueue(node->metadata.name);
    });
  }

  std::string_view name() const override { return "ttl-controller"; }
  void start() override { loop_.start({&nodes_.untyped()}); }
  void stop() override { loop_.stop(); }

  Result<client::Next> reconcile(const std::string& key) override {
    auto node = nodes_.get("", key);
    if (!node) return client::Next{};
    std::string wanted = std::to_string(kSteps[step_].ttl_seconds);
    const auto* found = node->metadata.annotations.get(kAnnotation);
    if (found && *found == wanted) return client::Next{};
    std::string patch = R"({"metadata":{"annotations":{")" + std::string(kAnnotation) + R"(":")" + wanted + R"("}}})";
    auto written = client_.patch<Node>("", key, client::PatchType::kStrategic, std::move(patch));
    if (!written) {
      if (api::is_not_found(written.error())) return client::Next{};
      return Fail(std::move(written).error());
    }
    loop_.wrote(key, nodes_.untyped(), api::Object::of(*written));
    return client::Next{};
  }

 private:
  // On the informer's strand.
  void follow_size() {
    size_t step = step_, nodes = nodes_.size();
    while (nodes > kSteps[step].max_nodes) ++step;
    while (nodes < kSteps[step].min_nodes) --step;
    step_ = step;
  }

  client::Client client_;
  client::Informer<Node> nodes_;
  std::atomic<size_t> step_ = 0;
  client::ControllerLoop loop_;
};

}  // namespace

std::unique_ptr<Controller> make_ttl_controller(Context& context) { return std::make_unique<TtlController>(context); }

}  // namespace reigen::controllers
