// The handlers of images, registries and builds.
#pragma once

#include "docker/call.h"

namespace reigen::docker {

void image_list(Call call);
void image_inspect(Call call);
void image_history(Call call);
void image_tag(Call call);
void image_remove(Call call);
void image_prune(Call call);
void image_search(Call call);
void image_create(Call call);  // pull, or import
void image_push(Call call);
void image_load(Call call);
void image_save_one(Call call);
void image_save(Call call);
void image_distribution(Call call);
void registry_login(Call call);

void image_pull(Call call);    // of image_create: fromImage
void image_import(Call call);  // of image_create: fromSrc

void build_image(Call call);
void build_prune(Call call);
void build_cancel(Call call);

}  // namespace reigen::docker
