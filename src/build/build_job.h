// BuildJob: one build on its way through the stages. builder.cc has the plan and the flow, build_steps.cc what RUN, COPY, ADD and WORKDIR
// do, classic_steps.cc what the classic builder does after each instruction. On the building thread.
#pragma once

#include <memory>
#include <optional>
#include <set>

#include "build/builder.h"
#include "build/classic_image.h"
#include "build/copy_step.h"
#include "build/dockerfile.h"
#include "build/ignore.h"
#include "build/layer_maker.h"
#include "build/run_mounts.h"
#include "build/run_step.h"
#include "build/stage.h"
#include "image/image_writer.h"

namespace reigen::build {

using Args = std::map<std::string, std::string>;

// One FROM and what follows it.
struct StagePlan {
  Instruction from;
  std::string base, base_as_written, name;
  std::string platform;
  std::vector<Instruction> steps;
};

class BuildJob {
 public:
  BuildJob(image::ImageStore& store, const BuildOptions& options) : store_(store), options_(options) {}
  Result<image::ImageRecord> run();

 private:
  // A COPY or ADD with its words expanded.
  struct CopyPlan {
    CopyTarget target;
    std::map<std::string, std::string> flags;
    std::vector<std::string> words;                              // sources
    std::vector<std::pair<std::string, std::string>> documents;  // heredocs: name, contents
    std::string destination;                                     // as written, expanded
    bool from_stage = false;
    std::string root;  // where the sources are
    LayerMaker::View origin_view;
    std::string fetched;  // a folder with files that were URLs
    std::vector<CopySource> sources;
  };

  Status read_context();
  Status plan_stages();
  Status plan_from(const Instruction& instruction);
  Args predefined() const;
  Result<size_t> target() const;
  void need(size_t stage);
  void add_labels(size_t wanted);
  std::optional<size_t> stage_named(std::string_view name, size_t before) const;

  Status build_stage(size_t number);
  Status start_stage(size_t number, Stage& stage);
  Status run_triggers(size_t number, Stage& stage);
  Status use_image(Stage& stage, const std::string& name);
  Status step(size_t number, Stage& stage, const Instruction& instruction);
  Status apply(size_t number, Stage& stage, const Instruction& instruction);
  Result<image::ImageRecord> finish(const Stage& last);
  Error located(Error error, const Instruction& instruction) const;

  // build_steps.cc
  Status work_dir(Stage& stage, const Instruction& instruction);
  Status run_program(size_t number, Stage& stage, const Instruction& instruction);
  Result<RunStep> plan_run(Stage& stage, const Instruction& instruction, std::vector<std::string>& args);
  Status fill_mounts(size_t number, Stage& stage, const Instruction& instruction, RunStep& run, RunMounts& mounts, std::vector<std::string>& key);
  Result<int> execute(const RunStep& run, const LayerMaker::View& view);
  Status copy(size_t number, Stage& stage, const Instruction& instruction);
  Result<CopyPlan> plan_copy(Stage& stage, const Instruction& instruction, std::vector<std::string>& key);
  Status find_copied(size_t number, Stage& stage, CopyPlan& plan);
  Status fetch_copied(CopyPlan& plan);
  Status write_copied(const LayerMaker::View& view, CopyPlan& plan) const;
  Result<Stage*> copy_origin(size_t number, const std::string& name, Stage& scratch);
  Result<std::optional<std::pair<uint32_t, uint32_t>>> owner_of(const LayerMaker::View& view, const std::string& chown) const;
  Status layer(Stage& stage, const std::vector<std::string>& key, const std::function<Status(const LayerMaker::View&)>& work);

  // classic_steps.cc
  Status classic_start(Stage& stage);
  Status classic_step(size_t number, Stage& stage, const Instruction& instruction);
  Status classic_metadata(Stage& stage, const Instruction& instruction);
  Status classic_work_dir(Stage& stage, const Instruction& instruction);
  Status classic_copy(size_t number, Stage& stage, const Instruction& instruction);
  Status classic_run(size_t number, Stage& stage, const Instruction& instruction);
  Result<std::optional<image::LayerInfo>> classic_program(Stage& stage, const std::string& id, const image::ImageConfig& container, const RunStep& run,
                                                          int& code);
  Status classic_note(const Stage& stage, const std::string& id, const image::ImageConfig& container) const;
  Status classic_commit(Stage& stage, const image::ImageConfig& container, const std::string& id, std::optional<image::LayerInfo> layer);
  Result<bool> classic_probe(Stage& stage, const image::ImageConfig& container);
  Status classic_end(Stage& stage, const std::string& container, const Status& done);

  void tell(BuildEvent::Kind kind, std::string text) const {
    if (options_.progress) options_.progress({kind, step_, total_, std::move(text), {}, 0});
  }
  void tell_id(BuildEvent::Kind kind, std::string id, int exit_code = 0) const {
    if (options_.progress) options_.progress({kind, step_, total_, {}, std::move(id), exit_code});
  }

  image::ImageStore& store_;
  const BuildOptions& options_;
  std::string dockerfile_;
  Dockerfile file_;
  IgnoreList ignore_;
  Args global_args_;  // ARGs before the first FROM
  std::vector<Instruction> global_steps_;
  Args given_;  // of the command line, and predefined
  std::vector<StagePlan> plans_;
  std::vector<std::unique_ptr<Stage>> stages_;
  std::set<size_t> needed_;
  std::unique_ptr<image::ImageWriter> writer_;
  std::unique_ptr<LayerMaker> layers_;
  std::unique_ptr<ClassicImages> classic_;
  size_t step_ = 0, total_ = 0;
};

// In step_arguments.cc: what the words of an instruction mean, without the job.
std::string joined(const std::vector<std::string>& list);
bool is_proxy_argument(std::string_view name);
Fail failed_run(const RunStep& run, int code);  // build_steps.cc
Result<bool> run_has_network(const Instruction& instruction);
Result<std::optional<uint32_t>> parse_mode(const std::string& text);
Result<std::map<std::string, std::string>> copy_flags(const Stage& stage, const Instruction& instruction);

}  // namespace reigen::build
