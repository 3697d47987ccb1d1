// Links in what a proxied pod or service answers: those that start at its root lead through the proxy again.
// Source: Kubernetes' apimachinery/pkg/util/proxy/transport.go (which attributes of which elements, what is left alone).
#pragma once

#include <string>
#include <string_view>

namespace reigen::apiserver {

// How one URL is to be written: with the prefix when it is an absolute path, or a URL of `host`.
struct LinkBase {
  std::string prefix;  // "/api/v1/namespaces/a/pods/b/proxy"
  std::string host;    // host and port of the destination; such URLs are taken for absolute paths

  std::string rewrite(std::string_view url) const;
};

// Rewrites an HTML text that comes in pieces. What cannot be told yet waits for the next piece, at most kMaxPending bytes; a longer
// tag passes as it is.
class LinkRewriter {
 public:
  static constexpr size_t kMaxPending = 64 << 10;

  explicit LinkRewriter(LinkBase base) : base_(std::move(base)) {}
  std::string feed(std::string_view piece);
  std::string end() { return std::move(pending_); }

 private:
  size_t step(std::string_view text, std::string& out);
  std::string rewritten_tag(std::string_view tag);

  LinkBase base_;
  std::string pending_;
  std::string raw_until_;  // "</script": inside an element whose content is no markup
};

}  // namespace reigen::apiserver
