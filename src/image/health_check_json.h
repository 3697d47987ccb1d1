// A health check as the configurations of images, OCI's and Docker's, hold it. Pure.
#pragma once

#include "image/image_config.h"
#include "image/json_writer.h"

namespace reigen::image {

void write_health_check(JsonWriter& json, const HealthCheck& check);  // the member "Healthcheck"

}  // namespace reigen::image
