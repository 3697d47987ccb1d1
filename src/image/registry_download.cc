// Concurrent downloads of layers on one thread, with libcurl's multi interface.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <deque>

#include "base/check.h"
#include "base/clock.h"
#include "base/fd.h"
#include "image/byte_source.h"
#include "image/registry_state.h"

namespace reigen::image {
namespace {

constexpr auto kFirstPause = std::chrono::milliseconds(200);
constexpr int kPollMs = 250;
// An attempt that brought this much is none that failed: a large layer over a bad line ends, a server that drips does not hold us for ever.
constexpr uint64_t kProgress = 64 << 10;

struct Transfer {
  Download file;
  Fd fd;
  uint64_t have = 0;
  uint64_t best = 0;      // the most it had when an attempt ended
  unsigned attempts = 0;  // since there was progress
  TimePoint not_before{};
  CURL* curl = nullptr;
  curl_slist* headers = nullptr;
  RegistryAnswer answer;  // of an error: its body
  bool checked = false;   // the status was looked at
  bool writes = false;
  std::optional<Error> error;
  const std::function<void(const Download&, uint64_t)>* progress = nullptr;
};

size_t take_bytes(char* data, size_t size, size_t count, void* self) {
  auto& t = *static_cast<Transfer*>(self);
  size *= count;
  if (!t.checked) {
    t.checked = true;
    curl_library().easy_getinfo(t.curl, CURLINFO_RESPONSE_CODE, &t.answer.status);
    t.writes = t.answer.status == 200 || t.answer.status == 206;
    if (t.answer.status == 200 && t.have > 0) {  // no ranges here: from the start again
      t.have = 0;
      if (::ftruncate(t.fd.get(), 0) != 0 || ::lseek(t.fd.get(), 0, SEEK_SET) < 0) return 0;
    }
  }
  if (!t.writes) return size;
  if (t.have + size > t.file.size) {
    t.error = Error(Code::kDataLoss, "layer " + t.file.digest + " is longer than the " + std::to_string(t.file.size) + " bytes of its manifest");
    return 0;
  }
  if (auto done = write_fully(t.fd.get(), {data, size}, t.file.path); !done) {
    t.error = done.error();
    return 0;
  }
  t.have += size;
  (*t.progress)(t.file, t.have);
  return size;
}

size_t take_challenge(char* data, size_t size, size_t count, void* self) {
  auto& t = *static_cast<Transfer*>(self);
  std::string line(data, size * count);
  constexpr std::string_view name = "www-authenticate:";
  if (line.size() > name.size() &&
      std::equal(name.begin(), name.end(), line.begin(), [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); })) {
    auto from = line.find_first_not_of(' ', name.size());
    if (from != std::string::npos) t.answer.headers["www-authenticate"] = line.substr(from, line.find_last_not_of("\r\n ") - from + 1);
  }
  return size * count;
}

}  // namespace

class Downloader {
 public:
  Downloader(RegistryClient::State& state, const std::function<void(const Download&, uint64_t)>& progress)
      : state_(state), progress_(progress), multi_(curl_library().multi_init()) {
    CHECK(multi_ != nullptr);
  }
  ~Downloader() {
    for (auto& t : running_) finish(*t);
    curl_library().multi_cleanup(multi_);
  }

  Status run(const std::vector<Download>& files) {
    for (const auto& file : files) {
      auto t = std::make_unique<Transfer>();
      t->file = file;
      t->progress = &progress_;
      waiting_.push_back(std::move(t));
    }
    while (!waiting_.empty() || !running_.empty()) {
      TRY(start_some());
      int active = 0;
      curl_library().multi_perform(multi_, &active);
      TRY(take_finished());
      if (state_.options.cancel && state_.options.cancel->load()) return fail(Code::kCancelled, "cancelled");
      if (!running_.empty() || !waiting_.empty()) curl_library().multi_poll(multi_, nullptr, 0, kPollMs, nullptr);
    }
    return {};
  }

 private:
  Status start_some() {
    auto now = system_clock().now();
    for (auto it = waiting_.begin(); it != waiting_.end() && running_.size() < std::max(1u, state_.settings.concurrent_layers);) {
      if ((*it)->not_before > now) {
        ++it;
        continue;
      }
      TRY(start(**it));
      running_.push_back(std::move(*it));
      it = waiting_.erase(it);
    }
    return {};
  }

  Status start(Transfer& t) {
    if (!t.fd) t.fd = Fd(::open(t.file.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    struct stat info{};
    if (!t.fd || ::fstat(t.fd.get(), &info) != 0 || ::lseek(t.fd.get(), 0, SEEK_END) < 0) return fail_errno("open " + t.file.path);
    t.have = static_cast<uint64_t>(info.st_size);
    ++t.attempts;
    t.checked = t.writes = false;
    t.answer = {};
    t.curl = curl_library().easy_init();
    CHECK(t.curl != nullptr);
    state_.prepare(t.curl, state_.url("blobs/" + t.file.digest), &t.headers, true);
    curl_library().easy_setopt(t.curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_library().easy_setopt(t.curl, CURLOPT_WRITEDATA, &t);
    curl_library().easy_setopt(t.curl, CURLOPT_HEADERFUNCTION, take_challenge);
    curl_library().easy_setopt(t.curl, CURLOPT_HEADERDATA, &t);
    curl_library().easy_setopt(t.curl, CURLOPT_PRIVATE, &t);
    // A header, not CURLOPT_RESUME_FROM: that one fails where the server ignores ranges.
    if (t.have > 0) curl_library().easy_setopt(t.curl, CURLOPT_RANGE, (std::to_string(t.have) + "-").c_str());
    curl_library().multi_add_handle(multi_, t.curl);
    return {};
  }

  void finish(Transfer& t) {
    if (!t.curl) return;
    curl_library().multi_remove_handle(multi_, t.curl);
    curl_library().easy_cleanup(t.curl);
    curl_library().slist_free_all(t.headers);
    t.curl = nullptr;
    t.headers = nullptr;
  }

  Status take_finished() {
    int left = 0;
    while (CURLMsg* message = curl_library().multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURLcode code = message->data.result;
      Transfer* t = nullptr;
      curl_library().easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
      curl_library().easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &t->answer.status);
      t->answer.elsewhere = state_.is_elsewhere(message->easy_handle);
      finish(*t);
      auto it = std::ranges::find_if(running_, [&](const auto& r) { return r.get() == t; });
      std::unique_ptr<Transfer> owned = std::move(*it);
      running_.erase(it);
      TRY(judge(std::move(owned), code));
    }
    return {};
  }

  Status judge(std::unique_ptr<Transfer> t, CURLcode code) {
    if (t->error) return fail(*t->error);
    if (code == CURLE_ABORTED_BY_CALLBACK) return fail(Code::kCancelled, "cancelled");
    long status = t->answer.status;
    if (t->have == t->file.size && (code == CURLE_OK || status == 416)) return {};
    bool transient = code != CURLE_OK || status >= 500 || status == 408 || status == 429 || status == 200 || status == 206 || status == 416;
    if (status == 416 && ::ftruncate(t->fd.get(), 0) != 0) return fail_errno("truncate " + t->file.path);
    if (status == 401 && code == CURLE_OK) {  // the token has expired
      state_.anonymous_tried = false;
      state_.next_credentials = 0;
      TRY(state_.authorize(t->answer));
      transient = true;
    }
    if (t->have >= t->best + kProgress) t->attempts = 1;
    t->best = std::max(t->best, t->have);
    bool last = t->attempts >= state_.settings.attempts;
    if (last && code == CURLE_OK && (status == 200 || status == 206 || status == 416)) {
      return fail(Code::kDataLoss, "registry " + state_.reference.registry + " has only " + std::to_string(t->have) + " of the " +
                                       std::to_string(t->file.size) + " bytes of layer " + t->file.digest);
    }
    if (last && code != CURLE_OK && t->best > 0) {
      return fail(Code::kUnavailable, "registry " + state_.reference.registry + " broke off after " + std::to_string(t->have) + " of the " +
                                          std::to_string(t->file.size) + " bytes of layer " + t->file.digest + ": " + curl_library().easy_strerror(code));
    }
    if (code != CURLE_OK) {
      t->answer.status = 0;
      t->answer.error = curl_library().easy_strerror(code);
    }
    if (!transient || last) return fail(state_.error_of(t->answer, "layer " + t->file.digest));
    t->not_before = system_clock().now() + kFirstPause * (1u << std::min(t->attempts, 6u));
    waiting_.push_back(std::move(t));
    return {};
  }

  RegistryClient::State& state_;
  const std::function<void(const Download&, uint64_t)>& progress_;
  CURLM* multi_;
  std::deque<std::unique_ptr<Transfer>> waiting_;
  std::vector<std::unique_ptr<Transfer>> running_;
};

Status RegistryClient::download(const std::vector<Download>& files, const std::function<void(const Download&, uint64_t)>& progress) {
  TRY(load_curl());
  return Downloader(*state_, progress).run(files);
}

}  // namespace reigen::image
