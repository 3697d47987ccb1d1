// What the classic builder does with each instruction: an image of it, out of the cache or made.
#include <fmt/core.h>

#include <algorithm>

#include "base/files.h"
#include "base/random.h"
#include "build/build_job.h"
#include "build/clean_path.h"
#include "build/run_mounts.h"
#include "image/digest.h"

namespace reigen::build {
namespace {

constexpr const char* kDefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string container_id() { return system_random().hex(32); }

}  // namespace

Status BuildJob::classic_start(Stage& stage) {
  classic_->reset();
  auto& config = stage.config;
  bool has_path = std::ranges::any_of(config.env, [](const auto& item) { return item.starts_with("PATH="); });
  if (!has_path) config.env.emplace_back(kDefaultPath);
  config.open_stdin = config.stdin_once = false;
  config.container.clear();
  config.image = stage.image_id;
  return {};
}

Status BuildJob::classic_step(size_t number, Stage& stage, const Instruction& instruction) {
  if (instruction.keyword == "RUN") return classic_run(number, stage, instruction);
  if (instruction.keyword == "COPY" || instruction.keyword == "ADD") return classic_copy(number, stage, instruction);
  if (instruction.keyword == "WORKDIR") return classic_work_dir(stage, instruction);
  return classic_metadata(stage, instruction);
}

// True: the stage is on the cached image now.
Result<bool> BuildJob::classic_probe(Stage& stage, const image::ImageConfig& container) {
  if (stage.cache_busted) return false;
  TRY_ASSIGN(auto found, classic_->probe(stage.image_id, container));
  if (!found) {
    stage.cache_busted = true;
    return false;
  }
  tell(BuildEvent::Kind::kCached, "");
  TRY(classic_->follow(stage, *found));
  return true;
}

// A container is told as removed when the step went well, or failed and such ones are removed.
Status BuildJob::classic_end(Stage&, const std::string& container, const Status& done) {
  if (done ? !options_.keep_all : !options_.keep_failed) tell_id(BuildEvent::Kind::kRemoved, container);
  return done;
}

// A step that runs nothing has a container only where all are kept.
Status BuildJob::classic_note(const Stage& stage, const std::string& id, const image::ImageConfig& container) const {
  if (!options_.keep_all || !options_.create || stage.image_id.empty()) return {};
  return options_.create({id, stage.image_id, container});
}

Status BuildJob::classic_metadata(Stage& stage, const Instruction& instruction) {
  Stage before = stage;
  Args known = given_;
  // An ARG without a value takes that of the one before the first FROM.
  if (instruction.keyword == "ARG")
    for (const auto& [key, value] : global_args_)
      if (instruction.rest == key && !known.contains(key)) known[key] = value;
  const auto& old = before.config.health_check;
  if (instruction.keyword == "HEALTHCHECK" && old && !old->test.empty() && old->test[0] != "NONE") {
    std::string words;
    for (const auto& word : old->test) words += (words.empty() ? "" : " ") + word;
    tell(BuildEvent::Kind::kOutput, "Note: overriding previous HEALTHCHECK: [" + words + "]\n");
  }
  TRY(apply_metadata(stage, instruction, known));
  if (instruction.keyword == "MAINTAINER") stage.maintainer = instruction.rest;
  TRY_ASSIGN(auto comment, comment_of(before, stage, instruction));
  auto container = noted(stage, comment);
  TRY_ASSIGN(bool cached, classic_probe(stage, container));
  if (cached) return {};
  std::string id = container_id();
  tell_id(BuildEvent::Kind::kRunning, id);
  TRY(classic_note(stage, id, container));
  auto done = classic_->commit(stage, container, id, std::nullopt);
  return classic_end(stage, id, done);
}

Status BuildJob::classic_work_dir(Stage& stage, const Instruction& instruction) {
  TRY_ASSIGN(auto path, expand_word(instruction.rest, stage.escape, stage.lookup()));
  if (path.empty()) return fail(Code::kInvalidArgument, "cannot normalize nothing");
  stage.config.working_dir = changed_folder(stage.config.working_dir, path);
  auto container = noted(stage, "WORKDIR " + stage.config.working_dir, true);
  TRY_ASSIGN(bool cached, classic_probe(stage, container));
  if (cached) return {};
  TRY_ASSIGN(auto layer, layers_->change(stage, [&](const LayerMaker::View& view) -> Status {
    auto made = make_folder(view.root(), stage.config.working_dir);
    if (made || made.error().code() != Code::kAlreadyExists) return made;
    return fail(Code::kInvalidArgument, "Cannot mkdir: " + stage.config.working_dir + " is not a directory");
  }));
  std::string id = container_id();
  tell_id(BuildEvent::Kind::kRunning, id);
  TRY(classic_note(stage, id, container));
  return classic_end(stage, id, classic_->commit(stage, container, id, std::move(layer)));
}

Status BuildJob::classic_copy(size_t number, Stage& stage, const Instruction& instruction) {
  std::vector<std::string> key;
  TRY_ASSIGN(auto plan, plan_copy(stage, instruction, key));
  if (auto found = find_copied(number, stage, plan); !found) {
    Error error = std::move(found).error();
    std::string_view text = error.message();
    if (text.starts_with("invalid from flag value")) return fail(std::move(error));
    if (text.starts_with("stat ") && !plan.from_stage) error = std::move(error).context("file not found in build context or excluded by .dockerignore");
    return fail(std::move(error).context(instruction.keyword + " failed"));
  }
  if (plan.sources.size() > 1 && !plan.target.destination.ends_with('/'))
    return fail(Code::kInvalidArgument,
                "When using " + instruction.keyword + " with more than one source file, the destination must be a directory and end with a /");
  std::string hash;
  if (!plan.sources.empty()) {
    TRY_ASSIGN(hash, classic_digest(plan.root, plan.sources));
  }
  for (const auto& [name, text] : plan.documents) hash = "multi:" + image::hex_of(image::digest_of(fmt::format("{}\n{}\n{}", hash, name, text)));
  std::string flags;
  if (!plan.flags["chmod"].empty()) flags += "--chmod=" + plan.flags["chmod"] + " ";
  if (!plan.flags["chown"].empty()) flags += "--chown=" + plan.flags["chown"];
  std::string comment = instruction.keyword + " ";
  for (const auto& part : {flags, hash, std::string(" in "), plan.destination, std::string(" ")}) comment += part;
  auto container = noted(stage, comment, true);
  TRY_ASSIGN(bool cached, classic_probe(stage, container));
  if (cached) return {};
  TRY_ASSIGN(auto layer, layers_->change(stage, [&](const LayerMaker::View& view) { return write_copied(view, plan); }));
  return classic_->commit(stage, container, container_id(), std::move(layer));
}

// What RUN's container is called in the cache and the history: the arguments stand before the command.
std::vector<std::string> with_arguments(const std::vector<std::string>& arguments, const std::vector<std::string>& command, bool hidden) {
  if (arguments.empty() && !hidden) return command;
  std::vector<std::string> out = {"|" + std::to_string(arguments.size())};
  out.insert(out.end(), arguments.begin(), arguments.end());
  out.insert(out.end(), command.begin(), command.end());
  return out;
}

Status BuildJob::classic_run(size_t number, Stage& stage, const Instruction& instruction) {
  std::vector<std::string> args;
  TRY_ASSIGN(auto run, plan_run(stage, instruction, args));
  std::erase_if(args, [&](const std::string& arg) {
    std::string name = arg.substr(0, arg.find('=') + 1);
    return std::ranges::any_of(stage.config.env, [&](const auto& item) { return item.starts_with(name); });
  });
  RunMounts mounts(store_, *layers_, options_.secrets);
  TRY(fill_mounts(number, stage, instruction, run, mounts, args));
  if (!run.script.empty()) args.push_back("script:" + image::hex_of(image::digest_of(run.script)));
  if (!run.network) args.emplace_back("--network=none");
  auto container = stage.config;
  // A proxy that the program gets without an ARG is in no history, but that arguments were given is.
  bool hidden = std::ranges::any_of(options_.args, [&](const auto& arg) { return is_proxy_argument(arg.first) && !stage.args.contains(arg.first); });
  container.cmd = with_arguments(args, run.argv, hidden);
  container.cmd_set = true;
  container.entrypoint.clear();
  container.entrypoint_set = false;
  TRY_ASSIGN(bool cached, classic_probe(stage, container));
  if (cached) return {};
  std::string id = container_id();
  tell_id(BuildEvent::Kind::kRunning, id);
  int code = 0;
  auto work = [&]() -> Status {
    TRY_ASSIGN(auto layer, classic_program(stage, id, container, run, code));
    return classic_->commit(stage, container, id, std::move(layer));
  };
  auto done = classic_end(stage, id, work());
  if (!done && code != 0) tell_id(BuildEvent::Kind::kFailed, id, code);
  return done;
}

Result<std::optional<image::LayerInfo>> BuildJob::classic_program(Stage& stage, const std::string& id, const image::ImageConfig& container, const RunStep& run,
                                                                  int& code) {
  if (!options_.run || stage.image_id.empty()) {
    return layers_->change(stage, [&](const LayerMaker::View& view) -> Status {
      TRY_ASSIGN(code, execute(run, view));
      return code == 0 ? Status() : failed_run(run, code);
    });
  }
  StepContainer step{id, stage.image_id, container, run.mounts, run.network, run.output};
  step.config.cmd = run.argv;
  step.config.env = run.env;
  step.config.health_check = image::HealthCheck{.test = {"NONE"}};
  std::vector<std::string> points;
  if (!run.script.empty()) {
    TRY_ASSIGN(auto folder, layers_->new_folder("script"));
    TRY(write_file(folder + "/script", run.script, 0755));
    step.mounts.push_back({folder + "/script", run.argv.front(), "bind", {"rbind", "ro"}});
  }
  if (!step.mounts.empty()) {
    TRY_ASSIGN(auto view, layers_->view(stage));
    points = missing_points(view.root(), step.mounts);
  }
  TRY_ASSIGN(auto end, options_.run(step));
  code = end.exit_code;
  if (code != 0) return failed_run(run, code);
  remove_points(end.layer, points);
  return layers_->adopt(stage, end.layer);
}

}  // namespace reigen::build
