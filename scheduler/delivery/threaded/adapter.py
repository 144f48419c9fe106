"""requests' own adapter, over connections that our dialler makes and that the call's deadline holds."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import certifi
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_ import create_urllib3_context

from scheduler.delivery.dialling import Dialler
from scheduler.delivery.threaded.deadline import Deadline
from scheduler.delivery.threaded.strict_response import StrictResponse

_current = threading.local()


class Withheld(Exception):
    """Raised where there is a connection, and the call is not to be sent any more.

    No OSError, so that urllib3 lets it through.
    """


@contextmanager
def on(deadline: Deadline, dialler: Dialler, target: str, may_be_sent: Callable[[], bool]) -> Iterator[None]:
    """Every connection that this thread uses inside is made by `dialler`, held by `deadline` and asked for `target`,
    if it still may be once there is one."""
    _current.deadline, _current.dialler, _current.target = deadline, dialler, target
    _current.may_be_sent = may_be_sent
    try:
        yield
    finally:
        deadline.let_go()
        del _current.deadline, _current.dialler, _current.target, _current.may_be_sent


class DeadlineAdapter(HTTPAdapter):
    """Sends a request once over pooled connections, an origin a pool: no retries, redirects, proxies or cookies.

    Shared by threads, each inside of `on()`. `close` closes all idle connections.
    """

    def __init__(self, *, origins: int, idle_each: int) -> None:
        """Keeps idle connections to so many origins, so many each."""
        super().__init__(pool_connections=origins, pool_maxsize=idle_each, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=_tls())
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}

    def build_response(self, req: PreparedRequest, resp: Any) -> Response:
        """Hand over the bare answer: requests would look into it for cookies and an encoding, which nobody uses."""
        response = Response()
        response.status_code, response.headers, response.raw = resp.status, resp.headers, resp
        return response


class _Connection(HTTPConnection):
    response_class = StrictResponse
    #: Since when nobody uses it, in seconds of the monotonic clock.
    idle_since = 0.0

    @property
    def is_connected(self) -> bool:
        """Whether it is to be used again, as its pool asks before giving it away."""
        deadline: Deadline = _current.deadline
        deadline.idle = time.monotonic() - self.idle_since
        is_connected = super().is_connected
        deadline.found_closed = self.sock is not None and not is_connected
        return is_connected and deadline.idle <= deadline.most_idle

    def _new_conn(self) -> socket.socket:
        deadline: Deadline = _current.deadline
        dialler: Dialler = _current.dialler
        sock = dialler.dial(self._dns_host, self.port or self.default_port, deadline.at)
        deadline.dialled = True
        deadline.hold(sock)
        return sock

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        """The target is the call's own: `url` is what urllib3 has made of it."""
        deadline: Deadline = _current.deadline
        if self.sock is None:
            self.connect()
        elif not deadline.dialled:
            deadline.hold(self.sock)
            deadline.reused = True
        if not _current.may_be_sent():
            raise Withheld
        deadline.sent = True
        super().request(method, _current.target, *args, **kwargs)


class _TlsConnection(_Connection, HTTPSConnection):
    """A TLS connection that must be ended by TLS: anybody between could cut it, and an answer would look whole.

    urllib3 would read the authorities anew for each connection: 0.7 MB and 10 ms of CPU, also for one that hangs.
    """

    def connect(self) -> None:
        assert self.ssl_context is not None
        self.sock = sock = self._new_conn()
        name = self.host.rstrip(".").strip("[]")
        self.sock = self.ssl_context.wrap_socket(sock, server_hostname=name, suppress_ragged_eofs=False)
        self.is_verified = True


def _tls() -> ssl.SSLContext:
    """What every TLS connection has in common. Nobody changes it once it is made: threads share it."""
    context = create_urllib3_context()
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    context.set_alpn_protocols(["http/1.1"])
    context.load_verify_locations(certifi.where())
    return context


class _ConnectionPool(HTTPConnectionPool):
    def _put_conn(self, conn: Any) -> None:
        deadline: Deadline = _current.deadline
        deadline.let_go()  # before another call can have the connection
        if conn is not None:
            conn.idle_since = time.monotonic()
        super()._put_conn(conn)


class _Pool(_ConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(_ConnectionPool, HTTPSConnectionPool):
    ConnectionCls = _TlsConnection
