#include "dns/helper.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "base/files.h"
#include "base/log.h"
#include "base/process.h"
#include "dns/loopback_ports.h"
#include "dns/mapped_file.h"
#include "dns/name_server.h"
#include "dns/sandbox_sockets.h"
#include "dns/upstreams.h"
#include "linux/file_limit.h"
#include "linux/route_socket.h"
#include "network/helper_process.h"
#include "network/names.h"
#include "network/port_file.h"

namespace reigen::dns {
namespace {

// Raised with every change of the helper or of the files between it and the server: an older helper is then replaced.
constexpr int kVersion = 3;
constexpr size_t kMaxPortFile = 8 << 20;
constexpr auto kStartLimit = std::chrono::seconds(3);

class Helper {
 public:
  Helper(EventLoop& loop, std::string run_directory, const IpAddress& listen)
      : loop_(loop),
        run_directory_(std::move(run_directory)),
        ports_(loop),
        sandboxes_(
            loop, {.run_directory = run_directory_, .upstreams = [listen] { return host_nameservers("", {listen}); }, .read_ports = [this] { read_ports(); }}) {
  }

  Status start(const std::string& instance, const IpAddress& listen, uint16_t port) {
    TRY(take_address(instance, listen));
    NameServerOptions options;
    options.listen = {listen};
    options.port = port;
    options.upstreams = [listen] { return host_nameservers("", {listen}); };
    TRY_ASSIGN(server_, NameServer::open(loop_, std::move(options)));
    TRY(watch_files());
    TRY(watch_signals());
    TRY(sandboxes_.listen_for_sync());
    read_records();
    read_ports();
    sandboxes_.read_names();
    return {};
  }

  // A millisecond each: after others know that this helper lives.
  void open_sandboxes() { sandboxes_.read_sandboxes(); }

 private:
  // With a label, so that it can be found and removed by the instance's name.
  static Status take_address(const std::string& instance, const IpAddress& address) {
    if (address.is_loopback()) return {};
    TRY_ASSIGN(auto route, linux::RouteSocket::open());
    TRY_ASSIGN(linux::Link lo, route.link("lo"));
    linux::Address entry{lo.index, address, static_cast<int>(address.size() * 8), address.is_v4() ? network::address_label(instance) : ""};
    auto added = route.add_address(entry);
    if (!added && added.error().code() != Code::kAlreadyExists) return added;
    return {};
  }

  Status watch_files() {
    inotify_ = Fd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!inotify_ || inotify_add_watch(inotify_.get(), run_directory_.c_str(), IN_MOVED_TO | IN_CLOSE_WRITE) < 0) return fail_errno("watch " + run_directory_);
    return loop_.add(inotify_.get(), EPOLLIN, [this](uint32_t) { on_files(); });
  }

  void on_files() {
    alignas(inotify_event) char buffer[4096];
    bool records = false, ports = false, names = false, sandboxes = false;
    for (ssize_t length; (length = read(inotify_.get(), buffer, sizeof buffer)) > 0;) {
      for (char* at = buffer; at < buffer + length;) {
        auto* event = reinterpret_cast<inotify_event*>(at);
        std::string_view name = event->len > 0 ? event->name : "";
        bool any = event->mask & IN_Q_OVERFLOW;
        records |= any || name == "dns-records";
        ports |= any || name == "hostports";
        names |= any || name == "docker-names";
        sandboxes |= any || name == "docker-sandboxes";
        at += sizeof(inotify_event) + event->len;
      }
    }
    if (records) read_records();
    if (ports) read_ports();
    if (names) sandboxes_.read_names();
    if (sandboxes) sandboxes_.read_sandboxes();
  }

  void read_records() {
    MappedFile fresh(records_path(run_directory_));
    server_->set_records(RecordTable(fresh.text()));
    records_ = std::move(fresh);
  }

  void read_ports() {
    auto text = read_file(network::port_file_path(run_directory_), kMaxPortFile);
    ports_.set(network::parse_ports(text ? *text : ""));
  }

  Status watch_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (int signal : {SIGTERM, SIGINT}) sigaddset(&signals, signal);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    signal(SIGHUP, SIG_IGN);
    signals_ = Fd(signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
    if (!signals_) return fail_errno("signalfd");
    return loop_.add(signals_.get(), EPOLLIN, [this](uint32_t) { loop_.stop(); });
  }

  EventLoop& loop_;
  std::string run_directory_;
  Fd inotify_, signals_;
  MappedFile records_;
  std::unique_ptr<NameServer> server_;
  LoopbackPorts ports_;
  SandboxSockets sandboxes_;
};

Status serve(const std::string& instance, const std::string& run_directory, const IpAddress& listen, uint16_t port) {
  TRY_ASSIGN(auto loop, EventLoop::make());
  Helper helper(*loop, run_directory, listen);
  TRY(helper.start(instance, listen, port));
  TRY_ASSIGN(uint64_t start_time, process_start_time(getpid()));
  TRY(network::write_helper_record(run_directory, {getpid(), start_time, kVersion}));
  loop->run();
  return {};
}

bool is_ready(const std::string& run_directory) {
  auto helper = network::living_helper(run_directory);
  return helper && helper->version == kVersion;
}

std::string last_line(const std::string& path) {
  auto text = read_file(path, 1 << 20);
  if (!text || text->empty()) return "it says nothing";
  while (!text->empty() && text->back() == '\n') text->pop_back();
  return text->substr(text->rfind('\n') + 1);
}

}  // namespace

std::string records_path(const std::string& run_directory) { return run_directory + "/dns-records"; }

int run_dns_helper(int argc, char** argv) {
  linux::raise_file_limit();
  auto listen = argc >= 3 ? IpAddress::parse(argv[2]) : std::nullopt;
  if (!listen) {
    write_log(LogLevel::kError, "dns", "use: dns-helper <instance> <run directory> <address> [port]");
    return 2;
  }
  int port = argc >= 4 ? std::atoi(argv[3]) : 53;
  Status done = serve(argv[0], argv[1], *listen, static_cast<uint16_t>(port));
  if (done) return 0;
  LOG(kError, "dns", "{}", done.error().message());
  return 1;
}

Status ensure_helper(const HelperOptions& options) {
  if (is_ready(options.run_directory)) return {};
  TRY(make_directories(options.run_directory, 0755));
  TRY(network::stop_helper(options.run_directory));
  std::string log_path = options.run_directory + "/helper.log";
  Command command;
  command.argv = {options.program.empty() ? "/proc/self/exe" : options.program,
                  "dns-helper",
                  options.instance,
                  options.run_directory,
                  options.listen.str(),
                  std::to_string(options.port)};
  command.directory = "/";
  command.new_session = true;
  Fd log(open(log_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600));
  Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  Fd null_out(open("/dev/null", O_RDWR | O_CLOEXEC));
  TRY_ASSIGN(Child child, Child::start(command, std::move(null), std::move(null_out), std::move(log)));
  TimePoint limit = system_clock().now() + kStartLimit;
  while (!is_ready(options.run_directory)) {
    bool ended = !process_start_time(child.pid());
    siginfo_t info{};
    if (!ended) ended = waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
    if (ended || system_clock().now() > limit) return fail(Code::kUnavailable, "the name server does not start: " + last_line(log_path));
    usleep(2000);
  }
  child.detach();
  return {};
}

}  // namespace reigen::dns
