// HelperFile: a file that the helper reads, kept at what others say it should hold.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/executor.h"

namespace reigen::dns {

// Written within 10 ms of a change, all that came in that time together; changes all the time cost a fifth of a core at most. A failed write is logged and
// tried again after a second. `build` runs on a strand of its own, or under write_now(), never twice at a time; it outlives stop(), as the executor does.
class HelperFile {
 public:
  HelperFile(Executor& executor, std::string path, std::function<std::string()> build);
  ~HelperFile();

  void changed();      // any thread
  void write_soon();   // as changed(), without the 10 ms: what is known is all there is
  void write_now();    // any thread; blocks for the file. When it fails it is tried again as any other
  void stop();         // waits for a write that goes on
  bool ready() const;  // written once

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace reigen::dns
