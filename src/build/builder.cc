#include "build/builder.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/files.h"
#include "build/build_job.h"
#include "build/clean_path.h"
#include "build/dockerfile_check.h"
#include "image/digest.h"

namespace reigen::build {
namespace {

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

bool is_index_below(const std::string& text, size_t limit, size_t& out) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && out < limit;
}

// Whether a name can only be an id: no registry is asked for that.
bool is_id(const std::string& name) {
  return name.starts_with("sha256:") || (name.size() == 64 && name.find_first_not_of("0123456789abcdef") == std::string::npos);
}

}  // namespace

Status BuildJob::read_context() {
  dockerfile_ = options_.dockerfile.empty() ? options_.context + "/Dockerfile" : options_.dockerfile;
  auto text = read_file(dockerfile_, 2 << 20);
  if (!text && text.error().code() == Code::kNotFound) return fail(Code::kNotFound, "Cannot locate specified Dockerfile: " + dockerfile_);
  if (!text) return fail(std::move(text).error());
  auto parsed = check_dockerfile(*text, "");
  if (!parsed) return fail(std::move(parsed).error().context(dockerfile_));
  file_ = std::move(*parsed);
  if (options_.classic) return {};  // the client has left out what it says
  for (const auto& name : {dockerfile_ + ".dockerignore", options_.context + "/.dockerignore"}) {
    if (!path_exists(name)) continue;
    TRY_ASSIGN(auto rules, read_file(name, 1 << 20));
    ignore_ = IgnoreList::parse(rules);
    break;
  }
  return {};
}

Args BuildJob::predefined() const {
  auto host = image::Platform::host();
  const auto& target = options_.platform;
  return {{"TARGETPLATFORM", target.str()}, {"TARGETOS", target.os}, {"TARGETARCH", target.architecture}, {"TARGETVARIANT", target.variant},
          {"BUILDPLATFORM", host.str()},    {"BUILDOS", host.os},    {"BUILDARCH", host.architecture},    {"BUILDVARIANT", host.variant}};
}

Status BuildJob::plan_from(const Instruction& instruction) {
  Lookup lookup = [this](const std::string& key) -> std::optional<std::string> {
    if (auto it = global_args_.find(key); it != global_args_.end()) return it->second;
    auto known = predefined();
    auto it = known.find(key);
    return it == known.end() ? std::nullopt : std::optional(it->second);
  };
  StagePlan plan;
  plan.from = instruction;
  for (const auto& [flag, values] : instruction.flags) {
    if (flag != "platform") return fail(Code::kInvalidArgument, "Unknown flag: " + flag);
    TRY_ASSIGN(plan.platform, expand_word(values.back(), file_.escape, lookup));
  }
  auto words = split_words(instruction.rest, file_.escape);
  if (words.size() != 1 && !(words.size() == 3 && lower(words[1]) == "as")) return fail(Code::kInvalidArgument, "FROM requires either one or three arguments");
  TRY_ASSIGN(plan.base, expand_word(words[0], file_.escape, lookup));
  plan.base_as_written = words[0];
  if (words.size() == 3) plan.name = lower(words[2]);
  plans_.push_back(std::move(plan));
  return {};
}

Status BuildJob::plan_stages() {
  given_ = predefined();
  for (const auto& [key, value] : options_.args) given_[key] = value;
  for (const auto& instruction : file_.instructions) {
    auto at = [&](Status done) { return done ? done : Status(fail(located(std::move(done).error(), instruction))); };
    if (instruction.keyword == "FROM") {
      TRY(at(plan_from(instruction)));
    } else if (!plans_.empty()) {
      plans_.back().steps.push_back(instruction);
    } else if (instruction.keyword == "ARG") {
      Stage scratch;
      scratch.escape = file_.escape;
      for (const auto& [key, value] : global_args_) scratch.args[key] = value;
      TRY(at(apply_metadata(scratch, instruction, given_)));
      for (const auto& [key, value] : scratch.args)
        if (value) global_args_[key] = *value;
      global_steps_.push_back(instruction);
    } else {
      return at(fail(Code::kInvalidArgument, "no build stage in current context"));
    }
  }
  if (plans_.empty()) return fail(Code::kInvalidArgument, dockerfile_ + ": has no FROM");
  return {};
}

std::optional<size_t> BuildJob::stage_named(std::string_view name, size_t before) const {
  std::string wanted = lower(std::string(name));
  for (size_t i = before; i-- > 0;)
    if (!plans_[i].name.empty() && plans_[i].name == wanted) return i;
  return std::nullopt;
}

Result<size_t> BuildJob::target() const {
  if (options_.target.empty()) return plans_.size() - 1;
  if (auto found = stage_named(options_.target, plans_.size())) return *found;
  size_t number = 0;
  if (is_index_below(options_.target, plans_.size(), number)) return number;
  return fail(Code::kInvalidArgument, "failed to reach build target " + options_.target + " in Dockerfile");
}

// Stages that the target takes nothing from are not built.
void BuildJob::need(size_t number) {
  if (!needed_.insert(number).second) return;
  const auto& plan = plans_[number];
  total_ += plan.steps.size() + 1;
  if (auto base = stage_named(plan.base, number)) need(*base);
  auto need_named = [&](const std::string& name) {
    size_t index = 0;
    if (auto other = stage_named(name, number)) need(*other);
    else if (is_index_below(name, number, index)) need(index);
  };
  for (const auto& step : plan.steps) {
    if (auto from = step.flags.find("from"); from != step.flags.end()) need_named(from->second.back());
    auto mounts = step.flags.find("mount");
    if (mounts == step.flags.end()) continue;
    for (const auto& value : mounts->second)
      if (auto mount = parse_run_mount(value, "/"); mount && !mount->from.empty()) need_named(mount->from);
  }
}

// Labels of the command line are the last instructions of a classic build.
void BuildJob::add_labels(size_t wanted) {
  if (!options_.classic) return;
  for (const auto& [key, value] : options_.labels) {
    Instruction label;
    label.keyword = "LABEL";
    label.text = "LABEL " + key + "=" + value;
    label.pairs = {{key, value}};
    plans_[wanted].steps.push_back(std::move(label));
  }
}

Error BuildJob::located(Error error, const Instruction& instruction) const {
  if (options_.classic) return error;
  return std::move(error).context(dockerfile_ + ":" + std::to_string(instruction.line) + ": " + instruction.keyword);
}

Status BuildJob::use_image(Stage& stage, const std::string& name) {
  auto record = store_.find(name);
  bool wanted = options_.pull_always && image::parse_reference(name) && !(record && is_id(name));
  if (wanted || (!record && record.error().code() == Code::kNotFound && options_.pull)) {
    TRY_ASSIGN(auto reference, image::parse_reference(name));
    record = options_.pull(reference);
  } else if (!record && record.error().code() == Code::kNotFound) {
    return fail(Code::kNotFound, "No such image: " + name + "; import or pull it first");
  }
  if (!record) return fail(std::move(record).error());
  stage.image_id = record->id;
  TRY_ASSIGN(stage.config, store_.config(record->id));
  if (!stage.config.architecture.empty() && stage.config.architecture != options_.platform.architecture)
    tell(BuildEvent::Kind::kWarning, "image " + name + " is for " + stage.config.architecture + ", not " + options_.platform.architecture);
  writer_->declare_chain(stage.config.diff_ids);
  stage.chain.clear();
  for (const auto& diff : stage.config.diff_ids) stage.chain = image::chain_id(stage.chain, diff);
  return {};
}

Status BuildJob::start_stage(size_t number, Stage& stage) {
  const auto& plan = plans_[number];
  stage.name = plan.name;
  stage.escape = file_.escape;
  image::Platform platform = options_.platform;
  if (plan.base.empty()) return fail(Code::kInvalidArgument, "base name (" + plan.base_as_written + ") should not be blank");
  if (!plan.platform.empty()) {
    auto parsed = image::Platform::parse(plan.platform);
    if (!parsed) {
      bool word = parsed.error().message().ends_with("unknown operating system or architecture: invalid argument");
      std::string why = word ? "unknown operating system or architecture" : "cannot parse platform specifier";
      return fail(Code::kInvalidArgument, "failed to parse platform " + plan.platform + ": \"" + plan.platform + "\": " + why + ": invalid argument");
    }
    platform = std::move(*parsed);
  }
  if (auto base = stage_named(plan.base, number)) {
    const Stage& from = *stages_[*base];
    stage.config = from.config;
    stage.chain = from.chain;
    stage.image_id = from.image_id;
  } else if (plan.base == "scratch") {
    stage.config.os = platform.os;
    stage.config.architecture = platform.architecture;
    stage.config.variant = platform.variant;
  } else {
    TRY(use_image(stage, plan.base));
  }
  if (options_.classic) return classic_start(stage);
  return run_triggers(number, stage);
}

Status BuildJob::run_triggers(size_t number, Stage& stage) {
  auto triggers = std::move(stage.config.on_build);
  stage.config.on_build.clear();
  if (options_.classic && !triggers.empty() && options_.progress) options_.progress({BuildEvent::Kind::kTriggers, triggers.size(), total_, {}, {}, 0});
  for (const auto& trigger : triggers) {
    TRY_ASSIGN(auto inner, parse_dockerfile(trigger));
    for (const auto& instruction : inner.instructions) {
      TRY(check_instruction(instruction, inner.escape));
      TRY(options_.classic ? classic_step(number, stage, instruction) : apply(number, stage, instruction));
    }
  }
  return {};
}

Status BuildJob::build_stage(size_t number) {
  const auto& plan = plans_[number];
  if (options_.classic && !plan.name.empty() && stage_named(plan.name, number)) return fail(Code::kInvalidArgument, plan.name + " stage name already used");
  stages_[number] = std::make_unique<Stage>();
  Stage& stage = *stages_[number];
  auto run_one = [&](const Instruction& instruction, const std::function<Status()>& work) -> Status {
    if (options_.cancel && options_.cancel->load()) return fail(Code::kCancelled, "cancelled");
    ++step_;
    tell(BuildEvent::Kind::kStep, instruction.text);
    if (auto done = work(); !done) return fail(located(std::move(done).error(), instruction));
    if (options_.classic) tell_id(BuildEvent::Kind::kImage, stage.image_id);
    tell(BuildEvent::Kind::kDone, "");
    return {};
  };
  TRY(run_one(plan.from, [&]() -> Status {
    TRY(start_stage(number, stage));
    return options_.classic ? run_triggers(number, stage) : Status();
  }));
  for (const auto& instruction : plan.steps) {
    auto work = [&] { return options_.classic ? classic_step(number, stage, instruction) : step(number, stage, instruction); };
    TRY(run_one(instruction, work));
  }
  if (options_.classic && !stage.image_id.empty()) tell_id(BuildEvent::Kind::kStageDone, stage.image_id);
  return {};
}

Status BuildJob::step(size_t number, Stage& stage, const Instruction& instruction) {
  size_t layers = stage.config.diff_ids.size();
  TRY(apply(number, stage, instruction));
  image::HistoryEntry entry;
  entry.created_by = instruction.keyword == "RUN" ? "/bin/sh -c " + instruction.rest : "/bin/sh -c #(nop) " + instruction.text;
  entry.empty_layer = stage.config.diff_ids.size() == layers;
  entry.created = stage.config.created;
  stage.config.history.push_back(std::move(entry));
  return {};
}

Status BuildJob::apply(size_t number, Stage& stage, const Instruction& instruction) {
  if (instruction.keyword == "RUN") return run_program(number, stage, instruction);
  if (instruction.keyword == "COPY" || instruction.keyword == "ADD") return copy(number, stage, instruction);
  if (instruction.keyword == "WORKDIR") return work_dir(stage, instruction);
  if (instruction.keyword == "ARG") {
    Args known = given_;
    // An ARG without a value takes that of the one before the first FROM.
    for (const auto& [key, value] : global_args_)
      if (instruction.rest == key && !known.contains(key)) known[key] = value;
    return apply_metadata(stage, instruction, known);
  }
  return apply_metadata(stage, instruction, given_);
}

Result<image::ImageRecord> BuildJob::run() {
  TRY(read_context());
  TRY(plan_stages());
  TRY_ASSIGN(size_t wanted, target());
  std::vector<image::Reference> names;
  for (const auto& tag : options_.tags) {
    auto reference = image::parse_reference(tag);
    if (!reference) return fail(std::move(reference).error().context("invalid argument \"" + tag + "\" for -t"));
    names.push_back(std::move(*reference));
  }
  add_labels(wanted);
  if (options_.classic) {
    total_ = global_steps_.size();
    for (size_t i = 0; i <= wanted; ++i) need(i);
  } else {
    need(wanted);
  }
  TRY_ASSIGN(writer_, image::ImageWriter::begin(store_));
  layers_ = std::make_unique<LayerMaker>(store_, *writer_, options_.no_cache);
  if (options_.classic) classic_ = std::make_unique<ClassicImages>(store_, *writer_, options_);
  stages_.resize(plans_.size());
  if (!file_.warnings.empty() && options_.classic) {
    std::string text;
    for (const auto& line : file_.warnings) text += line + "\n";
    tell(BuildEvent::Kind::kErrorOutput, text);
  }
  if (options_.classic) {
    for (const auto& instruction : global_steps_) {
      ++step_;
      tell(BuildEvent::Kind::kStep, instruction.text);
    }
  }
  for (size_t i = 0; i <= wanted; ++i)
    if (needed_.contains(i)) TRY(build_stage(i));
  std::string unused;
  std::set<std::string> named(options_.empty_args.begin(), options_.empty_args.end());
  for (const auto& [key, value] : options_.args) named.insert(key);
  for (const auto& key : named) {
    bool used = global_args_.contains(key) || is_proxy_argument(key);
    for (const auto& stage : stages_) used = used || (stage && stage->args.contains(key));
    if (!used) unused += (unused.empty() ? "" : " ") + key;
  }
  if (!unused.empty()) tell(BuildEvent::Kind::kWarning, "One or more build-args [" + unused + "] were not consumed");
  TRY_ASSIGN(auto record, finish(*stages_[wanted]));
  for (const auto& name : names) TRY(store_.tag(record.id, name));
  return store_.find(record.id);
}

Result<image::ImageRecord> BuildJob::finish(const Stage& last) {
  if (!options_.classic) {
    auto config = last.config;
    for (const auto& [key, value] : options_.labels) config.labels[key] = value;
    return writer_->commit(image::encode_image_config(config), "", {});
  }
  if (last.image_id.empty()) return fail(Code::kInvalidArgument, "No image was generated. Is your Dockerfile empty?");
  return store_.find(last.image_id);
}

Result<image::ImageRecord> build_image(image::ImageStore& store, const BuildOptions& options) { return BuildJob(store, options).run(); }

}  // namespace reigen::build
