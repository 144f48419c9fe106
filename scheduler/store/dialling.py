"""Connections to a store by name: the look-up and all tries together end within the time to connect.

getaddrinfo() has no deadline: a name server that does not answer holds its caller for 20 s, so all threads of an API.
"""

from __future__ import annotations

import socket
import threading
import time
from ipaddress import ip_address
from typing import Any

from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection

from scheduler.store_address import Address, Host

#: Of the time to connect, for a look-up of a name whose addresses are known: those are used if it takes longer.
_KNOWN_PART = 0.25
#: Seconds to connect where nothing else is said.
DEFAULT_PATIENCE = 5.0


class _LookUp:
    """One call of getaddrinfo(), in a thread of its own that nobody has to wait for."""

    def __init__(self, host: str, port: int) -> None:
        self.done = threading.Event()
        self.addresses: list[str] = []
        self.error: OSError | None = None
        try:
            threading.Thread(target=self._run, args=(host, port), daemon=True, name="store-look-up").start()
        except RuntimeError:  # the machine allows no more threads
            self.error = OSError(f"{host} cannot be looked up: no thread can be started")
            self.done.set()

    def _run(self, host: str, port: int) -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            self.addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        except OSError as error:
            self.error = error
        except UnicodeError:
            self.error = OSError(f"{host!r} is no name of a host")
        self.done.set()


class Names:
    """Shared by threads. A name is looked up once at a time, and what it stood for last is kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, _LookUp] = {}
        self._known: dict[str, list[str]] = {}

    def addresses(self, host: str, port: int, patience: float) -> list[str]:
        """Raises OSError; TimeoutError if that takes longer than so many seconds and the name is not known."""
        if _is_literal(host):
            return [host]
        with self._lock:
            known = self._known.get(host)
            look_up = self._running.get(host)
            if look_up is None:
                look_up = self._running[host] = _LookUp(host, port)
        if look_up.done.wait(patience * _KNOWN_PART if known else patience):
            with self._lock:
                if self._running.get(host) is look_up:
                    del self._running[host]
                if look_up.addresses:
                    self._known[host] = look_up.addresses
        if look_up.addresses:
            return look_up.addresses
        if known:
            return known
        raise look_up.error or TimeoutError(f"{host} was not looked up in time")


_names = Names()


class NamedConnection(Connection):
    """redis-py's connection, whose look-up and tries together end within the time to connect."""

    def _connect(self) -> Any:
        host, timeout = self.host, self.socket_connect_timeout
        until = time.monotonic() + (timeout or DEFAULT_PATIENCE)
        addresses = _names.addresses(host, int(self.port), until - time.monotonic())
        failure: OSError = TimeoutError("no time was left to connect")
        try:
            for number, address in enumerate(addresses):
                left = until - time.monotonic()
                if left <= 0:
                    break
                # Each has its share of what is left, so that a dead one leaves time for the next.
                self.host, self.socket_connect_timeout = address, left / (len(addresses) - number)
                try:
                    return super()._connect()  # type: ignore[no-untyped-call]
                except OSError as error:
                    failure = error
        finally:
            self.host, self.socket_connect_timeout = host, timeout
        raise failure


class NamedTlsConnection(SSLConnection, NamedConnection):
    """TLS goes by the name: SSLConnection wraps what NamedConnection has connected."""


def pool_options(address: Address, host: Host | None) -> dict[str, Any]:
    """What a pool for the store, or this node of it, is to be made with. `host`: None for a store on a socket."""
    said = {"db": address.db, "client_name": address.client_name, **address.access.options()}
    if host is None:
        return {**said, "connection_class": UnixDomainSocketConnection, "path": address.path}
    connection = NamedConnection if address.access.tls is None else NamedTlsConnection
    return {**said, "connection_class": connection, "host": host.name, "port": host.port}


def _is_literal(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
