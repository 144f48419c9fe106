"""Look-ups that do not block each other: c-ares asks name servers from a thread of its own."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pycares

#: Called with all addresses of a name, or none, from any thread.
Answered = Callable[[list[str]], None]


class CaresResolver:
    def __init__(self) -> None:
        self._channel = pycares.Channel(timeout=5, tries=3)

    def ask(self, host: str, port: int, answered: Answered) -> None:
        def callback(result: Any, error: int | None) -> None:
            nodes = result.nodes if error is None else []
            answered([node.addr[0].decode() for node in nodes])

        try:
            self._channel.getaddrinfo(host, port, type=socket.SOCK_STREAM, callback=callback)
        except (UnicodeError, ValueError):
            answered([])

    def close(self) -> None:
        self._channel.close()
