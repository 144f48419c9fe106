"""The receiver for trying things out prints what anybody sends it, and harms no terminal."""

from __future__ import annotations

import socket
import threading
from http.server import ThreadingHTTPServer

import pytest

from timer_service.process.receiver import Receiver

#: C0, ESC, DEL, C1, a line separator and a change of direction, as they come in bytes.
HARM = b"\x07\x1b[2J\x7f\x85\x9b31m" + "\u2028\u202e\ufeff".encode()


def test_nothing_that_is_received_is_printed_raw_if_a_terminal_would_obey_it(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Tried: the method's line, every header that is shown, and the body."""
    fields = b"".join(
        b"%s: x%s\r\n" % (name, HARM)
        for name in (b"webhook-id", b"timer-attempt", b"timer-redelivery", b"timer-due-at")
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.handle_request).start()
        with socket.create_connection(("127.0.0.1", server.server_port)) as sock:
            length = b"content-length: %d\r\nconnection: close\r\n\r\n" % len(HARM)
            sock.sendall(b"POST /x" + HARM.replace(b"\x85", b"") + b" HTTP/1.1\r\n" + fields + length + HARM)
            assert sock.recv(1000).startswith(b"HTTP/1.1 204")
    (line,) = capfd.readouterr().out.splitlines()
    assert line.startswith("POST /x")
    assert line.isprintable()
    assert line.count("\\x1b[2J") == 5
