"""Docker's API without a client's good manners: single calls and raw bytes on the engine's socket."""
import http.client, json, socket


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=180):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = connect(self.path, self.timeout)


def connect(path, timeout=90):
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(timeout)
    sock.connect(path)
    return sock


def call(engine, method, path, body=None, headers=None, version="/v1.41"):
    """(status, decoded answer). A body that is no bytes goes as JSON."""
    connection = UnixConnection(engine.socket)
    try:
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        connection.request(method, version + path, data, {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    try:
        return answer.status, json.loads(text)
    except ValueError:
        return answer.status, text.decode(errors="replace")


def raw(engine, data, timeout=10, half_close=False):
    """What the server answers to these bytes, up to its end of the connection or the timeout."""
    sock = connect(engine.socket, timeout)
    out = b""
    try:
        sock.sendall(data)
        if half_close:
            sock.shutdown(socket.SHUT_WR)
        while len(out) < 1 << 20:
            part = sock.recv(65536)
            if not part:
                break
            out += part
    except (TimeoutError, ConnectionError):
        pass
    finally:
        sock.close()
    return out
