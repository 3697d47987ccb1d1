#include "scheduler/pod_writer.h"

#include <fmt/core.h>

#include "api/errors.h"
#include "api/json.h"
#include "api/metav1.h"
#include "base/log.h"

namespace reigen::scheduler {
namespace {

using api::corev1::Pod;
using api::corev1::PodCondition;

constexpr size_t kMaxNote = 1024;  // of an event's message

std::string cut(std::string message) {
  if (message.size() <= kMaxNote) return message;
  message.resize(kMaxNote - 4);
  return message + " ...";
}

const PodCondition* find(const Pod& pod, std::string_view type) {
  for (const auto& condition : pod.status.conditions)
    if (condition.type == type) return &condition;
  return nullptr;
}

client::Request request_for(const Pod& pod, client::Verb verb, std::string subresource) {
  client::Request request;
  request.verb = verb;
  request.kind = &api::kind_of<Pod>();
  request.namespace_ = pod.metadata.namespace_;
  request.name = pod.metadata.name;
  request.subresource = std::move(subresource);
  return request;
}

// A strategic merge patch of the status; "" when nothing would change.
std::string status_patch(const Pod& pod, const PodCondition* condition, const std::string* nominated) {
  std::string fields;
  if (condition) {
    const auto* old = find(pod, condition->type);
    if (!old || old->status != condition->status || old->reason != condition->reason || old->message != condition->message) {
      auto wanted = *condition;
      if (old && old->status == wanted.status) wanted.last_transition_time = old->last_transition_time;
      fields = "\"conditions\":[" + api::encode_json(wanted) + "]";
    }
  }
  if (nominated && *nominated != pod.status.nominated_node_name) {
    if (!fields.empty()) fields += ',';
    // Node names need no escaping.
    fields += "\"nominatedNodeName\":" + (nominated->empty() ? "null" : "\"" + *nominated + "\"");
  }
  if (fields.empty()) return {};
  return "{\"metadata\":{\"uid\":\"" + pod.metadata.uid + "\"},\"status\":{" + fields + "}}";
}

}  // namespace

PodWriter::PodWriter(std::string scheduler_name, client::Transport& transport, Executor& executor)
    : name_(std::move(scheduler_name)),
      transport_(transport),
      executor_(executor),
      recorder_(std::make_shared<client::EventRecorder>(transport, executor, client::EventSource{.component = name_, .host = ""})) {}

void PodWriter::assign(Binding binding, std::function<void(const Binding&, Status)> done) {
  const Pod& pod = *binding.pod;
  auto request = request_for(pod, client::Verb::kCreate, "binding");
  api::corev1::Binding body;
  body.metadata.namespace_ = pod.metadata.namespace_;
  body.metadata.name = pod.metadata.name;
  body.metadata.uid = pod.metadata.uid;
  body.target.kind = "Node";
  body.target.name = binding.node;
  request.body = api::Object::of(std::move(body));
  transport_.call_async(std::move(request), [binding = std::move(binding), done = std::move(done), recorder = recorder_](Result<client::Response> answer) {
    const auto& meta = binding.pod->metadata;
    if (answer) {
      recorder->event(binding.pod, "Normal", "Scheduled", fmt::format("Successfully assigned {}/{} to {}", meta.namespace_, meta.name, binding.node));
      return done(binding, {});
    }
    if (!api::is_not_found(answer.error()))
      recorder->event(binding.pod, "Warning", "FailedScheduling", cut("running Bind plugin \"DefaultBinder\": " + std::string(answer.error().message())));
    done(binding, std::unexpected(answer.error()));
  });
}

void PodWriter::patch_status(const Pod& pod, std::string patch, client::CallDone done) {
  auto request = request_for(pod, client::Verb::kPatch, "status");
  request.patch_type = client::PatchType::kStrategic;
  request.patch = std::move(patch);
  transport_.call_async(std::move(request), std::move(done));
}

void PodWriter::unschedulable(const Decision& decision) {
  recorder_->event(decision.pod, "Warning", "FailedScheduling", cut(decision.message));
  PodCondition condition;
  condition.type = "PodScheduled";
  condition.status = "False";
  condition.reason = "Unschedulable";
  condition.message = decision.message;
  condition.last_transition_time = api::Time(executor_.clock().wall());
  auto patch = status_patch(*decision.pod, &condition, &decision.nominated);
  if (!patch.empty()) {
    patch_status(*decision.pod, std::move(patch), [pod = decision.pod](Result<client::Response> answer) {
      if (!answer && !api::is_not_found(answer.error()))
        LOG(kWarning, "scheduler", "updating the status of pod {}/{}: {}", pod->metadata.namespace_, pod->metadata.name, answer.error().message());
    });
  }
  for (const auto& victim : decision.victims) evict(victim, decision);
}

void PodWriter::evict(const PodPtr& victim, const Decision& decision) {
  if (victim->metadata.deletion_timestamp) return;
  PodCondition condition;
  condition.type = "DisruptionTarget";
  condition.status = "True";
  condition.reason = "PreemptionByScheduler";
  condition.message = name_ + ": preempting to accommodate a higher priority pod";
  condition.last_transition_time = api::Time(executor_.clock().wall());
  auto remove = [&transport = transport_, recorder = recorder_, victim, preemptor = decision.pod->metadata.uid, node = decision.nominated] {
    auto request = request_for(*victim, client::Verb::kDelete, "");
    request.delete_options.uid = victim->metadata.uid;
    transport.call_async(std::move(request), [recorder, victim, preemptor, node](Result<client::Response> answer) {
      if (answer) {
        recorder->event(victim, "Normal", "Preempted", fmt::format("Preempted by pod {} on node {}", preemptor, node));
      } else if (!api::is_not_found(answer.error())) {
        LOG(kWarning, "scheduler", "preempting pod {}/{}: {}", victim->metadata.namespace_, victim->metadata.name, answer.error().message());
      }
    });
  };
  auto patch = status_patch(*victim, &condition, nullptr);
  if (patch.empty()) return remove();
  patch_status(*victim, std::move(patch), [remove](Result<client::Response> answer) {
    if (answer) remove();
  });
}

}  // namespace reigen::scheduler
