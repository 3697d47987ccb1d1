// A folder of the host (its /var/log) as kubelet serves it below /logs/, in the manner of Go's http.FileServer: a folder is a page of links,
// a file its bytes as they are now.
#pragma once

#include <string>
#include <string_view>

#include "apiserver/node_dialer.h"
#include "base/executor.h"

namespace reigen::node {

// `path`: percent-encoded, relative to `root`; it never leads out of it but through a link that stands there. Blocks; what the answer
// streams is read on `executor` and ends where the file ended when it was opened.
apiserver::NodeHttpResponse serve_host_log(Executor& executor, const std::string& root, std::string_view path);

}  // namespace reigen::node
