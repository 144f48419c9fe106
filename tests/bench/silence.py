"""Destinations that hang: the kernel shakes hands, and that is all that ever comes."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def silence(count: int) -> Iterator[list[str]]:
    """The URLs of so many, each a port of 127.0.0.1 whose listener never accepts."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=4096)) for _ in range(count)]
        yield [f"http://127.0.0.1:{listener.getsockname()[1]}" for listener in listeners]


@contextmanager
def silent_hosts(count: int) -> Iterator[list[str]]:
    """The same with one port of as many addresses, from 127.1.0.0 on: any number of them takes one listener."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")  # nobody else's connections
        listener.bind(("", 0))
        listener.listen(4096)
        port = listener.getsockname()[1]
        yield [f"http://127.{1 + it // 65536}.{it // 256 % 256}.{it % 256}:{port}" for it in range(count)]
