// pods/eviction: a deletion that respects disruption budgets. Budgets are not enforced until their controller is there.

#include "api/errors.h"
#include "api/metav1.h"
#include "api/policyv1.h"
#include "apiserver/codec.h"
#include "apiserver/core.h"
#include "apiserver/verb/verbs.h"
#include "apiserver/verb/write.h"

namespace reigen::apiserver {
namespace {

using api::policyv1::Eviction;

Result<Eviction> read_eviction(Call& call, const WriteOptions& options) {
  TRY_ASSIGN(api::Object object, read_object(call, options, api::kind_of<Eviction>()));
  return object.as<Eviction>();
}

DeleteOptions delete_options(const Eviction& eviction, bool dry_run) {
  DeleteOptions options;
  if (eviction.delete_options) {
    const auto& in = *eviction.delete_options;
    options.grace_period_seconds = in.grace_period_seconds;
    options.orphan_dependents = in.orphan_dependents;
    if (in.propagation_policy) options.propagation_policy = std::string(*in.propagation_policy);
    if (in.preconditions) options.uid = in.preconditions->uid, options.resource_version = in.preconditions->resource_version;
    options.dry_run_values = in.dry_run;
  }
  if (dry_run) options.dry_run_values = {"All"};
  return options;
}

}  // namespace

void do_eviction(const CallPtr& call) {
  auto options = parse_write_options(call->request->query, WriteVerb::kCreate);
  if (!options) return call->fail(options.error());
  auto eviction = read_eviction(*call, *options);
  if (!eviction) return call->fail(eviction.error());
  if (eviction->metadata.name != call->name() && !eviction->metadata.name.empty())
    return call->fail(api::bad_request("name in URL does not match name in Eviction object"));
  DeleteOptions wanted = delete_options(*eviction, options->dry_run);
  if (auto status = check_delete_options(wanted); !status) return call->fail(status.error());
  api::Object object = api::Object::of(*eviction);
  AdmissionRequest request = admission_request(*call, Operation::kCreate, wanted.dry_run, &object, nullptr);
  if (auto status = admit(*call, request); !status) return call->fail(status.error());
  if (auto status = admit_validate(*call, request); !status) return call->fail(status.error());
  run_delete(call, std::string(call->ns()), std::string(call->name()), wanted, [call](Result<DeleteResult> result) {
    if (!result) return call->fail(result.error());
    api::metav1::Status status;
    status.status = "Success";
    status.code = 201;
    call->succeed(201, api::Object::of(std::move(status)));
  });
}

}  // namespace reigen::apiserver
