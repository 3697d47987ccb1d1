// The user's terminal, and the two-way stream of an attached container or exec.
#pragma once

#include <termios.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/byte_stream.h"
#include "base/executor.h"
#include "base/fd.h"
#include "base/result.h"

namespace reigen::compose {

bool is_terminal(int fd);
std::pair<int, int> terminal_size();  // width, height; 0, 0 when there is none

// Raw mode of standard input for as long as it lives.
class RawTerminal {
 public:
  RawTerminal();
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  std::optional<termios> before_;
};

struct AttachOptions {
  bool tty = false;                                   // raw bytes, else Docker's frames
  bool input = false;                                 // standard input goes to the stream; its end is half-closed
  std::function<void(int width, int height)> resize;  // with a tty: at first and whenever the window changes
};

// Blocks until the stream's output has ended.
Status attach_terminal(std::shared_ptr<ByteStream> stream, const AttachOptions& options);

// Signals that end a program, as a descriptor: block_end_signals() before any thread is made, then poll.
Fd block_end_signals();
// Waits up to `limit` (negative: for ever) for one; its number, 0 for none.
int wait_signal(const Fd& signals, Duration limit);

}  // namespace reigen::compose
