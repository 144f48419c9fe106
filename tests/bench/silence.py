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
