#include "compose/planner.h"

#include <fmt/core.h>

#include <algorithm>

#include "compose/labels.h"

namespace reigen::compose {
namespace {

class Planner {
 public:
  Planner(const Project& project, const std::vector<Observed>& containers, const PlanOptions& options)
      : project_(project), containers_(containers), options_(options) {}

  Result<Plan> run() {
    remove_orphans();
    for (const auto& name : options_.services) TRY(bring_about(*project_.find(name)));
    if (options_.start)
      for (const auto& name : options_.services) start(*project_.find(name));
    return std::move(plan_);
  }

 private:
  struct Made {
    Observed container;
    size_t create = Step::kNone;  // the step that makes it anew
  };

  size_t add(Step step) {
    plan_.steps.push_back(std::move(step));
    return plan_.steps.size() - 1;
  }

  void remove_orphans() {
    for (const auto& container : containers_) {
      if (container.one_off || project_.services.contains(container.service) || project_.disabled.contains(container.service)) continue;
      if (!options_.remove_orphans) {
        plan_.orphans.push_back(container.name);
        continue;
      }
      removals_.push_back(
          add({.kind = Step::Kind::kRemove, .service = container.service, .number = container.number, .name = container.name, .container = container.id}));
    }
  }

  int scale_of(const Service& service) const {
    auto given = options_.scale.find(service.name);
    return given == options_.scale.end() ? service.scale : given->second;
  }

  // Whether the services that lend it namespaces or volumes are made anew: it must follow.
  bool lender_is_new(const Service& service) const {
    auto fresh = [&](const std::string& name) { return recreated_.contains(name); };
    for (const char* key : {"network_mode", "ipc", "pid"})
      if (fresh(shared_service(service.spec.text_at({key})))) return true;
    if (const api::Value* sources = service.spec.find("volumes_from"))
      for (const auto& source : sources->items())
        if (fresh(std::string(source.text().substr(0, source.text().find(':'))))) return true;
    return false;
  }

  bool must_recreate(const Service& service, const Observed& container, const std::string& hash) const {
    if (options_.no_recreate) return false;
    bool target = options_.targets.empty() || options_.targets.contains(service.name);
    if (options_.force_recreate && target) return true;
    if (options_.always_recreate_dependencies && !target) return true;
    if (container.hash != hash || lender_is_new(service)) return true;
    auto image = options_.image_ids.find(service.name);
    if (image == options_.image_ids.end() || image->second.empty()) return false;
    const std::string& was = container.made_from.empty() ? container.image_id : container.made_from;
    return !was.empty() && was != image->second;
  }

  Status bring_about(const Service& service) {
    int scale = scale_of(service);
    if (scale > 1 && !service.container_name.empty())
      return fail(Code::kInvalidArgument, fmt::format("service \"{}\" has container_name \"{}\" and can't be scaled: a container's name must be unique",
                                                      service.name, service.container_name));
    std::string hash = service_hash(project_, service);
    std::vector<Observed> mine;
    for (const auto& container : containers_)
      if (container.service == service.name && !container.one_off) mine.push_back(container);
    // What has changed goes first, then the highest numbers.
    std::ranges::stable_sort(mine, [&](const Observed& a, const Observed& b) {
      bool old_a = must_recreate(service, a, hash), old_b = must_recreate(service, b, hash);
      return old_a != old_b ? old_b : a.number < b.number;
    });
    // The others are waited for when it starts.
    std::vector<size_t> before;
    for (const auto& lender : lenders_of(service))
      for (const auto& made : made_[lender])
        if (made.create != Step::kNone) before.push_back(made.create);
    int highest = 0;
    for (const auto& container : mine) highest = std::max(highest, container.number);
    for (size_t i = 0; i < mine.size(); ++i) {
      const Observed& container = mine[i];
      if (static_cast<int>(i) >= scale) {
        removals_.push_back(
            add({.kind = Step::Kind::kRemove, .service = service.name, .number = container.number, .name = container.name, .container = container.id}));
        continue;
      }
      Made made{container};
      if (must_recreate(service, container, hash)) {
        made.create = add_create(service, container.number > 0 ? container.number : 1, container.id, before);
        recreated_.insert(service.name);
      }
      made_[service.name].push_back(std::move(made));
    }
    // What shared namespaces with one that is gone shares nothing now.
    if (mine.empty() && scale > 0) recreated_.insert(service.name);
    for (int i = static_cast<int>(mine.size()); i < scale; ++i) {
      Made made;
      made.create = add_create(service, ++highest, "", before);
      made_[service.name].push_back(std::move(made));
    }
    return {};
  }

  size_t add_create(const Service& service, int number, const std::string& replaces, const std::vector<size_t>& before) {
    Step step{.kind = Step::Kind::kCreate, .service = service.name, .number = number, .name = project_.container_name(service, number), .container = replaces};
    step.after = before;
    return add(std::move(step));
  }

  // The step after which `dependency` is as `condition` wants it; made once.
  void wait_for(const std::string& name, const Dependency& dependency, std::vector<size_t>& after) {
    const auto& started = starts_[name];
    if (dependency.condition == "service_started" || dependency.condition.empty()) {
      after.insert(after.end(), started.begin(), started.end());
      return;
    }
    if (!made_.contains(name)) return;  // not brought about here (--no-deps)
    auto [known, fresh] = waits_.try_emplace(name + " " + dependency.condition, 0);
    if (fresh) {
      Step step{.kind = Step::Kind::kWait, .service = name, .condition = dependency.condition, .required = dependency.required};
      step.after = started;
      known->second = add(std::move(step));
    }
    after.push_back(known->second);
  }

  void start(const Service& service) {
    bool restarted_with = std::ranges::any_of(service.depends_on, [&](const auto& entry) { return entry.second.restart && recreated_.contains(entry.first); });
    const auto& mine = made_[service.name];
    bool idle = std::ranges::all_of(mine, [&](const Made& made) { return made.create == Step::kNone && made.container.state == "running" && !restarted_with; });
    std::vector<size_t> ready = removals_;
    if (!idle)
      for (const auto& [name, dependency] : service.depends_on)
        if (project_.find(name)) wait_for(name, dependency, ready);
    for (const auto& made : mine) {
      const Observed& container = made.container;
      int number = made.create == Step::kNone ? container.number : plan_.steps[made.create].number;
      Step step{
          .kind = Step::Kind::kStart, .service = service.name, .number = number, .name = project_.container_name(service, number), .container = container.id};
      step.after = ready;
      if (made.create != Step::kNone) {
        step.made_by = made.create;
        step.container.clear();
        step.after.push_back(made.create);
      } else {
        step.name = container.name;
        if (container.state == "running" && !restarted_with) {
          plan_.running.push_back(container.name);
          continue;
        }
        if (container.state == "running") step.kind = Step::Kind::kRestart;
      }
      starts_[service.name].push_back(add(std::move(step)));
    }
  }

  const Project& project_;
  const std::vector<Observed>& containers_;
  const PlanOptions& options_;
  Plan plan_;
  std::vector<size_t> removals_;
  std::set<std::string> recreated_;
  std::map<std::string, std::vector<Made>> made_;
  std::map<std::string, std::vector<size_t>> starts_;
  std::map<std::string, size_t> waits_;
};

}  // namespace

Result<Plan> make_plan(const Project& project, const std::vector<Observed>& containers, const PlanOptions& options) {
  return Planner(project, containers, options).run();
}

}  // namespace reigen::compose
