"""One sentinel: asks it which server is the primary."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import Connection
from redis.retry import Retry

from scheduler.store.dialling import NamedConnection, NamedTlsConnection
from scheduler.store_address import Address, Host

#: Characters of an error that are told.
_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Said:
    """What a sentinel answered last."""

    #: Of the monotonic clock.
    asked_at: float = float("-inf")
    primary: Host | None = None
    #: Why it names none.
    problem: str = ""


class OneSentinel:
    """One sentinel, over a connection that is kept. For one thread."""

    def __init__(self, address: Address, host: Host, timeout: float) -> None:
        made = NamedConnection if address.sentinel_access.tls is None else NamedTlsConnection
        options: dict[str, Any] = address.sentinel_access.options()
        self._name = address.name
        self._connection: Connection = made(
            host=host.name,
            port=host.port,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            **options,
        )

    def ask(self) -> Said:
        asked_at = time.monotonic()
        try:
            try:
                reply = self._ask()
            except redis.ConnectionError:  # the connection was an old one: it may have been restarted
                self.close()
                reply = self._ask()
            return self._read(reply, asked_at)
        except Exception as error:  # whatever is at that address: the others are to be asked all the same
            self.close()
            return Said(asked_at, problem=f"fails: {' '.join(str(error).split())[:_LONGEST]}")

    def close(self) -> None:
        self._connection.disconnect()  # type: ignore[no-untyped-call]

    def _ask(self) -> Any:
        self._connection.connect()  # type: ignore[no-untyped-call]
        self._connection.send_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._name)  # type: ignore[no-untyped-call]
        return self._connection.read_response()

    def _read(self, reply: Any, asked_at: float) -> Said:
        if reply is None:
            return Said(asked_at, problem=f"knows no primary {self._name}")
        name, port = (it.decode() for it in reply)
        return Said(asked_at, Host(name, int(port)))
