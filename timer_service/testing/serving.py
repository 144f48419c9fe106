"""A WSGI application served on a free port of this machine, by threads of the test's own process."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

_HOST = "127.0.0.1"


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    #: Requests that hang are not waited for.
    block_on_close = False
    #: Of a thousand timers due at once the kernel would lose those that do not fit.
    request_queue_size = 1024

    def server_bind(self) -> None:
        """Without the name of the host, which the standard library looks up: for seconds where no server answers."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = _HOST, self.server_address[1]
        self.setup_environ()


class _Handler(WSGIRequestHandler):
    #: Seconds that a connection may be silent.
    timeout = 60

    def get_environ(self) -> dict[str, Any]:
        return {**super().get_environ(), "REQUEST_URI": self.path}  # as it came, beside PATH_INFO

    def log_message(self, *_: object) -> None:
        pass

    def address_string(self) -> str:
        return str(self.client_address[0])


@contextmanager
def serving(app: WSGIApplication) -> Iterator[str]:
    """Its URL, without a slash at the end."""
    server = _Server((_HOST, 0), _Handler)
    server.set_app(app)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://{_HOST}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
