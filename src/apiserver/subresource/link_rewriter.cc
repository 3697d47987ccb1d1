#include "apiserver/subresource/link_rewriter.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace reigen::apiserver {
namespace {

struct UrlAttributes {
  std::string_view element, attributes;  // attributes with a space before and after each
};
constexpr std::array kUrlAttributes = {
    UrlAttributes{"a", " href "},
    UrlAttributes{"applet", " codebase "},
    UrlAttributes{"area", " href "},
    UrlAttributes{"audio", " src "},
    UrlAttributes{"base", " href "},
    UrlAttributes{"blockquote", " cite "},
    UrlAttributes{"body", " background "},
    UrlAttributes{"button", " formaction "},
    UrlAttributes{"command", " icon "},
    UrlAttributes{"del", " cite "},
    UrlAttributes{"embed", " src "},
    UrlAttributes{"form", " action "},
    UrlAttributes{"frame", " longdesc src "},
    UrlAttributes{"head", " profile "},
    UrlAttributes{"html", " manifest "},
    UrlAttributes{"iframe", " longdesc src "},
    UrlAttributes{"img", " longdesc src usemap "},
    UrlAttributes{"input", " src usemap formaction "},
    UrlAttributes{"ins", " cite "},
    UrlAttributes{"link", " href "},
    UrlAttributes{"object", " classid codebase data usemap "},
    UrlAttributes{"q", " cite "},
    UrlAttributes{"script", " src "},
    UrlAttributes{"source", " src "},
    UrlAttributes{"video", " poster src "},
};
constexpr std::array<std::string_view, 4> kRawElements = {"script", "style", "textarea", "title"};
constexpr size_t kMore = std::string_view::npos;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

size_t find_lower(std::string_view text, std::string_view wanted) {
  auto found =
      std::search(text.begin(), text.end(), wanted.begin(), wanted.end(), [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
  return found == text.end() ? kMore : static_cast<size_t>(found - text.begin());
}

// The end of the tag that starts at text[0], behind its '>'.
size_t tag_end(std::string_view text) {
  char quote = 0;
  for (size_t i = 1; i < text.size(); ++i) {
    if (quote) {
      if (text[i] == quote) quote = 0;
    } else if (text[i] == '>') {
      return i + 1;
    } else if ((text[i] == '"' || text[i] == '\'') && text[i - 1] == '=') {
      quote = text[i];
    }
  }
  return kMore;
}

std::string_view name_of(std::string_view tag) {
  size_t end = 1;
  while (end < tag.size() && !is_space(tag[end]) && tag[end] != '/' && tag[end] != '>') ++end;
  return tag.substr(1, end - 1);
}

}  // namespace

std::string LinkBase::rewrite(std::string_view url) const {
  auto scheme = url.find("://");
  if (scheme != std::string_view::npos && scheme < url.find_first_of("/?#")) {
    auto rest = url.substr(scheme + 3);
    auto path = std::min(rest.find_first_of("/?#"), rest.size());
    if (rest.substr(0, path) != host) return std::string(url);
    url = path < rest.size() && rest[path] == '/' ? rest.substr(path) : "/";
  } else if (!url.starts_with('/') || url.starts_with("//")) {
    return std::string(url);
  }
  if (url.starts_with(prefix)) return std::string(url);
  return prefix + std::string(url);
}

std::string LinkRewriter::feed(std::string_view piece) {
  pending_ += piece;
  std::string out;
  size_t done = 0;
  while (done < pending_.size()) {
    size_t used = step(std::string_view(pending_).substr(done), out);
    if (used == 0) break;
    done += used;
  }
  pending_.erase(0, done);
  if (pending_.size() > kMaxPending) {
    out += pending_;
    pending_.clear();
  }
  return out;
}

// Passes on one run of text or one tag; returns what it took, 0 when more is needed.
size_t LinkRewriter::step(std::string_view text, std::string& out) {
  auto take = [&](size_t n) {
    out += text.substr(0, n);
    return n;
  };
  if (!raw_until_.empty()) {
    size_t end = find_lower(text, raw_until_);
    // The last bytes may be the beginning of the end tag.
    if (end == kMore) return text.size() < raw_until_.size() ? 0 : take(text.size() - raw_until_.size() + 1);
    raw_until_.clear();
    return end > 0 ? take(end) : step(text, out);
  }
  size_t open = text.find('<');
  if (open == kMore) return take(text.size());
  if (open > 0) return take(open);
  if (text.size() < 4) return text.find('>') == kMore ? 0 : take(text.find('>') + 1);
  if (text.starts_with("<!--")) {
    size_t end = text.find("-->", 4);
    return end == kMore ? 0 : take(end + 3);
  }
  bool is_start = std::isalpha(static_cast<unsigned char>(text[1])) != 0;
  if (!is_start && text[1] != '/' && text[1] != '!' && text[1] != '?') return take(1);
  size_t end = is_start ? tag_end(text) : text.find('>');
  if (end == kMore) return 0;
  if (!is_start) return take(end + 1);
  auto tag = text.substr(0, end);
  out += rewritten_tag(tag);
  auto name = lower(name_of(tag));
  if (std::find(kRawElements.begin(), kRawElements.end(), name) != kRawElements.end() && !tag.ends_with("/>")) raw_until_ = "</" + name;
  return end;
}

std::string LinkRewriter::rewritten_tag(std::string_view tag) {
  auto name = lower(name_of(tag));
  auto element = std::find_if(kUrlAttributes.begin(), kUrlAttributes.end(), [&](const auto& entry) { return entry.element == name; });
  if (element == kUrlAttributes.end()) return std::string(tag);
  std::string out;
  size_t copied = 0, at = 1 + name.size();
  while (at < tag.size()) {
    while (at < tag.size() && (is_space(tag[at]) || tag[at] == '/')) ++at;
    size_t begin = at;
    while (at < tag.size() && !is_space(tag[at]) && tag[at] != '=' && tag[at] != '>') ++at;
    auto attribute = lower(tag.substr(begin, at - begin));
    if (at >= tag.size() || tag[at] == '>') break;
    if (tag[at] != '=') continue;
    ++at;
    char quote = at < tag.size() && (tag[at] == '"' || tag[at] == '\'') ? tag[at] : 0;
    size_t value = quote ? at + 1 : at;
    at = value;
    while (at < tag.size() && (quote ? tag[at] != quote : !is_space(tag[at]) && tag[at] != '>')) ++at;
    if (element->attributes.find(" " + attribute + " ") != std::string_view::npos) {
      out += tag.substr(copied, value - copied);
      out += base_.rewrite(tag.substr(value, at - value));
      copied = at;
    }
    if (quote && at < tag.size()) ++at;
  }
  return out + std::string(tag.substr(copied));
}

}  // namespace reigen::apiserver
