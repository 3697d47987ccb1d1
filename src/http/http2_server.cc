#include "http/server_connection.h"
namespace reigen::http {
std::unique_ptr<ServerProtocol> make_http2(ServerConnection& connection) { return make_http1(connection); }
}
