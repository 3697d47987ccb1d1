// The instructions that change files: RUN, COPY, ADD, WORKDIR.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "base/files.h"
#include "build/build_job.h"
#include "build/clean_path.h"
#include "build/run_mounts.h"
#include "image/http_fetch.h"
#include "runtime/image_user.h"

namespace reigen::build {
namespace {

bool is_url(const std::string& word) { return word.starts_with("http://") || word.starts_with("https://"); }

}  // namespace

Status BuildJob::layer(Stage& stage, const std::vector<std::string>& parts, const std::function<Status(const LayerMaker::View&)>& work) {
  std::string key = LayerMaker::key(stage, parts);
  TRY_ASSIGN(bool cached, layers_->reuse(stage, key));
  if (cached) {
    tell(BuildEvent::Kind::kCached, "");
    return {};
  }
  return layers_->make(stage, key, work);
}

Status BuildJob::work_dir(Stage& stage, const Instruction& instruction) {
  TRY_ASSIGN(auto path, expand_word(instruction.rest, stage.escape, stage.lookup()));
  stage.config.working_dir = changed_folder(stage.config.working_dir, path);
  if (stage.config.working_dir == "/") return {};
  std::string folder = stage.config.working_dir;
  return layer(stage, {"WORKDIR", folder}, [&](const LayerMaker::View& view) { return make_folder(view.root(), folder); });
}

// `args`: what ARG gives the program beside the stage's environment, sorted.
Result<RunStep> BuildJob::plan_run(Stage& stage, const Instruction& instruction, std::vector<std::string>& args) {
  RunStep run;
  TRY_ASSIGN(run.network, run_has_network(instruction));
  if (!instruction.here.empty() && split_words(instruction.rest, stage.escape).size() == 1) {
    // RUN <<EOF: the document is the script; with a #! line it is a program of its own.
    const auto& here = instruction.here.front();
    if (here.content.starts_with("#!")) {
      run.script = here.content;
      run.argv = {"/dev/pipes/" + here.name};
    } else {
      run.argv = stage.shell();
      run.argv.push_back(here.content);
    }
  } else if (!instruction.here.empty()) {
    run.argv = stage.shell();
    std::string whole = instruction.rest;
    for (const auto& here : instruction.here) whole += "\n" + here.content + here.name;
    run.argv.push_back(whole + "\n");
  } else if (instruction.json) {
    run.argv = instruction.list;
  } else {
    run.argv = stage.shell();
    if (!instruction.rest.empty()) run.argv.push_back(instruction.rest);
  }
  if (run.argv.empty()) return fail(Code::kInvalidArgument, "needs a command");
  run.env = stage.config.env;
  for (const auto& [key, value] : options_.args)
    if (is_proxy_argument(key) && !stage.args.contains(key)) run.env.push_back(fmt::format("{}={}", key, value));
  for (const auto& [key, value] : stage.args) {
    if (!value) continue;
    const std::string name = key + "=";
    args.push_back(name + *value);
    bool hidden = std::ranges::any_of(stage.config.env, [&name](const auto& item) { return item.starts_with(name); });
    if (!hidden) run.env.push_back(args.back());
  }
  run.user = stage.config.user;
  run.cwd = stage.config.working_dir.empty() ? "/" : stage.config.working_dir;
  run.cancel = options_.cancel;
  run.output = [this](std::string_view data, bool error) { tell(error ? BuildEvent::Kind::kErrorOutput : BuildEvent::Kind::kOutput, std::string(data)); };
  return run;
}

// `key` gets what the result depends on: the flags, and the contents of what is bound.
Status BuildJob::fill_mounts(size_t number, Stage& stage, const Instruction& instruction, RunStep& run, RunMounts& mounts, std::vector<std::string>& key) {
  auto flags = instruction.flags.find("mount");
  if (flags == instruction.flags.end()) return {};
  for (const auto& flag : flags->second) {
    TRY_ASSIGN(auto text, expand_word(flag, stage.escape, stage.lookup()));
    TRY_ASSIGN(auto mount, parse_run_mount(text, stage.config.working_dir));
    key.push_back("--mount=" + text);
    if (mount.type == RunMount::Type::kCache) TRY(mounts.cache(mount));
    if (mount.type == RunMount::Type::kTmpfs) TRY(mounts.tmpfs(mount));
    if (mount.type == RunMount::Type::kSecret) TRY(mounts.secret(mount));
    if (mount.type != RunMount::Type::kBind) continue;
    std::string root = options_.context;
    if (!mount.from.empty()) {
      Stage scratch;
      TRY_ASSIGN(Stage * origin, copy_origin(number, mount.from, scratch));
      TRY_ASSIGN(auto view, layers_->view(*origin));
      root = view.root();
      key.push_back("from:" + origin->chain);
      mounts.keep(std::move(view));
    } else {
      std::string source = clean_path(mount.source);
      TRY_ASSIGN(auto sources, find_sources(root, {source.empty() ? "." : source}, ignore_));
      TRY_ASSIGN(auto digest, digest_sources(root, sources));
      key.push_back("bind:" + digest);
    }
    TRY(mounts.bind(mount, root));
  }
  run.mounts = mounts.mounts();
  return {};
}

Result<int> BuildJob::execute(const RunStep& run, const LayerMaker::View& view) {
  RunStep step = run;
  step.root = view.root();
  step.scratch = view.scratch();
  return run_step(step);
}

Fail failed_run(const RunStep& run, int code) {
  std::string shown;
  for (const auto& word : run.argv) shown += (shown.empty() ? "" : " ") + word;
  return fail(Code::kInvalidArgument, "The command '" + shown.substr(0, 1000) + "' returned a non-zero code: " + std::to_string(code));
}

Status BuildJob::run_program(size_t number, Stage& stage, const Instruction& instruction) {
  std::vector<std::string> args;
  TRY_ASSIGN(auto run, plan_run(stage, instruction, args));
  std::vector<std::string> key = {"RUN",
                                  joined(run.argv) + run.script,
                                  joined(stage.config.env),
                                  joined(args),
                                  stage.config.user,
                                  stage.config.working_dir,
                                  run.network ? "" : "no network"};
  RunMounts mounts(store_, *layers_, options_.secrets);
  TRY(fill_mounts(number, stage, instruction, run, mounts, key));
  return layer(stage, key, [&](const LayerMaker::View& view) -> Status {
    TRY_ASSIGN(int code, execute(run, view));
    return code == 0 ? Status() : failed_run(run, code);
  });
}

Result<Stage*> BuildJob::copy_origin(size_t number, const std::string& name, Stage& scratch) {
  if (auto other = stage_named(name, number)) return stages_[*other].get();
  size_t index = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  if (error == std::errc() && end == name.data() + name.size()) {
    if (index < number) return stages_[index].get();
    return fail(Code::kInvalidArgument, "invalid from flag value " + name + ": " + (index == number ? "refers to current build stage" : "index out of bounds"));
  }
  if (auto found = use_image(scratch, name); !found) {
    if (!options_.classic) return fail(std::move(found).error());
    return fail(std::move(found).error().context("invalid from flag value " + name));
  }
  return &scratch;
}

Result<std::optional<std::pair<uint32_t, uint32_t>>> BuildJob::owner_of(const LayerMaker::View& view, const std::string& chown) const {
  using Owner = std::optional<std::pair<uint32_t, uint32_t>>;
  if (chown.empty()) return Owner();
  const std::string wrong = "unable to convert uid/gid chown string to host mapping: ";
  auto colon = chown.find(':');
  if (colon != std::string::npos && chown.find(':', colon + 1) != std::string::npos)
    return fail(Code::kInvalidArgument, wrong + "invalid chown string format: " + chown);
  runtime::User user;
  user.name = chown;
  auto found = runtime::resolve_user_in(user, view.root());
  if (!found) {
    std::string name = chown.substr(0, colon), text(found.error().message());
    if (text.starts_with("unable to find user")) return fail(Code::kInvalidArgument, wrong + "can't find uid for user " + name + ": no such user: " + name);
    name = colon == std::string::npos ? "" : chown.substr(colon + 1);
    if (text.starts_with("unable to find group")) return fail(Code::kInvalidArgument, wrong + "can't find gid for group " + name + ": no such group: " + name);
    return fail(std::move(found).error());
  }
  // Without a group it is the one with the user's number.
  return Owner(std::pair(found->uid, colon == std::string::npos ? found->uid : found->gid));
}

// `key` gets what the words say; the contents of the sources come later.
Result<BuildJob::CopyPlan> BuildJob::plan_copy(Stage& stage, const Instruction& instruction, std::vector<std::string>& key) {
  auto lookup = stage.lookup();
  CopyPlan plan;
  TRY_ASSIGN(plan.flags, copy_flags(stage, instruction));
  for (const auto& word : instruction.json ? instruction.list : split_words(instruction.rest, stage.escape)) {
    if (!instruction.json && word.starts_with("<<")) continue;
    TRY_ASSIGN(auto value, expand_word(word, stage.escape, lookup));
    plan.words.push_back(std::move(value));
  }
  if (plan.words.size() + instruction.here.size() < 2)
    return fail(Code::kInvalidArgument,
                instruction.keyword + " requires at least two arguments, but only one was provided. Destination could not be determined");
  plan.destination = plan.words.back();
  plan.words.pop_back();
  bool slash = plan.destination.ends_with('/') || plan.destination == "." || plan.destination.ends_with("/.");
  plan.target.destination = absolute_path(stage.config.working_dir, plan.destination);
  if (slash && !plan.target.destination.ends_with('/')) plan.target.destination += '/';
  plan.target.extract = instruction.keyword == "ADD";
  TRY_ASSIGN(plan.target.mode, parse_mode(plan.flags["chmod"]));
  key = {instruction.keyword, plan.target.destination, plan.flags["chown"], plan.flags["chmod"]};
  for (const auto& here : instruction.here) {
    std::string text = here.content;
    if (here.expand) {
      TRY_ASSIGN(text, expand_text(here.content, stage.escape, lookup));
    }
    plan.documents.emplace_back(here.name, text);
    key.push_back(here.name + "\n" + text);
  }
  for (const auto& word : plan.words) {
    if (word.starts_with("git@")) return fail(Code::kUnimplemented, "ADD from a git repository is not supported: clone " + word + " into the context first");
  }
  plan.root = options_.context;
  plan.from_stage = !plan.flags["from"].empty();
  return plan;
}

// Files that ADD takes from the web, each as a source of its own.
Status BuildJob::fetch_copied(CopyPlan& plan) {
  std::vector<std::string> rest;
  for (const auto& word : plan.words) {
    if (!is_url(word)) {
      rest.push_back(word);
      continue;
    }
    if (!plan.target.extract) return fail(Code::kInvalidArgument, "source can't be a URL for COPY");
    if (plan.fetched.empty()) {
      TRY_ASSIGN(plan.fetched, layers_->new_folder("fetched"));
    }
    TRY_ASSIGN(auto file, image::fetch_url(word, plan.fetched, store_.limits().layer_bytes, options_.cancel));
    if (file.name.empty() && plan.target.destination.ends_with('/')) return fail(Code::kInvalidArgument, "cannot determine filename for source " + word);
    if (options_.classic) tell(BuildEvent::Kind::kOutput, "\n");  // as Docker, behind its progress
    TRY_ASSIGN(auto sources, find_sources(plan.fetched, {file.path.substr(plan.fetched.size() + 1)}, IgnoreList()));
    auto& source = sources.front();
    source.name = file.name.empty() ? "__unnamed__" : file.name;
    source.root = plan.fetched;
    source.extract = false;
    plan.sources.push_back(std::move(source));
  }
  plan.words = std::move(rest);
  return {};
}

Status BuildJob::find_copied(size_t number, Stage&, CopyPlan& plan) {
  if (plan.from_stage) {
    Stage scratch;
    TRY_ASSIGN(Stage * origin, copy_origin(number, plan.flags["from"], scratch));
    TRY_ASSIGN(plan.origin_view, layers_->view(*origin));
    plan.root = plan.origin_view.root();
  }
  TRY(fetch_copied(plan));
  if (plan.words.empty()) return {};
  TRY_ASSIGN(auto found, find_sources(plan.root, plan.words, plan.from_stage ? IgnoreList() : ignore_));
  plan.sources.insert(plan.sources.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
  return {};
}

Status BuildJob::write_copied(const LayerMaker::View& view, CopyPlan& plan) const {
  auto& target = plan.target;
  const std::string& chown = plan.flags["chown"];
  TRY_ASSIGN(target.owner, owner_of(view, chown));
  target.keep_archive_owner = chown.empty();
  if (!target.owner && !plan.from_stage) target.owner = {0, 0};
  target.root = view.root();
  if (!plan.sources.empty()) TRY(copy_sources(plan.root, plan.sources, target));
  for (const auto& [name, text] : plan.documents)
    TRY(write_new_file(target, target.destination.ends_with('/') ? target.destination + name : target.destination, text));
  return {};
}

Status BuildJob::copy(size_t number, Stage& stage, const Instruction& instruction) {
  std::vector<std::string> key;
  TRY_ASSIGN(auto plan, plan_copy(stage, instruction, key));
  if (plan.from_stage) {
    Stage scratch;
    TRY_ASSIGN(Stage * origin, copy_origin(number, plan.flags["from"], scratch));
    key.push_back("from " + origin->chain + joined(plan.words));
    // A cached layer needs no look at its sources.
    TRY_ASSIGN(bool cached, layers_->reuse(stage, LayerMaker::key(stage, key)));
    if (cached) {
      tell(BuildEvent::Kind::kCached, "");
      return {};
    }
  }
  TRY(find_copied(number, stage, plan));
  if (!plan.from_stage) {
    TRY_ASSIGN(auto digest, digest_sources(plan.root, plan.sources));
    key.push_back("context " + digest);
  }
  return layer(stage, key, [&](const LayerMaker::View& view) { return write_copied(view, plan); });
}

}  // namespace reigen::build
