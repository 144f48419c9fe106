"""Answers that the application lets us give again for a moment: in the loop, without a thread and without asking it.

The page of each open tab asks for the same every two seconds. Flask and a thread took 1.6 ms of a core to answer it.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from gunicorn.util import http_date

from timer_service.process.server.connection import Answer
from timer_service.process.server.request_reader import Incoming
from timer_service.web.access.give_again import Count

#: Lines of a request that differ from one viewer to the other, and change no answer that may be given again. The page's
#: own cookies are those of forms, which live parts do not have, and of who signed in, but with keys nothing is kept.
_IGNORED = re.compile(
    rb"\r\n(?:user-agent|accept-language|cookie|sec-ch-ua|sec-ch-ua-mobile|sec-ch-ua-platform):"
    rb"[\t\x20-\x7e\x80-\xff]*(?=\r\n)",
    re.IGNORECASE,
)
#: A request with a body, or whose own id is given back, is answered by the application.
_ONLY_ONCE = {"CONTENT-LENGTH", "TRANSFER-ENCODING", "X-REQUEST-ID"}
#: Bytes of a request, and its lines: fewer than gunicorn takes, so that what would be refused is not answered here.
_LONGEST, _LINES = 8 * 1024, 100
#: A few views, of each the last two or three ETags, for some kinds of browser; and bytes of all of them, with what was
#: asked: 16 of the longest live parts.
_MOST, _MOST_BYTES = 256, 4 * 2**20
_STATUSES = (b"HTTP/1.1 200 ", b"HTTP/1.1 304 ")
#: Lines of an answer that are made anew each time.
_OWN = (b"date:", b"x-request-id:")


@dataclass(frozen=True, slots=True)
class _Kept:
    #: By the monotonic clock.
    until: float
    #: All lines but those that are made anew.
    head: bytes
    body: bytes
    count: Count
    size: int


class RepeatedAnswers:
    """Those of one process. Kept by threads, given by the loop. Raises nothing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        #: By all lines of the request but those above. The one that was made last stands last.
        self._kept: dict[bytes, _Kept] = {}
        self._bytes = 0

    def find(self, data: bytes) -> Answer | None:
        """The answer, if these bytes are a whole request that was answered a moment ago, and no more; it is counted.

        Byte for byte the same: it need not be parsed, for that was done then.
        """
        if len(data) > _LONGEST or data.find(b"\r\n\r\n") != len(data) - 4 or data.count(b"\n") > _LINES:
            return None
        begun = time.perf_counter()
        with self._lock:
            found = self._kept.get(_IGNORED.sub(b"", data))
        if found is None or self.clock() >= found.until:
            return None
        own = b"\r\nX-Request-Id: %b\r\n\r\n" % os.urandom(16).hex().encode()
        answer = Answer([found.head, _date(int(time.time())), own, found.body], closes=False)
        found.count(time.perf_counter() - begun)
        return answer

    def keep(self, request: Incoming, answer: Answer, until: float, count: Count) -> None:
        """Until then, if it is one that others may have too."""
        head, _, body = b"".join(answer.pieces).partition(b"\r\n\r\n")
        if answer.closes or not _may_be_asked_again(request) or not _may_be_given_again(head):
            return
        key = _IGNORED.sub(b"", request.raw)
        head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith(_OWN))
        kept = _Kept(until, head, body, count, size=len(key) + len(head) + len(body))
        with self._lock:
            self._drop(key)
            self._kept[key] = kept
            self._bytes += kept.size
            while len(self._kept) > _MOST or self._bytes > _MOST_BYTES:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: bytes) -> None:
        if found := self._kept.pop(key, None):
            self._bytes -= found.size


def _may_be_asked_again(request: Incoming) -> bool:
    head = request.head
    is_plain = head.method == "GET" and head.version == (1, 1) and len(request.raw) <= _LONGEST
    return is_plain and _ONLY_ONCE.isdisjoint(name for name, _ in head.headers)


def _may_be_given_again(head: bytes) -> bool:
    """Not what went wrong after all, nor a cookie, which is for one viewer."""
    return head.startswith(_STATUSES) and b"\r\nset-cookie:" not in head.lower()


@lru_cache(1)
def _date(second: int) -> bytes:
    return f"\r\nDate: {http_date(second)}".encode()
