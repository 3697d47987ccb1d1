// exec and attach.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/descriptors.h"
#include "base/files.h"
#include "base/guarded.h"
#include "base/log.h"
#include "linux/mount.h"
#include "linux/pidfd.h"
#include "runtime/conmon_attach.h"
#include "runtime/crun_state.h"
#include "runtime/image_user.h"
#include "runtime/json_text.h"
#include "runtime/oci_config.h"
#include "runtime/record.h"

namespace reigen::runtime {
namespace {

struct ExecFiles {
  std::string pid_file, console_socket, process_file;
};

// crun's own process may be killed at any time; the program it started is ended through its own pid.
void kill_exec(const ExecFiles& files, Child& child) {
  int pid = std::atoi(read_file(files.pid_file, 64).value_or("0").c_str());
  if (pid > 1) ::kill(pid, SIGKILL);
  child.kill(SIGKILL);
}

void remove_files(const ExecFiles& files) {
  ::unlink(files.pid_file.c_str());
  ::unlink(files.process_file.c_str());
  if (!files.console_socket.empty()) ::unlink(files.console_socket.c_str());
}

class ExecSession final : public Session {
 public:
  ExecSession(Poller& poller, Child child, ExecFiles files) : poller_(poller), shared_(std::make_shared<Shared>()) {
    shared_->child = std::move(child);
    shared_->files = std::move(files);
  }
  ~ExecSession() override {
    if (watch_) poller_.remove(watch_);
    if (terminal_) ::close(terminal_.release());
    if (!shared_->ended) kill_exec(shared_->files, shared_->child);
    remove_files(shared_->files);
  }

  Status watch_end() {
    auto handle = poller_.on_exit(shared_->child.pidfd(), [shared = shared_] {
      auto code = shared->child.wait();  // it has ended: does not block
      shared->ended = true;
      std::move_only_function<void(Result<int>)> done;
      {
        auto state = shared->waiting.lock();
        state->result = code;
        done = std::move(state->done);
      }
      if (done) done(std::move(code));
    });
    if (!handle) return fail(handle.error());
    watch_ = *handle;
    return {};
  }

  std::shared_ptr<ByteStream> input() override { return input_; }
  std::shared_ptr<ByteStream> output() override { return output_; }
  std::shared_ptr<ByteStream> errors() override { return errors_; }
  void resize(int width, int height) override {
    if (!terminal_) return;
    winsize size{static_cast<unsigned short>(height), static_cast<unsigned short>(width), 0, 0};
    ::ioctl(terminal_.get(), TIOCSWINSZ, &size);
  }
  void wait(std::move_only_function<void(Result<int>)> done) override {
    Result<int> result = 0;
    {
      auto state = shared_->waiting.lock();
      if (!state->result) {
        state->done = std::move(done);
        return;
      }
      result = *state->result;
    }
    done(std::move(result));
  }

  int pid() const override { return std::atoi(read_file(shared_->files.pid_file, 64).value_or("0").c_str()); }

  std::shared_ptr<ByteStream> input_, output_, errors_;
  Fd terminal_;

 private:
  struct Waiting {
    std::optional<Result<int>> result;
    std::move_only_function<void(Result<int>)> done;
  };
  struct Shared {
    Child child;
    ExecFiles files;
    std::atomic<bool> ended = false;
    Guarded<Waiting> waiting;
  };
  Poller& poller_;
  std::shared_ptr<Shared> shared_;
  Poller::Handle watch_ = 0;
};

Result<Fd> listen_console(const std::string& path) {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return fail(Code::kInvalidArgument, "socket path too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return fail_errno("bind " + path);
  if (::listen(fd.get(), 1) != 0) return fail_errno("listen on " + path);
  return fd;
}

// Waits until crun has connected and sent the terminal, or has ended.
Result<Fd> receive_terminal(int listener, int process) {
  pollfd fds[2] = {{listener, POLLIN, 0}, {process, POLLIN, 0}};
  if (::poll(fds, 2, 20'000) <= 0) return fail(Code::kDeadlineExceeded, "crun sent no terminal in time");
  if (!(fds[0].revents & POLLIN)) return fail(Code::kInternal, "crun ended before it made a terminal");
  Fd connection(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection) return fail_errno("accept");
  pollfd data{connection.get(), POLLIN, 0};
  if (::poll(&data, 1, 10'000) <= 0) return fail(Code::kInternal, "crun sent no terminal");
  auto terminal = receive_descriptor(connection.get());
  if (!terminal) return fail(std::move(terminal).error().context("crun sent no terminal"));
  termios settings{};
  if (::tcgetattr(terminal->get(), &settings) == 0) {
    settings.c_oflag |= ONLCR;
    ::tcsetattr(terminal->get(), TCSANOW, &settings);
  }
  return terminal;
}

// Sets a variable, or adds it when it is not there yet; a name alone takes it away.
void set_variable(std::vector<std::string>& env, const std::string& entry) {
  if (entry.find('=') == std::string::npos) {
    std::erase_if(env, [&](const auto& other) { return other.starts_with(entry + "="); });
    return;
  }
  std::string_view name = std::string_view(entry).substr(0, entry.find('=') + 1);
  auto found = std::find_if(env.begin(), env.end(), [&](const auto& other) { return other.starts_with(name); });
  if (found == env.end()) env.push_back(entry);
  else *found = entry;
}

// The whole process is given as a file: what crun's flags leave out would be root's (user, groups, limits, noNewPrivileges).
Status write_process_file(const CrunRuntime::Container& container, const ExecSpec& spec, const ExecFiles& files, const std::string& bundle,
                          const std::string& root) {
  TRY_ASSIGN(Record process, Record::load(bundle + "/process"));
  std::string user = process.get("user"), rights = process.get(spec.privileged ? "privileged_rights" : "rights");
  if (spec.user) {
    TRY_ASSIGN(auto resolved, resolve_user_in(*spec.user, root));
    user = oci_user(resolved);
  }
  auto env = process.all("env");
  if (spec.tty && !container.tty) set_variable(env, "TERM=xterm");
  for (const auto& entry : spec.env) set_variable(env, entry);
  std::string cwd = spec.cwd.empty() ? container.cwd : spec.cwd;
  JsonText json;
  json.begin_object().boolean("terminal", spec.tty);
  if (spec.tty) write_console_size(json, spec.console_width, spec.console_height);
  json.raw("user", user).texts("args", spec.argv).texts("env", env).text("cwd", cwd.empty() ? "/" : cwd);
  return write_unsynced(files.process_file, json.take() + "," + rights.substr(1));
}

std::vector<std::string> exec_arguments(const CrunRuntime::Container& container, const ExecSpec& spec, const ExecFiles& files) {
  std::vector<std::string> out = {"exec", "--pid-file=" + files.pid_file, "--process=" + files.process_file};
  if (spec.tty) {
    out.push_back("--tty");
    out.push_back("--console-socket=" + files.console_socket);
  }
  out.push_back(container.status.id);
  return out;
}

}  // namespace

Result<std::unique_ptr<Session>> CrunRuntime::exec(const std::string& id, const ExecSpec& spec) {
  TRY_ASSIGN(auto container, state_->find_container(id));
  if (spec.argv.empty()) return fail(Code::kInvalidArgument, "no command specified");
  {
    std::lock_guard lock(state_->mutex);
    if (container->status.state != ContainerState::kRunning) return fail(Code::kUnavailable, "container " + id + " is not running");
  }
  std::string number = std::to_string(state_->next_exec++);
  std::string base = state_->bundle(id) + "/exec-" + number;
  ExecFiles files{base + ".pid", spec.tty ? state_->options.run_dir + "/a/x" + number : "", base + ".json"};
  if (spec.tty) ::unlink(files.console_socket.c_str());
  TRY(write_process_file(*container, spec, files, state_->bundle(id), state_->root_of(*container)));
  auto arguments = exec_arguments(*container, spec, files);
  Command command;
  command.argv = state_->crun_argv(std::move(arguments));
  Pipe in, out, err;
  Fd listener;
  if (spec.tty) {
    TRY_ASSIGN(listener, listen_console(files.console_socket));
  }
  if (spec.in && !spec.tty) {
    TRY_ASSIGN(in, open_pipe());
  }
  if (spec.out && !spec.tty) {
    TRY_ASSIGN(out, open_pipe());
  }
  if (spec.err || spec.tty) {
    TRY_ASSIGN(err, open_pipe());
  }
  TRY_ASSIGN(Child child, Child::start(command, std::move(in.read), std::move(out.write), std::move(err.write)));
  int process = child.pidfd();
  auto session = std::make_unique<ExecSession>(state_->poller, std::move(child), files);
  if (spec.tty) {
    auto terminal = receive_terminal(listener.get(), process);
    if (!terminal) {
      char text[1024];
      ssize_t count = ::read(err.read.get(), text, sizeof text);
      return fail(Code::kInvalidArgument, count > 0 ? std::string(text, static_cast<size_t>(count)) : terminal.error().message());
    }
    session->terminal_ = Fd(::fcntl(terminal->get(), F_DUPFD_CLOEXEC, 0));
    if (spec.console_width > 0 || spec.console_height > 0) session->resize(spec.console_width, spec.console_height);  // not every crun does it
    auto both = make_fd_stream(state_->poller, std::move(*terminal), Fd());
    session->output_ = both;
    if (spec.in) session->input_ = both;
  } else {
    if (spec.in) session->input_ = make_fd_stream(state_->poller, Fd(), std::move(in.write));
    if (spec.out) session->output_ = make_fd_stream(state_->poller, std::move(out.read), Fd());
    if (spec.err) session->errors_ = make_fd_stream(state_->poller, std::move(err.read), Fd());
  }
  TRY(session->watch_end());
  return std::unique_ptr<Session>(std::move(session));
}

Result<ExecResult> CrunRuntime::exec_sync(const std::string& id, const ExecSpec& spec, Duration timeout, size_t output_limit) {
  TRY_ASSIGN(auto container, state_->find_container(id));
  if (spec.argv.empty()) return fail(Code::kInvalidArgument, "no command specified");
  {
    std::lock_guard lock(state_->mutex);
    if (container->status.state != ContainerState::kRunning) return fail(Code::kUnavailable, "container " + id + " is not running");
  }
  std::string base = state_->bundle(id) + "/exec-" + std::to_string(state_->next_exec++);
  ExecFiles files{base + ".pid", "", base + ".json"};
  TRY(write_process_file(*container, spec, files, state_->bundle(id), state_->root_of(*container)));
  auto arguments = exec_arguments(*container, spec, files);
  Command command;
  command.argv = state_->crun_argv(std::move(arguments));
  command.timeout = timeout;
  command.output_limit = output_limit;
  auto output = run_command(command);
  if (!output) {
    int pid = std::atoi(read_file(files.pid_file, 64).value_or("0").c_str());
    if (output.error().code() == Code::kDeadlineExceeded && pid > 1) ::kill(pid, SIGKILL);
    remove_files(files);
    return fail(output.error());
  }
  remove_files(files);
  return ExecResult{output->exit_code, std::move(output->out), std::move(output->err)};
}

Result<std::unique_ptr<Session>> CrunRuntime::attach(const std::string& id, bool in) {
  TRY_ASSIGN(auto container, state_->find_container(id));
  {
    std::lock_guard lock(state_->mutex);
    if (container->status.state != ContainerState::kRunning) return fail(Code::kUnavailable, "container " + id + " is not running");
  }
  auto input = AttachInput::kNone;
  if (in && (container->stdin_open || container->tty)) input = container->stdin_once && !container->tty ? AttachInput::kEndsIt : AttachInput::kLeavesOpen;
  return attach_to_conmon(state_->poller, state_->bundle(id), container->tty, input);
}

Status CrunRuntime::resize(const std::string& id, int width, int height) {
  TRY_ASSIGN(auto container, state_->find_container(id));
  if (container->tty) resize_by_conmon(state_->bundle(id) + "/ctl", width, height);
  return {};
}

}  // namespace reigen::runtime
