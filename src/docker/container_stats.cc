// GET /containers/x/stats
#include "docker/container_stats.h"

#include <atomic>

#include "apiserver/node_containers.h"
#include "docker/container_handlers.h"
#include "docker/container_lookup.h"
#include "docker/go_json.h"
#include "docker/pod_containers.h"
#include "docker/version_table.h"

namespace reigen::docker {

namespace {

using api::Value;

constexpr Duration kPeriod = std::chrono::seconds(1);

Value empty_cpu() {
  return Value::object({{"cpu_usage", Value::object({{"total_usage", 0}, {"usage_in_kernelmode", 0}, {"usage_in_usermode", 0}})},
                        {"throttling_data", Value::object({{"periods", 0}, {"throttled_periods", 0}, {"throttled_time", 0}})}});
}

Value empty_block() {
  Value out = Value::object();
  for (const char* name : {"io_service_bytes_recursive", "io_serviced_recursive", "io_queue_recursive", "io_service_time_recursive", "io_wait_time_recursive",
                           "io_merged_recursive", "io_time_recursive", "sectors_recursive"})
    out.set(name, Value());
  return out;
}

// One client. The next sample is asked for a second after the last, so a slow client is never ahead of itself.
struct Stats : std::enable_shared_from_this<Stats> {
  Stats(Call call_, std::string id_) : call(std::move(call_)), engine(call.engine), id(std::move(id_)) {}

  Call call;
  Engine& engine;
  const std::string id;
  bool stream = true, one_shot = false;
  Value previous;
  int sent = 0;
  std::atomic<bool> gone{false};

  void run() {
    if (stream) {
      call.responder->start(200, answer_headers("application/json"));
      call.responder->on_close([self = shared_from_this()] { self->gone = true; });
    }
    sample();
  }

  void sample() {
    if (gone) return;
    auto container = any_container(engine, id);
    if (!container) return finish();
    if (!has_process(*container)) return send(container, empty_stats(*container));
    engine.nodes.stats(target_of(*container), [self = shared_from_this(), container](Result<std::string> text) {
      auto parsed = text ? api::parse_json(*text) : Result<Value>(fail(text.error()));
      // It may have ended meanwhile.
      if (!parsed) return self->send(container, empty_stats(*container));
      bool first = self->previous.is_null();
      Value message = stats_message(*container, *parsed, self->previous);
      self->previous = std::move(*parsed);
      if (!self->stream && !self->one_shot && first) return self->later();
      self->send(container, std::move(message));
    });
  }

  void send(const ContainerPtr&, Value message) {
    if (!stream) return call.json(200, std::move(message), "container.stats");
    bring_down(message, "container.stats", call.version);
    call.responder->write(go_json(message), [self = shared_from_this()](Status status) {
      if (status) self->later();
    });
  }
  void later() {
    engine.work.after(kPeriod, [self = shared_from_this()] { self->sample(); });
  }
  void finish() {
    if (stream) return call.responder->finish();
    call.error(Error(Code::kNotFound, "No such container: " + id));
  }
};

}  // namespace

Value empty_stats(const api::dockerv1::Container& container) {
  return Value::object({{"read", kZeroTime},
                        {"preread", kZeroTime},
                        {"pids_stats", Value::object()},
                        {"blkio_stats", empty_block()},
                        {"num_procs", 0},
                        {"storage_stats", Value::object()},
                        {"cpu_stats", empty_cpu()},
                        {"precpu_stats", empty_cpu()},
                        {"memory_stats", Value::object()},
                        {"name", "/" + container.spec.docker_name},
                        {"id", container.metadata.name}});
}

Value stats_message(const api::dockerv1::Container& container, Value sample, const Value& previous) {
  Value out = empty_stats(container);
  if (const Value* read = previous.find("read")) out.set("preread", *read);
  if (const Value* cpu = previous.find("cpu_stats")) out.set("precpu_stats", *cpu);
  for (auto& member : sample.members()) {
    if (member.key() == "preread" || member.key() == "precpu_stats" || member.key() == "name" || member.key() == "id") continue;
    out.set(member.key(), std::move(member.value));
  }
  return out;
}

void container_stats(Call call) {
  auto container = find_container(call.engine, call.params[0]);
  if (!container) return call.error(container.error());
  bool stream = call.flag_or("stream", true);
  bool one_shot = call.version >= since::kOneShotStats && call.flag("one-shot");
  if (stream && one_shot) return call.error(Error(Code::kInvalidArgument, "cannot have stream=true and one-shot=true"));
  auto stats = std::make_shared<Stats>(std::move(call), (*container)->metadata.name);
  stats->stream = stream;
  stats->one_shot = one_shot;
  stats->run();
}

}  // namespace reigen::docker
