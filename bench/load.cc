// The load generator of bench/run: one thread, TLS, HTTP/1.1, one JSON line of results on standard output.
// build: g++ -O2 -std=c++20 load.cc -o load -lssl -lcrypto (bench/run does it)
//
//   load get PORT TOKEN CONNECTIONS SECONDS LIMIT PATH         GETs of one path
//   load pods PORT TOKEN CONNECTIONS SECONDS LIMIT PREFIX SCHEDULER
//   load nodes PORT TOKEN CONNECTIONS SECONDS LIMIT
//   load services PORT TOKEN CONNECTIONS SECONDS LIMIT         a service without selector and its slice of 5 endpoints, LIMIT / 2 of each
//   load watch PORT TOKEN WATCHERS UPDATES BURST               says {"open":N}, waits for a line on standard input, then measures
//   load bound PORT TOKEN COUNT REVISION                       waits until COUNT pods were seen with a node
//
// Requests stop after SECONDS or LIMIT requests (0: none), whatever comes first.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begun) { return std::chrono::duration<double>(Clock::now() - begun).count(); }

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "load: %s\n", what.c_str());
  std::exit(1);
}

struct Target {
  int port = 0;
  std::string token;
  SSL_CTX* tls = nullptr;

  std::string request(const char* method, const std::string& path, const std::string& body = "", const char* type = "application/json") const {
    std::string out = std::string(method) + " " + path + " HTTP/1.1\r\nHost: bench\r\nAccept: application/json\r\nAuthorization: Bearer " + token + "\r\n";
    if (!body.empty()) out += std::string("Content-Type: ") + type + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    return out + "\r\n" + body;
  }
};

// Finds the ends of responses in a stream of bytes, without keeping the bodies.
class ResponseReader {
 public:
  // Returns how many bytes belong to the response under way; done() tells whether it ended there.
  size_t feed(std::string_view data) {
    size_t used = 0;
    while (used < data.size() && state_ != State::kDone) used += step(data.substr(used));
    return used;
  }
  bool done() const { return state_ == State::kDone; }
  int status() const { return status_; }
  void reset() { *this = ResponseReader(); }

 private:
  enum class State { kHead, kBody, kChunkSize, kChunk, kTrailer, kDone };

  size_t step(std::string_view data) {
    switch (state_) {
      case State::kHead: return head(data);
      case State::kChunkSize: return chunk_size(data);
      case State::kTrailer: return trailer(data);
      default: return body(data);
    }
  }
  size_t head(std::string_view data) {
    size_t before = line_.size();
    line_ += data;
    auto end = line_.find("\r\n\r\n");
    if (end == std::string::npos) return data.size();
    line_.resize(end + 2);
    status_ = std::atoi(line_.c_str() + 9);
    std::transform(line_.begin(), line_.end(), line_.begin(), [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
    if (auto at = line_.find("\r\ncontent-length:"); at != std::string::npos) {
      left_ = std::strtoull(line_.c_str() + at + 17, nullptr, 10);
      state_ = left_ ? State::kBody : State::kDone;
    } else {
      state_ = line_.find("\r\ntransfer-encoding: chunked") != std::string::npos ? State::kChunkSize : State::kDone;
    }
    line_.clear();
    return end + 4 - before;
  }
  size_t chunk_size(std::string_view data) {
    auto end = data.find('\n');
    line_ += data.substr(0, end);
    if (end == std::string_view::npos) return data.size();
    left_ = std::strtoull(line_.c_str(), nullptr, 16);
    line_.clear();
    state_ = left_ ? State::kChunk : State::kTrailer;
    if (left_) left_ += 2;  // with the end of line that follows it
    return end + 1;
  }
  size_t trailer(std::string_view data) {
    auto end = data.find('\n');
    if (end == std::string_view::npos) return data.size();
    state_ = State::kDone;
    return end + 1;
  }
  size_t body(std::string_view data) {
    size_t count = std::min(data.size(), left_);
    left_ -= count;
    if (left_ == 0) state_ = state_ == State::kBody ? State::kDone : State::kChunkSize;
    return count;
  }

  State state_ = State::kHead;
  std::string line_;
  size_t left_ = 0;
  int status_ = 0;
};

class Connection {
 public:
  explicit Connection(const Target& target) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(target.port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) die(std::string("connect: ") + std::strerror(errno));
    int one = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ssl_ = SSL_new(target.tls);
    SSL_set_fd(ssl_, fd_);
    if (SSL_connect(ssl_) != 1) die("TLS handshake failed");
  }
  ~Connection() {
    SSL_free(ssl_);
    ::close(fd_);
  }
  Connection(const Connection&) = delete;

  int fd() const { return fd_; }
  void set_nonblocking() { ::fcntl(fd_, F_SETFL, O_NONBLOCK); }
  // Requests are small: they fit into the socket's buffer.
  void send(const std::string& text) {
    if (SSL_write(ssl_, text.data(), static_cast<int>(text.size())) <= 0) die("the server closed a connection");
  }
  // 0: nothing there now.
  size_t receive(char* buffer, size_t size) {
    int count = SSL_read(ssl_, buffer, static_cast<int>(size));
    if (count > 0) return static_cast<size_t>(count);
    if (SSL_get_error(ssl_, count) == SSL_ERROR_WANT_READ) return 0;
    die("the server closed a connection");
  }
  // One request and its whole answer, blocking.
  std::string call(const std::string& request) {
    send(request);
    ResponseReader reader;
    std::string all;
    char buffer[65536];
    while (!reader.done()) {
      size_t count = receive(buffer, sizeof buffer);
      all.append(buffer, count);
      reader.feed({buffer, count});
    }
    return all;
  }

 private:
  int fd_ = -1;
  SSL* ssl_ = nullptr;
};

struct Load {
  int connections = 1;
  double seconds = 0;
  long limit = 0;
  std::function<std::string(long)> make;
};

struct Slot {
  std::unique_ptr<Connection> connection;
  ResponseReader reader;
  Clock::time_point sent;
  bool busy = false;
};

// Every connection sends its next request when the last was answered.
class Runner {
 public:
  Runner(const Target& target, Load load) : load_(std::move(load)), slots_(static_cast<size_t>(load_.connections)) {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < slots_.size(); ++i) {
      slots_[i].connection = std::make_unique<Connection>(target);
      slots_[i].connection->set_nonblocking();
      epoll_event event{EPOLLIN, {.u64 = i}};
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, slots_[i].connection->fd(), &event);
    }
  }

  void run() {
    begun_ = Clock::now();
    for (auto& slot : slots_) next(slot);
    epoll_event events[64];
    while (busy_ > 0) {
      int count = ::epoll_wait(epoll_, events, 64, 30000);
      if (count == 0) die("no answer within 30 seconds");
      for (int i = 0; i < count; ++i) drain(slots_[events[i].data.u64]);
    }
    report(seconds_since(begun_));
  }

 private:
  void next(Slot& slot) {
    bool over = (load_.limit && sent_ >= load_.limit) || (load_.seconds > 0 && seconds_since(begun_) >= load_.seconds);
    if (over) return;
    slot.sent = Clock::now();
    slot.connection->send(load_.make(sent_++));
    slot.busy = true;
    ++busy_;
  }
  void drain(Slot& slot) {
    while (size_t count = slot.connection->receive(buffer_, sizeof buffer_)) {
      bytes_ += count;
      slot.reader.feed({buffer_, count});
      if (slot.reader.done()) answered(slot);
    }
  }
  void answered(Slot& slot) {
    if (slot.reader.status() / 100 != 2 && ++errors_ < 4) std::fprintf(stderr, "load: status %d\n", slot.reader.status());
    times_.push_back(std::chrono::duration<double, std::milli>(Clock::now() - slot.sent).count());
    slot.reader.reset();
    slot.busy = false;
    --busy_;
    next(slot);
  }
  void report(double seconds) {
    std::sort(times_.begin(), times_.end());
    if (times_.empty()) die("no request was made");
    auto count = static_cast<double>(times_.size());
    std::printf(R"({"count":%zu,"errors":%ld,"seconds":%.4f,"rate":%.1f,"bytes":%zu,"median_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f})"
                "\n",
                times_.size(), errors_, seconds, count / seconds, bytes_, times_[times_.size() / 2], times_[times_.size() * 99 / 100], times_.back());
  }

  Load load_;
  std::vector<Slot> slots_;
  int epoll_ = -1, busy_ = 0;
  long sent_ = 0, errors_ = 0;
  size_t bytes_ = 0;
  std::vector<double> times_;
  Clock::time_point begun_;
  char buffer_[65536];
};

std::string pod_json(const std::string& name, const std::string& scheduler) {
  return R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + name + R"(","labels":{"app":"bench","tier":"web"}},"spec":{"schedulerName":")" +
         scheduler +
         R"(","automountServiceAccountToken":false,"tolerations":[{"key":"node.kubernetes.io/not-ready","operator":"Exists"}],)"
         R"("containers":[{"name":"c","image":"registry.local/app:v1","ports":[{"containerPort":80}],"resources":{"requests":{"cpu":"10m","memory":"16Mi"}}}]}})";
}

std::string node_json(long i) {
  std::string name = "pretended-" + std::to_string(i), amounts = R"({"cpu":"8","memory":"32Gi","pods":"110"})";
  return R"({"apiVersion":"v1","kind":"Node","metadata":{"name":")" + name + R"(","labels":{"kubernetes.io/hostname":")" + name +
         R"(","topology.kubernetes.io/zone":"z)" + std::to_string(i % 3) + R"("}},"status":{"capacity":)" + amounts + R"(,"allocatable":)" + amounts +
         R"(,"conditions":[{"type":"Ready","status":"True"}]}})";
}

std::string service_request(const Target& target, long i) {
  std::string name = "bench-" + std::to_string(i / 2);
  if (i % 2 == 0) {
    return target.request("POST", "/api/v1/namespaces/default/services",
                          R"({"apiVersion":"v1","kind":"Service","metadata":{"name":")" + name + R"("},"spec":{"ports":[{"port":80,"targetPort":8080}]}})");
  }
  std::string endpoints;
  for (int e = 0; e < 5; ++e) {
    long n = i / 2 * 5 + e;
    endpoints += (e ? "," : "") + std::string(R"({"addresses":["100.)") + std::to_string(64 + n / 65536) + "." + std::to_string(n / 256 % 256) + "." +
                 std::to_string(n % 256) + R"("],"conditions":{"ready":true}})";
  }
  return target.request("POST", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
                        R"({"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","metadata":{"name":")" + name +
                            R"(","labels":{"kubernetes.io/service-name":")" + name +
                            R"("}},"addressType":"IPv4","ports":[{"port":8080,"protocol":"TCP"}],"endpoints":[)" + endpoints + "]}");
}

// Many watches of one object, and the events they saw.
class Watchers {
 public:
  Watchers(const Target& target, size_t count, const std::string& path, std::string mark) : mark_(std::move(mark)) {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    matched_.resize(count);
    for (size_t i = 0; i < count; ++i) {
      connections_.push_back(std::make_unique<Connection>(target));
      connections_.back()->send(target.request("GET", path));
      connections_.back()->set_nonblocking();
      epoll_event event{EPOLLIN, {.u64 = i}};
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, connections_.back()->fd(), &event);
    }
  }
  long seen() const { return seen_; }
  // Reads until `wanted` events were seen in all, at most so long.
  void pump(long wanted, double seconds) {
    auto begun = Clock::now();
    epoll_event events[256];
    while (seen_ < wanted && seconds_since(begun) < seconds) {
      int count = ::epoll_wait(epoll_, events, 256, 10);
      for (int i = 0; i < count; ++i) drain(events[i].data.u64);
    }
  }

 private:
  void drain(size_t i) {
    while (size_t count = connections_[i]->receive(buffer_, sizeof buffer_)) {
      for (size_t at = 0; at < count; ++at) {
        size_t& matched = matched_[i];
        matched = buffer_[at] == mark_[matched] ? matched + 1 : buffer_[at] == mark_[0] ? 1 : 0;
        if (matched < mark_.size()) continue;
        matched = 0;
        ++seen_;
      }
    }
  }
  std::string mark_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<size_t> matched_;
  long seen_ = 0;
  int epoll_ = -1;
  char buffer_[65536];
};

void watch(const Target& target, long watchers, int updates, int burst) {
  const std::string path = "/api/v1/namespaces/default/configmaps";
  Connection writer(target);
  writer.call(target.request("POST", path, R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"watched"},"data":{"n":"start"}})"));
  std::string got = writer.call(target.request("GET", path + "/watched"));
  auto at = got.find_first_of("0123456789", got.find("\"resourceVersion\"") + 17);
  std::string revision = got.substr(at, got.find('"', at) - at);
  Watchers all(target, static_cast<size_t>(watchers), path + "?watch=1&fieldSelector=metadata.name%3Dwatched&resourceVersion=" + revision, "\"MODIFIED\"");
  all.pump(1, 1);
  std::printf("{\"open\":%ld}\n", watchers);
  std::fflush(stdout);
  char line[16];
  if (!std::fgets(line, sizeof line, stdin)) return;
  auto update = [&](int n) {
    auto answer = writer.call(target.request("PATCH", path + "/watched", "{\"data\":{\"n\":\"" + std::to_string(n) + "\"}}", "application/merge-patch+json"));
    if (answer.find(" 200 ") > 12) die("an update failed: " + answer.substr(0, 200));
  };
  std::vector<double> times;
  for (int i = 0; i < updates; ++i) {
    auto begun = Clock::now();
    update(i);
    all.pump(watchers * (i + 1), 20);
    if (all.seen() < watchers * (i + 1)) die("events were lost");
    times.push_back(seconds_since(begun) * 1000);
  }
  std::sort(times.begin(), times.end());
  long before = all.seen();
  auto begun = Clock::now();
  for (int i = 0; i < burst; ++i) update(1000 + i);
  all.pump(before + watchers * burst, 60);
  std::printf(R"({"median_ms":%.3f,"max_ms":%.3f,"burst_rate":%.0f})"
              "\n",
              times[times.size() / 2], times.back(), static_cast<double>(all.seen() - before) / seconds_since(begun));
}

void bound(const Target& target, long count, const std::string& revision) {
  Watchers pods(target, 1, "/api/v1/pods?watch=1&fieldSelector=spec.nodeName%21%3D&resourceVersion=" + revision, "\"type\":\"ADDED\"");
  pods.pump(1, 300);
  auto begun = Clock::now();
  long first = pods.seen();
  pods.pump(count, 300);
  if (pods.seen() < count) die("only " + std::to_string(pods.seen()) + " pods were bound");
  double seconds = seconds_since(begun);
  std::printf(R"({"count":%ld,"seconds":%.4f,"rate":%.1f})"
              "\n",
              count, seconds, static_cast<double>(count - first) / seconds);
}

}  // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  if (argc < 6) die("usage: load get|pods|nodes|services|watch|bound PORT TOKEN …, see the head of bench/load.cc");
  std::string mode = argv[1];
  Target target{std::atoi(argv[2]), argv[3], SSL_CTX_new(TLS_client_method())};
  auto word = [&](int i) { return std::string(i < argc ? argv[i] : ""); };
  if (mode == "watch") return watch(target, std::atol(argv[4]), std::atoi(argv[5]), std::atoi(word(6).c_str())), 0;
  if (mode == "bound") return bound(target, std::atol(argv[4]), argv[5]), 0;
  Load load{std::atoi(argv[4]), std::atof(argv[5]), std::atol(word(6).c_str()), {}};
  std::string fixed = mode == "get" ? target.request("GET", word(7)) : "";
  if (mode == "get") load.make = [&](long) { return fixed; };
  if (mode == "nodes") load.make = [&](long i) { return target.request("POST", "/api/v1/nodes", node_json(i)); };
  if (mode == "services") load.make = [&](long i) { return service_request(target, i); };
  if (mode == "pods")
    load.make = [&](long i) { return target.request("POST", "/api/v1/namespaces/default/pods", pod_json(word(7) + "-" + std::to_string(i), word(8))); };
  if (!load.make) die("unknown mode " + mode);
  Runner(target, std::move(load)).run();
}
