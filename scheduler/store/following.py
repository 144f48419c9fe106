"""Connections that lead to the primary which sentinels name, and leave a server that is none any more."""

from __future__ import annotations

import socket
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import redis
from redis.connection import Connection, SSLConnection

from scheduler.store.dialling import DEFAULT_PATIENCE, NamedConnection
from scheduler.store.sentinels import Sentinels
from scheduler.store_address import Address, Host

#: Of the time to connect, for asking the sentinels: the rest is left for the primary.
_TO_FIND = 0.5


class Followers:
    """Connections by where they lead. Shared by threads."""

    def __init__(self, on_move: Sequence[Callable[[], object]]) -> None:
        """All of `on_move` are called when they are to go elsewhere."""
        self._on_move = on_move
        self._lock = threading.Lock()
        self._connections: weakref.WeakSet[Connection] = weakref.WeakSet()

    def add(self, connection: Connection) -> None:
        with self._lock:
            self._connections.add(connection)

    def leave(self, primary: Host) -> None:
        """Cut those that lead elsewhere, also in use: whoever waits there for an answer, or for the doorbell, fails at
        once. Only the socket is shut, for the connection belongs to the thread that uses it."""
        with self._lock:
            connections = list(self._connections)
        for it in connections:
            sock: Any = it._sock
            if sock is not None and (it.host, it.port) != primary:
                try:
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)
                except OSError:  # it is closed by now
                    continue
        for tell in self._on_move:
            tell()


class FollowingConnection(NamedConnection):
    """Asks the sentinels each time it is to connect, and serves nobody unless it has found a primary."""

    def __init__(self, *, sentinels: Sentinels, followers: Followers, **options: Any) -> None:
        self._sentinels = sentinels
        self._followers = followers
        super().__init__(**options)  # type: ignore[no-untyped-call]

    def _connect(self) -> Any:
        timeout = self.socket_connect_timeout or DEFAULT_PATIENCE
        until = time.monotonic() + timeout
        self.host, self.port = self._sentinels.find(_TO_FIND * timeout)
        try:
            self.socket_connect_timeout = max(until - time.monotonic(), 0.001)
            return super()._connect()
        finally:
            self.socket_connect_timeout = timeout

    def on_connect_check_health(self, check_health: bool = True) -> None:
        self._followers.add(self)
        super().on_connect_check_health(check_health)
        # Of no server itself is it known for certain that it is the primary: sentinels go on naming one that has just
        # been restarted as a replica. HELLO is no command that an access list could forbid.
        self.send_command("HELLO", check_health=False)  # type: ignore[no-untyped-call]
        if (role := _role(self.read_response())) not in ("master", "primary"):
            self._refuse(f"the sentinels name it as the primary, and it is a {role}")
        if (self.host, self.port) != self._sentinels.primary:
            self._refuse("it is no primary any more")

    def _refuse(self, reason: str) -> None:
        raise redis.ConnectionError(f"connecting to {self.host}:{self.port}: {reason}")


class FollowingTlsConnection(SSLConnection, FollowingConnection):
    """TLS goes by the name, or the address, that the sentinels say."""


class FollowingPool(redis.ConnectionPool):
    """Connections to the primary that sentinels know. A fork begins with none, and asks with threads of its own."""

    def __init__(self, address: Address, timeout: float, **options: Any) -> None:
        """`timeout`: seconds to find and connect, and for each answer."""
        self._address = address
        self._timeout = timeout
        #: Called when there is a new primary, in a thread that asks the sentinels.
        self.on_move: list[Callable[[], object]] = []
        made = FollowingConnection if address.access.tls is None else FollowingTlsConnection
        said = {"db": address.db, "client_name": address.client_name, **address.access.options()}
        super().__init__(
            connection_class=made, socket_timeout=timeout, socket_connect_timeout=timeout, **said, **options
        )

    def reset(self) -> None:
        followers = Followers(self.on_move)
        sentinels = Sentinels(self._address, self._timeout, followers.leave)
        self.connection_kwargs.update(sentinels=sentinels, followers=followers)
        super().reset()

    def disconnect(self, inuse_connections: bool = True) -> None:
        """All connections: then nobody asks the sentinels either, until the next call."""
        super().disconnect(inuse_connections)
        if inuse_connections:
            self.connection_kwargs["sentinels"].close()


def _role(hello: Any) -> str:
    """What a server says that it is: `master`, or `replica`."""
    pairs = hello if isinstance(hello, dict) else dict(zip(hello[::2], hello[1::2], strict=True))
    role = pairs.get(b"role", pairs.get("role", "?"))
    return role.decode() if isinstance(role, bytes) else str(role)
