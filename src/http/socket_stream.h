// SocketStream: a connected socket as a ByteStream. Internal to http.
#pragma once

#include <memory>
#include <string>

#include "base/byte_stream.h"
#include "http/io_loop.h"
#include "http/socket.h"

namespace reigen::http {

class SocketStream final : public ByteStream, public IoLoop::Watched, public std::enable_shared_from_this<SocketStream> {
 public:
  // Takes over a socket. `out` is written first, `unread` is read first. Any thread.
  static std::shared_ptr<SocketStream> adopt(std::shared_ptr<IoLoop> loop, Socket socket, OutQueue out = {}, std::string unread = {});
  ~SocketStream() override;

  void read(size_t max, ReadDone done) override;
  void write(std::string data, WriteDone done) override;
  void close_write() override;
  void close() override;
  void on_events(uint32_t events) override;

 private:
  SocketStream(std::shared_ptr<IoLoop> loop, Socket socket, OutQueue out, std::string unread);
  void begin();
  void try_read();
  void try_flush();
  void finish_read(Result<std::string> result);
  void update_interest();
  void do_close(const Error& error);

  std::shared_ptr<IoLoop> loop_;
  // Loop thread from here on.
  Socket socket_;
  OutQueue out_;
  std::string unread_;
  IoLoop::Entry* entry_ = nullptr;
  std::shared_ptr<SocketStream> self_;  // while the loop watches the socket
  ReadDone reading_;
  size_t read_max_ = 0;
  WriteDone writing_;
  bool eof_ = false;
  bool write_closed_ = false;
  bool hung_up_ = false;
  bool closed_ = false;
};

}  // namespace reigen::http
