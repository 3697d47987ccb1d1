// The to-do app's web frontend: reads from the Redis replicas, writes to the master.
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "page.h"
#include "redis_client.h"

namespace asio = boost::asio;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

namespace {

std::string environment(const char* name, std::string fallback) {
  const char* value = std::getenv(name);
  return value && *value ? value : fallback;
}

std::string percent_decode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    if (text[i] == '%' && i + 2 < text.size() && std::sscanf(std::string(text.substr(i + 1, 2)).c_str(), "%2x", &code) == 1) {
      out += static_cast<char>(code);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// "/insert/key/a%2Fb" -> {"insert", "key", "a/b"}
std::vector<std::string> path_parts(std::string_view target) {
  target = target.substr(0, target.find('?'));
  std::vector<std::string> parts;
  while (!target.empty()) {
    target.remove_prefix(1);
    auto end = std::min(target.find('/'), target.size());
    parts.push_back(percent_decode(target.substr(0, end)));
    target.remove_prefix(end);
  }
  if (parts.size() == 1 && parts[0].empty()) parts.clear();
  return parts;
}

std::string json_string(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char buffer[8];
      std::snprintf(buffer, sizeof buffer, "\\u%04x", c);
      out += buffer;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string json_list(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const auto& item : items) {
    if (out.size() > 1) out += ',';
    out += json_string(item);
  }
  return out + "]";
}

Response answer(const Request& request, http::status status, const char* type, std::string body) {
  Response response(status, request.version());
  response.set(http::field::content_type, type);
  response.set(http::field::cache_control, "no-store");
  response.keep_alive(request.keep_alive());
  response.body() = std::move(body);
  response.prepare_payload();
  return response;
}

struct Stores {
  RedisClient master{environment("REDIS_MASTER_HOST", "redis-master"), 6379};
  RedisClient replica{environment("REDIS_SLAVE_HOST", "redis-slave"), 6379};
};

Response serve(const Request& request, Stores& stores) {
  auto parts = path_parts(request.target());
  auto is = [&](const char* name, size_t size) { return parts.size() == size && parts[0] == name; };
  if (parts.empty()) return answer(request, http::status::ok, "text/html; charset=utf-8", kPage);
  if (is("health", 1)) return answer(request, http::status::ok, "text/plain", "ok\n");
  if (is("whoami", 1)) {
    char name[256] = {};
    ::gethostname(name, sizeof name - 1);
    return answer(request, http::status::ok, "text/plain", std::string(name) + "\n");
  }
  if (is("read", 2)) return answer(request, http::status::ok, "application/json", json_list(stores.replica.list(parts[1])));
  if (is("insert", 3) || is("delete", 3)) {
    if (parts[0] == "insert") stores.master.append(parts[1], parts[2]);
    else stores.master.remove(parts[1], parts[2]);
    return answer(request, http::status::ok, "application/json", json_list(stores.master.list(parts[1])));
  }
  return answer(request, http::status::not_found, "text/plain", "nothing is at this path\n");
}

Response serve_or_explain(const Request& request, Stores& stores) {
  try {
    return serve(request, stores);
  } catch (const std::exception& error) {
    return answer(request, http::status::bad_gateway, "text/plain", std::string("the store does not answer: ") + error.what() + "\n");
  }
}

void converse(tcp::socket socket) {
  // An idle client gives its thread back.
  timeval limit{30, 0};
  ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  boost::system::error_code error;
  boost::beast::flat_buffer buffer(65536);
  Stores stores;
  while (true) {
    Request request;
    http::read(socket, buffer, request, error);
    if (error) break;
    auto response = serve_or_explain(request, stores);
    http::write(socket, response, error);
    if (error || !response.keep_alive()) break;
  }
  socket.shutdown(tcp::socket::shutdown_both, error);
}

}  // namespace

int main() try {
  asio::io_context io;
  tcp::acceptor acceptor(io, tcp::endpoint(tcp::v6(), 3000));  // dual-stack
  asio::thread_pool pool(64);
  asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([](auto, int) { std::_Exit(0); });
  std::function<void()> accept = [&] {
    acceptor.async_accept([&](auto error, tcp::socket socket) {
      if (!error) asio::post(pool, [socket = std::make_shared<tcp::socket>(std::move(socket))] { converse(std::move(*socket)); });
      accept();
    });
  };
  accept();
  std::puts("todo-app listens on port 3000");
  std::fflush(stdout);
  io.run();
} catch (const std::exception& error) {
  std::fprintf(stderr, "todo-app: %s\n", error.what());
  return 1;
}
