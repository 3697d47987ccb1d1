// A server with a trivial handler, for load programs from outside (wrk, h2load), and two measurements of its own:
//
//   http_server_bench serve PORT [plain] [threads]   serves until it is killed
//   http_server_bench idle N                         memory per idle TLS connection
//   http_server_bench watch N EVENTS                 one shared event to N streams at a time, plain HTTP
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <mutex>
#include <thread>
#include <vector>

#include "http/certificate.h"
#include "http/client.h"
#include "http/server.h"
#include "http/tls.h"

using namespace reigen;
using namespace reigen::http;

namespace {

struct Pki {
  KeyPair ca, server;
};

Pki make_pki() {
  auto now = system_clock().wall();
  Pki out;
  out.ca = make_ca("bench", now - std::chrono::hours(1), now + std::chrono::hours(24)).value();
  out.server = issue(out.ca, {.common_name = "bench",
                              .dns_names = {"localhost"},
                              .ip_addresses = {"127.0.0.1"},
                              .server = true,
                              .not_before = now - std::chrono::hours(1),
                              .not_after = now + std::chrono::hours(24)})
                   .value();
  return out;
}

double resident_kb() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("VmRSS:")) return std::stod(line.substr(6));
  }
  return 0;
}

const auto kBody = std::make_shared<const std::string>("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Success\"}");

void answer(std::shared_ptr<Request>, std::shared_ptr<Responder> responder) { responder->send(200, {{"Content-Type", "application/json"}}, kBody); }

int serve(uint16_t port, bool plain, unsigned threads) {
  auto tls = plain ? nullptr : ServerTls::create({.identity = make_pki().server}).value();
  Server server({.threads = threads}, answer);
  auto bound = server.listen_tcp("127.0.0.1", port, tls);
  if (!bound) {
    fprintf(stderr, "%s\n", bound.error().message().c_str());
    return 1;
  }
  for (;;) ::pause();
}

int idle(int n) {
  Pki pki = make_pki();
  Server server({}, answer);
  uint16_t port = server.listen_tcp("127.0.0.1", 0, ServerTls::create({.identity = pki.server}).value()).value();
  // The clients live in a process of their own, so that only the server's side is counted.
  double before = resident_kb();
  pid_t child = ::fork();
  if (child == 0) {
    ::execlp("python3", "python3", "-c",
             ("import ssl,socket,time\nc=ssl.create_default_context();c.check_hostname=False;c.verify_mode=ssl.CERT_NONE\nl=[]\n"
              "for i in range(" +
              std::to_string(n) + "):\n s=c.wrap_socket(socket.create_connection(('127.0.0.1'," + std::to_string(port) +
              ")))\n"
              " s.send(b'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n');s.recv(4096);l.append(s)\ntime.sleep(4)\n")
                 .c_str(),
             nullptr);
    _exit(127);
  }
  while (server.connections() < static_cast<size_t>(n)) ::usleep(10'000);
  ::usleep(1'000'000);
  double after = resident_kb();
  printf("%d idle TLS connections: %.1f KB each\n", n, (after - before) / n);
  return 0;
}

int watch(int n, int events) {
  std::mutex mutex;
  std::vector<std::shared_ptr<Responder>> watchers;
  Server server({.threads = 2}, [&](std::shared_ptr<Request>, std::shared_ptr<Responder> responder) {
    responder->start(200, {});
    std::lock_guard lock(mutex);
    watchers.push_back(std::move(responder));
  });
  uint16_t port = server.listen_tcp("127.0.0.1", 0).value();
  pid_t child = ::fork();
  if (child == 0) {
    ::execlp("python3", "python3", "-c",
             ("import socket,select\np=select.epoll();l={}\n"
              "for i in range(" +
              std::to_string(n) + "):\n s=socket.create_connection(('127.0.0.1'," + std::to_string(port) +
              "));"
              "s.send(b'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n');l[s.fileno()]=s;p.register(s,1)\n"
              "while l:\n for f,e in p.poll():\n  if not l[f].recv(1<<20): p.unregister(f);del l[f]\n")
                 .c_str(),
             nullptr);
    _exit(127);
  }
  for (;;) {
    ::usleep(10'000);
    std::lock_guard lock(mutex);
    if (watchers.size() == static_cast<size_t>(n)) break;
  }
  auto chunk = std::make_shared<const std::string>(800, 'e');
  auto begin = system_clock().now();
  for (int event = 0; event < events; ++event) {
    for (auto& watcher : watchers) watcher->write(chunk);
  }
  auto given = system_clock().now();
  for (auto& watcher : watchers) {
    while (watcher->buffered() > 0) ::usleep(1000);
  }
  auto end = system_clock().now();
  double total = static_cast<double>(n) * events;
  printf("%d watchers, %d events: %.0f deliveries/s (given in %.0f ms, written in %.0f ms)\n", n, events,
         total / std::chrono::duration<double>(end - begin).count(), std::chrono::duration<double, std::milli>(given - begin).count(),
         std::chrono::duration<double, std::milli>(end - begin).count());
  watchers.clear();
  server.stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "serve" && argc > 2) return serve(static_cast<uint16_t>(atoi(argv[2])), argc > 3 && !strcmp(argv[3], "plain"), argc > 4 ? atoi(argv[4]) : 2);
  if (mode == "idle") return idle(argc > 2 ? atoi(argv[2]) : 1000);
  if (mode == "watch") return watch(argc > 2 ? atoi(argv[2]) : 1000, argc > 3 ? atoi(argv[3]) : 100);
  fprintf(stderr, "usage: http_server_bench serve PORT [plain|tls] [threads] | idle N | watch N EVENTS\n");
  return 2;
}
