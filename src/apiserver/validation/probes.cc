// Probes and lifecycle handlers.

#include "api/validation.h"
#include "apiserver/validation/pod_parts.h"

namespace reigen::apiserver {
namespace {

using namespace api::corev1;

void check_port(const api::IntOrString& port, const FieldPath& path, FieldErrors& errors) {
  if (port.is_string) return api::add_invalid(errors, path, port.text, api::is_port_name(port.text));
  for (const std::string& message : api::is_port_number(port.number)) reject(errors, path, port.number, message);
}

void validate_http_get(const HTTPGetAction& action, const FieldPath& path, FieldErrors& errors) {
  if (action.path.empty()) require(errors, path.child("path"));
  check_port(action.port, path.child("port"), errors);
  check_choice(errors, path.child("scheme"), action.scheme, {"HTTP", "HTTPS"});
  for (const auto& header : action.http_headers) api::add_invalid(errors, path.child("httpHeaders"), header.name, api::is_http_header_name(header.name));
}

void validate_sleep(const SleepAction& action, const PodScope& scope, const FieldPath& path, FieldErrors& errors) {
  const auto& grace = scope.spec.termination_grace_period_seconds;
  if (!grace) return;
  std::string period = std::to_string(*grace);
  if (action.seconds > *grace || action.seconds < (scope.options.allow_zero_sleep ? 0 : 1))
    reject(errors, path, action.seconds,
           scope.options.allow_zero_sleep ? "must be non-negative and less than terminationGracePeriodSeconds (" + period + ")"
                                          : "must be greater than 0 and less than terminationGracePeriodSeconds (" + period +
                                                "). Enable AllowPodLifecycleSleepActionZeroValue feature gate for zero sleep.");
}

// What probes and lifecycle handlers may be, in the order they are looked at.
struct Handler {
  const ExecAction* exec = nullptr;
  const HTTPGetAction* http_get = nullptr;
  const TCPSocketAction* tcp_socket = nullptr;
  const GRPCAction* grpc = nullptr;
  const SleepAction* sleep = nullptr;
};

void validate_handler(const Handler& handler, const PodScope& scope, const FieldPath& path, FieldErrors& errors) {
  bool chosen = false;
  auto choose = [&](const auto* action, std::string_view name, auto check) {
    if (!action) return;
    FieldPath at = path.child(name);
    if (chosen) return forbid(errors, at, "may not specify more than 1 handler type");
    chosen = true;
    check(*action, at);
  };
  choose(handler.exec, "exec", [&](const ExecAction& action, const FieldPath& at) {
    if (action.command.empty()) require(errors, at.child("command"));
  });
  choose(handler.http_get, "httpGet", [&](const HTTPGetAction& action, const FieldPath& at) { validate_http_get(action, at, errors); });
  choose(handler.tcp_socket, "tcpSocket", [&](const TCPSocketAction& action, const FieldPath& at) { check_port(action.port, at.child("port"), errors); });
  choose(handler.grpc, "grpc", [&](const GRPCAction& action, const FieldPath& at) { check_port(api::IntOrString(action.port), at.child("port"), errors); });
  choose(handler.sleep, "sleep", [&](const SleepAction& action, const FieldPath& at) { validate_sleep(action, scope, at, errors); });
  if (!chosen) require(errors, path, "must specify a handler type");
}

void validate_probe(const Probe& probe, const PodScope& scope, const FieldPath& path, FieldErrors& errors) {
  validate_handler({.exec = probe.exec.get(), .http_get = probe.http_get.get(), .tcp_socket = probe.tcp_socket.get(), .grpc = probe.grpc.get()}, scope, path,
                   errors);
  check_non_negative(errors, path.child("initialDelaySeconds"), probe.initial_delay_seconds);
  check_non_negative(errors, path.child("timeoutSeconds"), probe.timeout_seconds);
  check_non_negative(errors, path.child("periodSeconds"), probe.period_seconds);
  check_non_negative(errors, path.child("successThreshold"), probe.success_threshold);
  check_non_negative(errors, path.child("failureThreshold"), probe.failure_threshold);
  const auto& grace = probe.termination_grace_period_seconds;
  if (grace && *grace <= 0) reject(errors, path.child("terminationGracePeriodSeconds"), *grace, "must be greater than 0");
}

void validate_lifecycle_handler(const api::Box<LifecycleHandler>& handler, const PodScope& scope, const FieldPath& path, FieldErrors& errors) {
  if (!handler) return;
  validate_handler({.exec = handler->exec.get(), .http_get = handler->http_get.get(), .tcp_socket = handler->tcp_socket.get(), .sleep = handler->sleep.get()},
                   scope, path, errors);
}

}  // namespace

void validate_liveness_probe(const Probe* probe, const PodScope& scope, const FieldPath& path, FieldErrors& errors) {
  if (!probe) return;
  validate_probe(*probe, scope, path, errors);
  if (probe->success_threshold != 1) reject(errors, path.child("successThreshold"), probe->success_threshold, "must be 1");
}

void validate_readiness_probe(const Probe* probe, const PodScope& scope, const FieldPath& path, FieldErrors& errors) {
  if (!probe) return;
  validate_probe(*probe, scope, path, errors);
  const auto& grace = probe->termination_grace_period_seconds;
  if (grace) reject(errors, path.child("terminationGracePeriodSeconds"), *grace, "must not be set for readinessProbes");
}

void validate_lifecycle(const Lifecycle* lifecycle, const PodScope& scope, const FieldPath& path, FieldErrors& errors) {
  if (!lifecycle) return;
  validate_lifecycle_handler(lifecycle->post_start, scope, path.child("postStart"), errors);
  validate_lifecycle_handler(lifecycle->pre_stop, scope, path.child("preStop"), errors);
}

}  // namespace reigen::apiserver
