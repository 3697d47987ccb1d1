#include "build/classic_image.h"

#include <algorithm>

#include "build/builder.h"
#include "image/digest.h"

namespace reigen::build {
namespace {

using image::ImageConfig;

std::string words(const std::vector<std::string>& list) {
  std::string out;
  for (const auto& word : list) out += (out.empty() ? "" : " ") + word;
  return out;
}

// RFC 3339 with fractions of any length, so that text order is time order.
std::string sortable(const std::string& time) {
  auto dot = time.find('.');
  std::string whole = time.substr(0, std::min(dot, time.find('Z'))), fraction;
  if (dot != std::string::npos) fraction = time.substr(dot + 1, time.find_first_not_of("0123456789", dot + 1) - dot - 1);
  fraction.resize(9, '0');
  return whole + "." + fraction;
}

// A duration as Go prints it, for those that stand in Dockerfiles.
std::string go_duration(int64_t ns) {
  if (ns == 0) return "0s";
  auto decimal = [](int64_t value, int64_t unit, const char* name) {
    std::string out = std::to_string(value / unit), rest = std::to_string(value % unit + unit).substr(1);
    while (rest.ends_with('0')) rest.pop_back();
    return out + (rest.empty() ? "" : "." + rest) + name;
  };
  if (ns < 1'000) return std::to_string(ns) + "ns";
  if (ns < 1'000'000) return decimal(ns, 1'000, "µs");
  if (ns < 1'000'000'000) return decimal(ns, 1'000'000, "ms");
  int64_t hours = ns / 3'600'000'000'000, minutes = ns / 60'000'000'000 % 60;
  std::string out;
  if (hours > 0) out = std::to_string(hours) + "h";
  if (hours > 0 || minutes > 0) out += std::to_string(minutes) + "m";
  return out + decimal(ns % 60'000'000'000, 1'000'000'000, "s");
}

std::string go_quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') out += "\\n";
    else if (c == '\t') out += "\\t";
    else out += c;
  }
  return out + "\"";
}

// %q of a pointer to HealthConfig.
std::string quoted_health(const image::HealthCheck& check) {
  char retries[16];
  if (check.retries >= 32 && check.retries < 127) std::snprintf(retries, sizeof retries, "'%c'", static_cast<char>(check.retries));
  else std::snprintf(retries, sizeof retries, "'\\x%02x'", static_cast<unsigned>(check.retries & 0xff));
  return "&{" + go_quoted_list(check.test) + " " + go_quoted(go_duration(check.interval_ns)) + " " + go_quoted(go_duration(check.timeout_ns)) + " " +
         go_quoted(go_duration(check.start_period_ns)) + " " + retries + "}";
}

std::string pairs_text(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string out;
  for (const auto& [key, value] : pairs) out += " " + key + "=" + value;
  return out;
}

Result<std::string> arguments_text(const Stage& before, const Instruction& instruction) {
  std::string out;
  for (const auto& word : split_words(instruction.rest, before.escape)) {
    auto equals = word.find('=');
    TRY_ASSIGN(auto key, expand_word(word.substr(0, equals), before.escape, before.lookup()));
    out += " " + key;
    if (equals == std::string::npos) continue;
    TRY_ASSIGN(auto value, expand_word(word.substr(equals + 1), before.escape, before.lookup()));
    out += "=" + value;
  }
  return out;
}

// The layer that the history entry `index` has made; nothing when it made none.
std::optional<std::string> layer_of(const ImageConfig& config, size_t index) {
  size_t layer = 0;
  for (size_t i = 0; i < index && i < config.history.size(); ++i) layer += !config.history[i].empty_layer;
  if (config.history[index].empty_layer || layer >= config.diff_ids.size()) return std::nullopt;
  return config.diff_ids[layer];
}

bool same_entry(const image::HistoryEntry& a, const image::HistoryEntry& b) {
  // A time that is missing is written as Go's zero time when an image is built on that one.
  auto time = [](const std::string& text) { return text == "0001-01-01T00:00:00Z" ? std::string() : text; };
  return time(a.created) == time(b.created) && a.created_by == b.created_by && a.author == b.author && a.comment == b.comment && a.empty_layer == b.empty_layer;
}

// Whether `config` may have been built on `below`.
bool continues(const ImageConfig& config, const ImageConfig& below) {
  if (config.history.empty()) return false;
  if (below.history.empty() && below.diff_ids.empty()) return true;
  if (below.history.size() >= config.history.size() || below.diff_ids.size() > config.diff_ids.size()) return false;
  return std::equal(below.history.begin(), below.history.end(), config.history.begin(), same_entry) &&
         std::equal(below.diff_ids.begin(), below.diff_ids.end(), config.diff_ids.begin());
}

}  // namespace

std::string go_quoted_list(const std::vector<std::string>& list) {
  std::string out = "[";
  for (const auto& item : list) out += (out.size() > 1 ? " " : "") + go_quoted(item);
  return out + "]";
}

bool same_container(const ImageConfig& a, const ImageConfig& b) {
  if (a.open_stdin || b.open_stdin) return false;
  return a.attach_stdout == b.attach_stdout && a.attach_stderr == b.attach_stderr && a.user == b.user && a.tty == b.tty && a.cmd == b.cmd && a.env == b.env &&
         a.labels == b.labels && a.exposed_ports == b.exposed_ports && a.entrypoint == b.entrypoint && a.volumes == b.volumes;
}

ImageConfig noted(const Stage& stage, const std::string& comment, bool single) {
  ImageConfig out = stage.config;
  out.cmd = stage.shell();
  if (single) {
    out.cmd.push_back("#(nop) " + comment);
  } else {
    out.cmd.push_back("#(nop) ");
    out.cmd.push_back(comment);
  }
  out.cmd_set = true;
  return out;
}

Result<std::string> comment_of(const Stage& before, const Stage& after, const Instruction& instruction) {
  const auto& keyword = instruction.keyword;
  const auto& config = after.config;
  auto expanded = [&]() -> Result<std::string> {
    TRY_ASSIGN(auto text, expand_word(instruction.rest, before.escape, before.lookup()));
    return keyword + " " + text;
  };
  if (keyword == "ENV" || keyword == "LABEL") {
    TRY_ASSIGN(auto pairs, parse_pairs(instruction, before.escape, before.lookup()));
    return keyword + pairs_text(pairs);
  }
  if (keyword == "ARG") {
    TRY_ASSIGN(auto text, arguments_text(before, instruction));
    return keyword + text;
  }
  if (keyword == "CMD") return "CMD " + go_quoted_list(config.cmd);
  if (keyword == "ENTRYPOINT") return "ENTRYPOINT " + go_quoted_list(config.entrypoint);
  if (keyword == "HEALTHCHECK") return "HEALTHCHECK " + (config.health_check ? quoted_health(*config.health_check) : "");
  if (keyword == "SHELL") return "SHELL [" + words(config.shell) + "]";
  if (keyword == "EXPOSE") {
    TRY_ASSIGN(auto ports, expand_words(instruction.rest, before.escape, before.lookup()));
    std::ranges::sort(ports);
    return "EXPOSE " + words(ports);
  }
  if (keyword == "VOLUME") {
    std::vector<std::string> paths;
    for (const auto& word : instruction.json ? instruction.list : split_words(instruction.rest, before.escape)) {
      TRY_ASSIGN(auto path, expand_word(word, before.escape, before.lookup()));
      paths.push_back(std::move(path));
    }
    return "VOLUME [" + words(paths) + "]";
  }
  if (keyword == "USER" || keyword == "STOPSIGNAL") return expanded();
  return keyword + " " + instruction.rest;  // MAINTAINER, ONBUILD
}

ClassicImages::ClassicImages(image::ImageStore& store, image::ImageWriter& writer, const BuildOptions& options)
    : store_(store), writer_(writer), options_(options) {
  reset();
}

void ClassicImages::reset() { sources_ = options_.cache_from.value_or(std::vector<std::string>()); }

bool ClassicImages::is_ancestor(const std::string& image, const std::string& of) const {
  for (std::string at = of; !at.empty();) {
    if (at == image) return true;
    auto record = store_.find(at);
    at = record ? record->parent : "";
  }
  return false;
}

Result<std::optional<std::string>> ClassicImages::local(const std::string& parent, const ImageConfig& container) {
  TRY_ASSIGN(auto children, store_.children(parent));
  std::optional<std::string> out;
  std::string newest;
  for (const auto& id : children) {
    auto config = store_.config(id);
    if (!config || config->container_config.empty()) continue;
    auto other = image::parse_run_config(config->container_config);
    if (!other || !same_container(*other, container)) continue;
    std::string created = sortable(config->created);
    if (out && created <= newest) continue;
    out = id;
    newest = created;
  }
  return out;
}

Result<std::string> ClassicImages::restore(const std::string& parent, const std::string& target, size_t length, const ImageConfig& container) {
  TRY_ASSIGN(auto whole, store_.config(target));
  const auto& entry = whole.history[length];
  image::ChildImage child;
  child.parent = parent;
  child.config = container;
  child.config.architecture = whole.architecture;
  child.config.os = whole.os;
  child.created = entry.created;
  child.created_by = entry.created_by;
  child.author = entry.author;
  child.comment = entry.comment;
  if (auto diff = layer_of(whole, length)) {
    std::string chain;
    for (const auto& id : whole.diff_ids) {
      chain = image::chain_id(chain, id);
      if (id == *diff) break;
    }
    child.layer = writer_.find_layer(chain);
    if (!child.layer) return fail(Code::kNotFound, "layer " + *diff + " is not in the store");
  }
  TRY_ASSIGN(auto record, image::commit_child(writer_, std::move(child)));
  return record.id;
}

Result<std::optional<std::string>> ClassicImages::from_sources(const std::string& parent, const ImageConfig& container) {
  ImageConfig below;
  if (!parent.empty()) {
    TRY_ASSIGN(below, store_.config(parent));
  }
  size_t length = below.history.size();
  for (const auto& target : sources_) {
    auto config = store_.config(target);
    if (!config || !continues(*config, below) || config->history[length].created_by != words(container.cmd)) continue;
    if (config->history.size() - 1 == length) {
      if (!parent.empty()) TRY(store_.set_parent(target, parent));
      return std::optional(target);
    }
    std::string chosen = target;
    TRY_ASSIGN(auto made, restore(parent, chosen, length, container));
    sources_ = {chosen};  // never half of one and half of another
    return std::optional(made);
  }
  return std::optional<std::string>();
}

Result<std::optional<std::string>> ClassicImages::probe(const std::string& parent, const ImageConfig& container) {
  if (options_.no_cache) return std::optional<std::string>();
  TRY_ASSIGN(auto found, local(parent, container));
  if (!options_.cache_from) return found;
  if (found && std::ranges::any_of(sources_, [&](const auto& source) { return is_ancestor(*found, source); })) return found;
  return from_sources(parent, container);
}

Status ClassicImages::follow(Stage& stage, const std::string& image) {
  TRY_ASSIGN(auto config, store_.config(image));
  stage.image_id = image;
  stage.config.image = image;
  stage.config.diff_ids = std::move(config.diff_ids);
  stage.config.history = std::move(config.history);
  stage.chain.clear();
  for (const auto& diff : stage.config.diff_ids) stage.chain = image::chain_id(stage.chain, diff);
  writer_.declare_chain(stage.config.diff_ids);
  return {};
}

Status ClassicImages::commit(Stage& stage, const ImageConfig& container, const std::string& id, std::optional<image::LayerInfo> layer) {
  image::ChildImage child;
  child.parent = stage.image_id;
  child.config = stage.config;
  child.container = id;
  ImageConfig named = container;
  if (named.hostname.empty()) named.hostname = id.substr(0, 12);
  child.container_config = image::encode_run_config(named);
  child.created_by = words(container.cmd);
  child.author = stage.maintainer;
  child.layer = std::move(layer);
  TRY_ASSIGN(auto record, image::commit_child(writer_, std::move(child)));
  return follow(stage, record.id);
}

}  // namespace reigen::build
