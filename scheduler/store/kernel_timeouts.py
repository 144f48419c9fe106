"""Timeouts of a socket that the kernel keeps: Python's own cost a poll before each send and each receive."""

from __future__ import annotations

import socket
import struct

_ROOM = "ll"  # struct timeval: seconds, microseconds


def can_have(sock: socket.socket) -> bool:
    """Whether it is the system's own, and nothing around it: one receive on TLS may need several, and a fake has no
    kernel."""
    return type(sock) is socket.socket


def hand_over(sock: socket.socket, seconds: float | None) -> None:
    """From now on the kernel ends a send or a receive that does nothing for so long; None: it never does, as before."""
    if not seconds:
        return
    limit = struct.pack(_ROOM, *divmod(max(1, round(seconds * 1_000_000)), 1_000_000))
    for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
        sock.setsockopt(socket.SOL_SOCKET, option, limit)
    sock.settimeout(None)


def is_timeout(error: Exception) -> bool:
    """Whether this was raised because the kernel ended a send or a receive: Python takes that for a socket that does
    not wait."""
    return isinstance(error.__context__, BlockingIOError)
