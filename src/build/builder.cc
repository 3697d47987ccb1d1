#include "build/builder.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <memory>
#include <set>

#include "base/files.h"
#include "build/clean_path.h"
#include "build/copy_step.h"
#include "build/dockerfile.h"
#include "build/ignore.h"
#include "build/layer_maker.h"
#include "build/run_step.h"
#include "build/stage.h"
#include "image/digest.h"
#include "image/image_writer.h"
#include "runtime/image_user.h"

namespace reigen::build {
namespace {

using Args = std::map<std::string, std::string>;

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string joined(const std::vector<std::string>& list) {
  std::string out;
  for (const auto& item : list) out += std::to_string(item.size()) + ":" + item;
  return out;
}

// One FROM and what follows it.
struct StagePlan {
  Instruction from;
  std::string base, name;
  std::string platform;
  std::vector<Instruction> steps;
};

class Builder {
 public:
  Builder(image::ImageStore& store, const BuildOptions& options) : store_(store), options_(options) {}
  Result<image::ImageRecord> run();

 private:
  Status read_context();
  Status plan_stages();
  Status plan_from(const Instruction& instruction);
  Args predefined() const;
  Result<size_t> target() const;
  void need(size_t stage);
  std::optional<size_t> stage_named(std::string_view name, size_t before) const;

  Status build_stage(size_t number);
  Status start_stage(size_t number, Stage& stage);
  Status use_image(Stage& stage, const std::string& name);
  Status step(size_t number, Stage& stage, const Instruction& instruction);
  Status apply(size_t number, Stage& stage, const Instruction& instruction);
  Status work_dir(Stage& stage, const Instruction& instruction);
  Status run_program(Stage& stage, const Instruction& instruction);
  Status copy(size_t number, Stage& stage, const Instruction& instruction);
  Result<Stage*> copy_origin(size_t number, const std::string& name, Stage& scratch);
  Result<std::optional<std::pair<uint32_t, uint32_t>>> owner_of(const LayerMaker::View& view, const std::string& chown) const;
  Status layer(Stage& stage, const std::vector<std::string>& key, const std::function<Status(const LayerMaker::View&)>& work);

  void tell(BuildEvent::Kind kind, std::string text) const {
    if (options_.progress) options_.progress({kind, step_, total_, std::move(text)});
  }

  image::ImageStore& store_;
  const BuildOptions& options_;
  std::string dockerfile_;
  Dockerfile file_;
  IgnoreList ignore_;
  Args global_args_;  // ARGs before the first FROM
  Args given_;        // of the command line, and predefined
  std::vector<StagePlan> plans_;
  std::vector<std::unique_ptr<Stage>> stages_;
  std::set<size_t> needed_;
  std::unique_ptr<image::ImageWriter> writer_;
  std::unique_ptr<LayerMaker> layers_;
  size_t step_ = 0, total_ = 0;
};

Status Builder::read_context() {
  dockerfile_ = options_.dockerfile.empty() ? options_.context + "/Dockerfile" : options_.dockerfile;
  auto text = read_file(dockerfile_, 2 << 20);
  if (!text && text.error().code() == Code::kNotFound) return fail(Code::kNotFound, "Cannot locate specified Dockerfile: " + dockerfile_);
  if (!text) return fail(std::move(text).error());
  auto parsed = parse_dockerfile(*text);
  if (!parsed) return fail(std::move(parsed).error().context(dockerfile_));
  file_ = std::move(*parsed);
  for (const auto& name : {dockerfile_ + ".dockerignore", options_.context + "/.dockerignore"}) {
    if (!path_exists(name)) continue;
    TRY_ASSIGN(auto rules, read_file(name, 1 << 20));
    ignore_ = IgnoreList::parse(rules);
    break;
  }
  return {};
}

Args Builder::predefined() const {
  auto host = image::Platform::host();
  const auto& target = options_.platform;
  return {{"TARGETPLATFORM", target.str()}, {"TARGETOS", target.os}, {"TARGETARCH", target.architecture}, {"TARGETVARIANT", target.variant},
          {"BUILDPLATFORM", host.str()},    {"BUILDOS", host.os},    {"BUILDARCH", host.architecture},    {"BUILDVARIANT", host.variant}};
}

Status Builder::plan_from(const Instruction& instruction) {
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
  TRY_ASSIGN(auto words, expand_words(instruction.rest, file_.escape, lookup));
  if (words.size() != 1 && !(words.size() == 3 && lower(words[1]) == "as"))
    return fail(Code::kInvalidArgument, "FROM requires either one argument, or three: FROM <source> [AS <name>]");
  plan.base = words[0];
  if (words.size() == 3) plan.name = lower(words[2]);
  plans_.push_back(std::move(plan));
  return {};
}

Status Builder::plan_stages() {
  given_ = predefined();
  for (const auto& [key, value] : options_.args) given_[key] = value;
  for (const auto& instruction : file_.instructions) {
    auto at = [&](Status done) {
      return done ? done : Status(fail(std::move(done).error().context(dockerfile_ + ":" + std::to_string(instruction.line) + ": " + instruction.keyword)));
    };
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
    } else {
      return at(fail(Code::kInvalidArgument, "no build stage in current context"));
    }
  }
  if (plans_.empty()) return fail(Code::kInvalidArgument, dockerfile_ + ": has no FROM");
  return {};
}

std::optional<size_t> Builder::stage_named(std::string_view name, size_t before) const {
  std::string wanted = lower(std::string(name));
  for (size_t i = before; i-- > 0;)
    if (!plans_[i].name.empty() && plans_[i].name == wanted) return i;
  return std::nullopt;
}

Result<size_t> Builder::target() const {
  if (options_.target.empty()) return plans_.size() - 1;
  if (auto found = stage_named(options_.target, plans_.size())) return *found;
  size_t number = 0;
  auto [end, error] = std::from_chars(options_.target.data(), options_.target.data() + options_.target.size(), number);
  if (error == std::errc() && end == options_.target.data() + options_.target.size() && number < plans_.size()) return number;
  return fail(Code::kInvalidArgument, "failed to reach build target " + options_.target + " in Dockerfile");
}

// Stages that the target takes nothing from are not built.
void Builder::need(size_t number) {
  if (!needed_.insert(number).second) return;
  const auto& plan = plans_[number];
  total_ += plan.steps.size() + 1;
  if (auto base = stage_named(plan.base, number)) need(*base);
  for (const auto& step : plan.steps) {
    auto from = step.flags.find("from");
    if (from == step.flags.end()) continue;
    size_t index = 0;
    const std::string& name = from->second.back();
    if (auto other = stage_named(name, number)) need(*other);
    else if (auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
             error == std::errc() && end == name.data() + name.size() && index < number)
      need(index);
  }
}

Status Builder::use_image(Stage& stage, const std::string& name) {
  auto record = store_.find(name);
  if (!record && record.error().code() == Code::kNotFound && options_.pull) {
    TRY_ASSIGN(auto reference, image::parse_reference(name));
    record = options_.pull(reference);
  } else if (!record && record.error().code() == Code::kNotFound) {
    return fail(Code::kNotFound, "No such image: " + name + "; import or pull it first");
  }
  if (!record) return fail(std::move(record).error());
  TRY_ASSIGN(stage.config, store_.config(record->id));
  if (!stage.config.architecture.empty() && stage.config.architecture != options_.platform.architecture)
    tell(BuildEvent::Kind::kWarning, "image " + name + " is for " + stage.config.architecture + ", not " + options_.platform.architecture);
  writer_->declare_chain(stage.config.diff_ids);
  stage.chain.clear();
  for (const auto& diff : stage.config.diff_ids) stage.chain = image::chain_id(stage.chain, diff);
  return {};
}

Status Builder::start_stage(size_t number, Stage& stage) {
  const auto& plan = plans_[number];
  stage.name = plan.name;
  stage.escape = file_.escape;
  image::Platform platform = options_.platform;
  if (!plan.platform.empty()) {
    TRY_ASSIGN(platform, image::Platform::parse(plan.platform));
  }
  if (auto base = stage_named(plan.base, number)) {
    const Stage& from = *stages_[*base];
    stage.config = from.config;
    stage.chain = from.chain;
  } else if (plan.base == "scratch") {
    stage.config.os = platform.os;
    stage.config.architecture = platform.architecture;
    stage.config.variant = platform.variant;
  } else {
    TRY(use_image(stage, plan.base));
  }
  auto triggers = std::move(stage.config.on_build);
  stage.config.on_build.clear();
  for (const auto& trigger : triggers) {
    TRY_ASSIGN(auto inner, parse_dockerfile(trigger));
    for (const auto& instruction : inner.instructions) TRY(apply(number, stage, instruction));
  }
  return {};
}

Status Builder::build_stage(size_t number) {
  const auto& plan = plans_[number];
  stages_[number] = std::make_unique<Stage>();
  Stage& stage = *stages_[number];
  auto run_one = [&](const Instruction& instruction, const std::function<Status()>& work) -> Status {
    if (options_.cancel && options_.cancel->load()) return fail(Code::kCancelled, "cancelled");
    ++step_;
    tell(BuildEvent::Kind::kStep, instruction.text);
    if (auto done = work(); !done)
      return fail(std::move(done).error().context(dockerfile_ + ":" + std::to_string(instruction.line) + ": " + instruction.keyword));
    tell(BuildEvent::Kind::kDone, "");
    return {};
  };
  TRY(run_one(plan.from, [&] { return start_stage(number, stage); }));
  for (const auto& instruction : plan.steps) TRY(run_one(instruction, [&] { return step(number, stage, instruction); }));
  return {};
}

Status Builder::step(size_t number, Stage& stage, const Instruction& instruction) {
  size_t layers = stage.config.diff_ids.size();
  TRY(apply(number, stage, instruction));
  image::HistoryEntry entry;
  entry.created_by = instruction.keyword == "RUN" ? "/bin/sh -c " + instruction.rest : "/bin/sh -c #(nop) " + instruction.text;
  entry.empty_layer = stage.config.diff_ids.size() == layers;
  entry.created = stage.config.created;
  stage.config.history.push_back(std::move(entry));
  return {};
}

Status Builder::apply(size_t number, Stage& stage, const Instruction& instruction) {
  if (instruction.keyword == "RUN") return run_program(stage, instruction);
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

Status Builder::layer(Stage& stage, const std::vector<std::string>& parts, const std::function<Status(const LayerMaker::View&)>& work) {
  std::string key = LayerMaker::key(stage, parts);
  TRY_ASSIGN(bool cached, layers_->reuse(stage, key));
  if (cached) {
    tell(BuildEvent::Kind::kCached, "");
    return {};
  }
  return layers_->make(stage, key, work);
}

Status Builder::work_dir(Stage& stage, const Instruction& instruction) {
  TRY_ASSIGN(auto path, expand_word(instruction.rest, stage.escape, stage.lookup()));
  stage.config.working_dir = absolute_path(stage.config.working_dir, path);
  if (stage.config.working_dir == "/") return {};
  std::string folder = stage.config.working_dir;
  return layer(stage, {"WORKDIR", folder}, [&](const LayerMaker::View& view) { return make_folder(view.root(), folder); });
}

// The flags of RUN as BuildKit reads them: "default" is the host's network here, so "host" is the same.
Result<bool> run_has_network(const Instruction& instruction) {
  bool network = true;
  for (const auto& [flag, values] : instruction.flags) {
    const std::string& value = values.back();
    if (flag == "network" && (value == "none" || value == "host" || value == "default")) {
      network = value != "none";
    } else if (flag == "network") {
      return fail(Code::kInvalidArgument, "--network must be default, host or none, not \"" + value + "\"");
    } else if (flag != "security" || value != "sandbox") {
      return fail(Code::kUnimplemented, "--" + flag + (flag == "security" ? "=" + value : "") + " is not supported");
    }
  }
  return network;
}

Status Builder::run_program(Stage& stage, const Instruction& instruction) {
  RunStep run;
  TRY_ASSIGN(run.network, run_has_network(instruction));
  std::string script;
  if (!instruction.here.empty() && split_words(instruction.rest, stage.escape).size() == 1) {
    // RUN <<EOF: the document is the script; with a #! line it is a program of its own.
    script = instruction.here.front().content;
    run.argv = stage.shell();
    run.argv.push_back(script);
  } else if (!instruction.here.empty()) {
    run.argv = stage.shell();
    std::string whole = instruction.rest;
    for (const auto& here : instruction.here) whole += "\n" + here.content + here.name;
    run.argv.push_back(whole + "\n");
  } else if (instruction.json) {
    run.argv = instruction.list;
  } else {
    run.argv = stage.shell();
    run.argv.push_back(instruction.rest);
  }
  if (run.argv.empty() || (!instruction.json && instruction.rest.empty())) return fail(Code::kInvalidArgument, "needs a command");
  run.env = stage.config.env;
  std::vector<std::string> args;
  for (const auto& [key, value] : stage.args)
    if (value) args.push_back(key + "=" + *value);
  for (const char* name : {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "FTP_PROXY", "ftp_proxy"})
    if (auto it = options_.args.find(name); it != options_.args.end()) run.env.push_back(std::string(name) + "=" + it->second);
  std::vector<std::string> key = {
      "RUN", joined(run.argv), joined(stage.config.env), joined(args), stage.config.user, stage.config.working_dir, run.network ? "" : "no network"};
  for (const auto& arg : args) {
    auto name = arg.substr(0, arg.find('=') + 1);
    bool hidden = std::ranges::any_of(stage.config.env, [&](const auto& item) { return item.starts_with(name); });
    if (!hidden) run.env.push_back(arg);
  }
  run.user = stage.config.user;
  run.cwd = stage.config.working_dir.empty() ? "/" : stage.config.working_dir;
  run.cancel = options_.cancel;
  run.output = [this](std::string_view data, bool error) { tell(error ? BuildEvent::Kind::kErrorOutput : BuildEvent::Kind::kOutput, std::string(data)); };
  return layer(stage, key, [&](const LayerMaker::View& view) -> Status {
    run.root = view.root();
    run.scratch = view.scratch();
    TRY_ASSIGN(int code, run_step(run));
    if (code == 0) return {};
    std::string shown;
    for (const auto& word : run.argv) shown += (shown.empty() ? "" : " ") + word;
    return fail(Code::kInvalidArgument, "The command '" + shown.substr(0, 1000) + "' returned a non-zero code: " + std::to_string(code));
  });
}

Result<Stage*> Builder::copy_origin(size_t number, const std::string& name, Stage& scratch) {
  if (auto other = stage_named(name, number)) return stages_[*other].get();
  size_t index = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  if (error == std::errc() && end == name.data() + name.size()) {
    if (index < number) return stages_[index].get();
    return fail(Code::kInvalidArgument, "invalid from flag value " + name + ": no such stage before this one");
  }
  TRY(use_image(scratch, name));
  return &scratch;
}

Result<std::optional<std::pair<uint32_t, uint32_t>>> Builder::owner_of(const LayerMaker::View& view, const std::string& chown) const {
  using Owner = std::optional<std::pair<uint32_t, uint32_t>>;
  if (chown.empty()) return Owner();
  runtime::User user;
  user.name = chown;
  TRY_ASSIGN(auto found, runtime::resolve_user_in(user, view.root()));
  // Without a group it is the one with the user's number.
  return Owner(std::pair(found.uid, chown.find(':') == std::string::npos ? found.uid : found.gid));
}

Result<std::optional<uint32_t>> parse_mode(const std::string& text) {
  if (text.empty()) return std::optional<uint32_t>();
  uint32_t mode = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error != std::errc() || end != text.data() + text.size() || mode > 07777)
    return fail(Code::kInvalidArgument, "--chmod wants an octal mode, not \"" + text + "\"");
  return std::optional(mode);
}

Result<std::map<std::string, std::string>> copy_flags(const Stage& stage, const Instruction& instruction) {
  std::map<std::string, std::string> out;
  for (const auto& [flag, values] : instruction.flags) {
    bool known = flag == "chown" || flag == "chmod" || flag == "link" || (flag == "from" && instruction.keyword == "COPY");
    if (!known) return fail(Code::kInvalidArgument, "Unknown flag: " + flag);
    TRY_ASSIGN(out[flag], expand_word(values.back(), stage.escape, stage.lookup()));
  }
  return out;
}

Status Builder::copy(size_t number, Stage& stage, const Instruction& instruction) {
  auto lookup = stage.lookup();
  TRY_ASSIGN(auto flags, copy_flags(stage, instruction));
  std::vector<std::string> words;
  for (const auto& word : instruction.json ? instruction.list : split_words(instruction.rest, stage.escape)) {
    if (!instruction.json && word.starts_with("<<")) continue;
    TRY_ASSIGN(auto value, expand_word(word, stage.escape, lookup));
    words.push_back(std::move(value));
  }
  if (words.size() + instruction.here.size() < 2)
    return fail(Code::kInvalidArgument,
                instruction.keyword + " requires at least two arguments, but only one was provided. Destination could not be determined");
  CopyTarget target;
  std::string destination = words.back();
  words.pop_back();
  bool slash = destination.ends_with('/') || destination == "." || destination.ends_with("/.");
  target.destination = absolute_path(stage.config.working_dir, destination);
  if (slash && !target.destination.ends_with('/')) target.destination += '/';
  target.extract = instruction.keyword == "ADD";
  TRY_ASSIGN(target.mode, parse_mode(flags["chmod"]));

  std::vector<std::string> key = {instruction.keyword, target.destination, flags["chown"], flags["chmod"]};
  std::vector<std::pair<std::string, std::string>> documents;
  for (const auto& here : instruction.here) {
    std::string text = here.content;
    if (here.expand) {
      TRY_ASSIGN(text, expand_text(here.content, stage.escape, lookup));
    }
    documents.emplace_back(here.name, text);
    key.push_back(here.name + "\n" + text);
  }
  for (const auto& word : words)
    if (target.extract && (word.starts_with("http://") || word.starts_with("https://") || word.starts_with("git@")))
      return fail(Code::kUnimplemented, "ADD from a URL is not supported: download " + word + " into the context first");
  std::string root = options_.context;
  LayerMaker::View origin_view;
  Stage scratch;
  bool from_stage = !flags["from"].empty();
  if (from_stage) {
    TRY_ASSIGN(Stage * origin, copy_origin(number, flags["from"], scratch));
    key.push_back("from " + origin->chain + joined(words));
    // A cached layer needs no look at its sources.
    TRY_ASSIGN(bool cached, layers_->reuse(stage, LayerMaker::key(stage, key)));
    if (cached) {
      tell(BuildEvent::Kind::kCached, "");
      return {};
    }
    TRY_ASSIGN(origin_view, layers_->view(*origin));
    root = origin_view.root();
  }
  std::vector<CopySource> sources;
  if (!words.empty()) {
    TRY_ASSIGN(sources, find_sources(root, words, from_stage ? IgnoreList() : ignore_));
  }
  if (!from_stage) {
    TRY_ASSIGN(auto digest, digest_sources(root, sources));
    key.push_back("context " + digest);
  }
  return layer(stage, key, [&](const LayerMaker::View& view) -> Status {
    TRY_ASSIGN(target.owner, owner_of(view, flags["chown"]));
    if (!target.owner && !from_stage) target.owner = {0, 0};
    target.root = view.root();
    if (!sources.empty()) TRY(copy_sources(root, sources, target));
    for (const auto& [name, text] : documents)
      TRY(write_new_file(target, target.destination.ends_with('/') ? target.destination + name : target.destination, text));
    return {};
  });
}

Result<image::ImageRecord> Builder::run() {
  TRY(read_context());
  TRY(plan_stages());
  TRY_ASSIGN(size_t wanted, target());
  std::vector<std::string> names;
  for (const auto& tag : options_.tags) {
    auto reference = image::parse_reference(tag);
    if (!reference) return fail(std::move(reference).error().context("invalid argument \"" + tag + "\" for -t"));
    names.push_back(reference->store_name());
  }
  need(wanted);
  TRY_ASSIGN(writer_, image::ImageWriter::begin(store_));
  layers_ = std::make_unique<LayerMaker>(store_, *writer_, options_.no_cache);
  stages_.resize(plans_.size());
  for (size_t i = 0; i <= wanted; ++i)
    if (needed_.contains(i)) TRY(build_stage(i));
  Stage& last = *stages_[wanted];
  for (const auto& [key, value] : options_.labels) last.config.labels[key] = value;
  for (const auto& [key, value] : options_.args) {
    bool used = global_args_.contains(key);
    for (const auto& stage : stages_) used = used || (stage && stage->args.contains(key));
    if (!used) tell(BuildEvent::Kind::kWarning, "One or more build-args [" + key + "] were not consumed");
  }
  return writer_->commit(image::encode_image_config(last.config), "", names);
}

}  // namespace

Result<image::ImageRecord> build_image(image::ImageStore& store, const BuildOptions& options) { return Builder(store, options).run(); }

}  // namespace reigen::build
