"""A receiver made of bare sockets, for answers that no HTTP server would give."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class RawReceiver:
    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        #: Every request that was read whole, in order.
        self.requests: list[bytes] = []
        #: The last one of each connection.
        self.asked: dict[socket.socket, bytes] = {}
        self.connections = 0
        #: Set at the end, so that no behaviour outlives its test.
        self.over = threading.Event()

    def drip(self, sock: socket.socket, piece: bytes, every: float = 0.02) -> None:
        """Send a piece again and again, until the other side is gone."""
        while not self.over.wait(every):
            sock.sendall(piece)


def read_request(sock: socket.socket) -> bytes | None:
    """One request with its body, or None at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while lengths and len(body) < int(lengths[0]):
        body += sock.recv(65536)
    return head + b"\r\n\r\n" + body


def answered(raw: bytes) -> Callable[[RawReceiver, socket.socket], None]:
    """A behaviour: this answer, and the end of the connection."""

    def behave(_: RawReceiver, sock: socket.socket) -> None:
        sock.sendall(raw)
        sock.close()

    return behave


@contextmanager
def raw_receiving(behave: Callable[[RawReceiver, socket.socket], None]) -> Iterator[RawReceiver]:
    """`behave` is called after each request that a connection brings; when it returns, the next request is read."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    receiver = RawReceiver(listener)

    def serve(sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock:
            while (request := read_request(sock)) is not None:
                receiver.asked[sock] = request
                receiver.requests.append(request)
                behave(receiver, sock)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                receiver.connections += 1
                threading.Thread(target=serve, args=(sock,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield receiver
    finally:
        receiver.over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
