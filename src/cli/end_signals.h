// SIGTERM and SIGINT, for a command that runs until one of them comes.
#pragma once

#include <csignal>

namespace reigen::cli {

class EndSignals {
 public:
  // Blocks them in this thread and in all it starts later, so that wait() gets them. SIGPIPE is ignored from then on.
  EndSignals() {
    ::sigemptyset(&set_);
    ::sigaddset(&set_, SIGTERM);
    ::sigaddset(&set_, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
  }
  void wait() const {
    int signal = 0;
    ::sigwait(&set_, &signal);
  }

 private:
  sigset_t set_;
};

}  // namespace reigen::cli
