"""The newest requests that a receiver got, and what it answers to the next."""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any

from timer_service.process.receiver.answers import ANSWERS, USUAL, Answer
from timer_service.process.receiver.request import Head
from timer_service.webhooks import VerificationError, timer_id_of, verify

#: Requests that are kept, bytes of a body that are, and bytes of them all, their heads among them.
_KEPT = 50
_BODY_BYTES = 64 * 1024
_ALL_BYTES = 4 * 1024 * 1024
#: Bytes of a body, of all headers and of a path that are shown where all requests are.
_BYTES_IN_LIST = 2 * 1024
#: Characters that are shown of what should be an id, and of what should be a word or a number.
_ID_LENGTH, _WORD_LENGTH = 64, 32


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request, as it came."""

    #: From 1, since the receiver started.
    number: int
    #: Unix seconds.
    at: float
    head: Head
    #: As much of it as is kept.
    body: bytes
    #: How much came.
    body_bytes: int
    #: Whether the signature is right; None without secrets to tell by.
    verified: bool | None
    answer: Answer

    @property
    def method(self) -> str:
        return self.head.method

    @property
    def target(self) -> str:
        return self.head.target

    def header(self, name: str) -> str | None:
        return self.head.header(name)

    @property
    def late_ms(self) -> float | None:
        """From the moment when the timer was due; None for a request of nobody's timer."""
        try:
            return 1000 * (self.at - datetime.fromisoformat(self.header("timer-due-at") or "").timestamp())
        except (ValueError, OverflowError):
            return None

    @property
    def kept_bytes(self) -> int:
        return len(self.body) + sum(len(name) + len(value) for name, value in self.head.headers) + len(self.target)

    def as_json(self, most: int) -> dict[str, Any]:
        """`most`: bytes of its body, of its headers and of its path."""
        body, headers = self.body[:most], _fitting(self.head.headers, most)
        return {
            "number": self.number,
            "at": self.at,
            "late_ms": self.late_ms,
            "timer_id": timer_id_of(self.header("timer-id") or self.header("webhook-id") or "")[:_ID_LENGTH],
            "attempt": (self.header("timer-attempt") or "")[:_WORD_LENGTH],
            "redelivery": (self.header("timer-redelivery") or "")[:_WORD_LENGTH],
            "method": self.method,
            "target": self.target[:most],
            "version": self.head.version,
            "headers": [list(it) for it in headers],
            "body": _text(body, is_cut=len(body) < self.body_bytes),
            "body_base64": base64.b64encode(body).decode(),
            "body_bytes": self.body_bytes,
            "is_whole": (len(body), headers) == (self.body_bytes, self.head.headers) and len(self.target) <= most,
            "verified": self.verified,
            "answer": self.answer.name,
            "status": self.answer.status,
        }


class Inbox:
    """Keeps the newest requests in memory, within bounds. Used by one thread; raises nothing of its own."""

    def __init__(
        self, secrets: Callable[[], str] = lambda: "", tell: Callable[[Arrival], None] = lambda _: None
    ) -> None:
        """`secrets`: those of now, as in TIMER_SIGNING_SECRETS. `tell` is called with each arrival."""
        self._secrets = secrets
        self._tell = tell
        self._arrivals: deque[Arrival] = deque(maxlen=_KEPT)
        self._arrived = 0
        self.next_answer = USUAL

    def take(self, at: float, head: Head, body: bytes) -> Answer:
        """What to answer: once what was chosen, else the usual."""
        answer, self.next_answer = self.next_answer, USUAL
        self._arrived += 1
        verified = _verified(head, body, self._secrets().strip())
        arrival = Arrival(self._arrived, at, head, body[:_BODY_BYTES], len(body), verified, answer)
        self._arrivals.append(arrival)
        while sum(it.kept_bytes for it in self._arrivals) > _ALL_BYTES:
            self._arrivals.popleft()
        self._tell(arrival)
        return answer

    def choose(self, name: str) -> bool:
        """The answer to the next request; False if there is none of this name."""
        if name not in ANSWERS:
            return False
        self.next_answer = ANSWERS[name]
        return True

    def as_json(self) -> dict[str, Any]:
        """Newest first, with the beginning of each."""
        arrivals = [it.as_json(_BYTES_IN_LIST) for it in reversed(self._arrivals)]
        return {"arrived": self._arrived, "next_answer": self.next_answer.name, "arrivals": arrivals}

    def one_as_json(self, number: str) -> Mapping[str, Any] | None:
        """With all of its body that is kept."""
        return next((it.as_json(_BODY_BYTES) for it in self._arrivals if str(it.number) == number), None)


def _fitting(headers: tuple[tuple[str, str], ...], most: int) -> tuple[tuple[str, str], ...]:
    """The first of them, up to so many bytes."""
    sizes = accumulate(len(name) + len(value) for name, value in headers)
    return tuple(it for it, size in zip(headers, sizes, strict=True) if size <= most)


def _verified(head: Head, body: bytes, secrets: str) -> bool | None:
    if not secrets:
        return None
    try:
        verify(dict(reversed(head.headers)), body, secrets)
    except VerificationError:
        return False
    except ValueError:  # no secrets, whatever they are
        return None
    return True


def _text(body: bytes, is_cut: bool) -> str | None:
    """None if it is none. A character that was cut in two at the end is left out."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        return body[: error.start].decode() if is_cut and error.reason == "unexpected end of data" else None
