#include "apiserver/strategy/core_strategies.h"

#include "api/corev1.h"
#include "api/metav1.h"
#include "api/object.h"
#include "api/validation.h"
#include "apiserver/strategy/instance.h"

namespace reigen::apiserver {
namespace {

using api::Object;
using namespace api::corev1;

class ReturningStrategy final : public Strategy {
 public:
  bool returns_deleted_object() const override { return true; }
};

}  // namespace

const Strategy& returning_strategy() { return instance<ReturningStrategy>(); }

}  // namespace reigen::apiserver
