#include "sim_network.h"

namespace reigen::sim {
namespace {
Error down() { return Error(Code::kUnavailable, "the server is down"); }
}  // namespace

struct SimNetwork::Handle final : client::WatchHandle {
  explicit Handle(std::shared_ptr<Watching> watching) : watching(std::move(watching)) {}
  ~Handle() override {
    watching->sink = nullptr;
    watching->inner = nullptr;
  }
  std::shared_ptr<Watching> watching;
};

void SimNetwork::connect(client::Transport* server, std::function<bool()> alive) {
  server_ = server;
  alive_ = std::move(alive);
}

void SimNetwork::disconnect() {
  server_ = nullptr;
  for (auto& [id, done] : std::exchange(calls_, {})) done(std::unexpected(down()));
  for (auto& watching : std::exchange(watches_, {})) {
    watching->inner = nullptr;
    if (auto sink = std::exchange(watching->sink, nullptr)) sink->closed(down());
  }
}

Result<client::Response> SimNetwork::call(const client::Request& request) {
  if (!server_ || !alive_()) return std::unexpected(down());
  auto answer = server_->call(request);
  if (!alive_()) return std::unexpected(down());
  return answer;
}

void SimNetwork::call_async(client::Request request, client::CallDone done) {
  if (!server_ || !alive_()) return done(std::unexpected(down()));
  auto id = next_call_++;
  calls_[id] = std::move(done);
  server_->call_async(std::move(request), [this, id](Result<client::Response> answer) {
    auto call = calls_.extract(id);
    if (!call) return;
    call.mapped()(alive_() ? std::move(answer) : std::unexpected(down()));
  });
}

Result<std::unique_ptr<client::WatchHandle>> SimNetwork::watch(client::Request request, std::shared_ptr<client::WatchSink> sink) {
  if (!server_ || !alive_()) return std::unexpected(down());
  TRY_ASSIGN(auto inner, server_->watch(std::move(request), sink));
  std::erase_if(watches_, [](const auto& watching) { return !watching->inner; });
  auto watching = watches_.emplace_back(std::make_shared<Watching>(std::move(inner), std::move(sink)));
  return std::make_unique<Handle>(std::move(watching));
}

}  // namespace reigen::sim
