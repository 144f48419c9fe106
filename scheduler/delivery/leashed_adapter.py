"""requests' own adapter, over connections that our dialler makes and that the leash of the call holds."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from scheduler.delivery.dialling import Dialler
from scheduler.delivery.leash import Leash
from scheduler.delivery.strict_response import StrictResponse

_current = threading.local()


@contextmanager
def on(leash: Leash, dialler: Dialler) -> Iterator[None]:
    """Every connection that this thread uses inside is made by `dialler` and held by `leash`."""
    _current.leash, _current.dialler = leash, dialler
    try:
        yield
    finally:
        leash.let_go()
        del _current.leash, _current.dialler


class LeashedAdapter(HTTPAdapter):
    """No retries, no redirects, no proxies, no cookies, one pool of connections an origin."""

    def __init__(self, *, origins: int, idle_each: int) -> None:
        """Keeps idle connections to so many origins, so many each."""
        super().__init__(pool_connections=origins, pool_maxsize=idle_each, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}

    def build_response(self, req: PreparedRequest, resp: Any) -> Response:
        """The bare answer: requests would look into it for cookies and an encoding, which nobody wants to know."""
        response = Response()
        response.status_code, response.headers, response.raw = resp.status, resp.headers, resp
        return response


class _Leashed(HTTPConnection):
    response_class = StrictResponse

    def _new_conn(self) -> socket.socket:
        leash: Leash = _current.leash
        dialler: Dialler = _current.dialler
        sock = dialler.dial(self.host, self.port or self.default_port, leash.deadline)
        leash.hold(sock)
        return sock

    def request(self, *args: Any, **kwargs: Any) -> None:
        leash: Leash = _current.leash
        if self.sock is None:
            self.connect()
        else:
            leash.hold(self.sock)
        leash.sent = True
        super().request(*args, **kwargs)


class _LeashedTLS(_Leashed, HTTPSConnection):
    pass


class _LettingGo(HTTPConnectionPool):
    def _put_conn(self, conn: Any) -> None:
        leash: Leash = _current.leash
        leash.let_go()  # before another call can have the connection
        super()._put_conn(conn)


class _Pool(_LettingGo):
    ConnectionCls = _Leashed


class _TLSPool(_LettingGo, HTTPSConnectionPool):
    ConnectionCls = _LeashedTLS
