"""A connection of libcurl's that carries one request after another, and whether the next may go on it."""

from __future__ import annotations

import socket

from scheduler.claim import Claim
from scheduler.delivery.early_closes import EarlyCloses
from scheduler.delivery.transport import LEAST_IDLE, most_idle
from scheduler.timer import Delivery

#: Address and port of the other side, and our port. Connections to several destinations may share a port of ours.
Ends = tuple[str, int, int]

#: Since long ago.
_CLOSED = float("-inf")


class Connection:
    """Used by the transport's thread. Moments are seconds of the monotonic clock."""

    #: Long ago if the other side has closed it. None: it is in use, or not known: libcurl may use one again before it
    #: has told that its request has ended.
    _idle_since: float | None = None
    #: Seconds for which it had been idle when the request that is on it was sent.
    _idle = 0.0

    def __init__(self, ends: Ends, origin: str, closes: EarlyCloses, descriptor: int | None = None) -> None:
        """`descriptor`: of its socket, if that is known."""
        self.ends = ends
        self._origin = origin
        self._closes = closes
        self._descriptor = descriptor

    def take(self, claim: Claim, now: float) -> bool:
        """Whether this claim may be sent on it, having been idle until now: it is in use then. To be asked only while
        libcurl has it open."""
        since, self._idle_since = self._idle_since, None
        self._idle = idle = now - since if since is not None else 0.0
        closes_early = self._closes.expected(self._origin, now)
        if (idle > LEAST_IDLE or closes_early) and idle >= most_idle(claim, closes_early):
            return False
        # At most once, it cannot be sent again: a look more, of 2 us. epoll may have told of the answer alone.
        is_closed_now = claim.webhook.delivery is Delivery.AT_MOST_ONCE and self._is_closed()
        if is_closed_now:
            self.met_close(now)
        return not is_closed_now

    def answered(self, now: float) -> None:
        """It has carried its request and is idle."""
        self._idle_since = now

    def closed(self, now: float) -> None:
        """The other side has closed it while it was idle."""
        if self._idle_since is not None:
            self._closes.note(self._origin, now - self._idle_since, now)
        self._idle_since = _CLOSED

    def met_close(self, now: float) -> None:
        """The request that it has carried, or was to carry, met a close."""
        self._closes.note(self._origin, self._idle, now)

    def _is_closed(self) -> bool:
        return self._descriptor is not None and bool(is_closed(self._descriptor))


def is_closed(descriptor: int) -> bool | None:
    """Whether the other side of a connection has closed it, or said what nobody asked for; None if it is no socket:
    libcurl has an eventfd of its own watched."""
    try:
        sock = socket.socket(fileno=descriptor)
    except OSError:
        return None
    try:
        sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        sock.detach()
    return True
