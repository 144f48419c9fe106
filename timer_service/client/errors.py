"""Every error of the client, as one small tree; a problem+json becomes an exception here and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that the service refused."""

    #: RFC 6901, from the root of what was sent: `/url`, `/backoff/0`; in a list's filters, `/limit`.
    pointer: str
    detail: str

    def __str__(self) -> str:
        return f"{self.pointer or 'the whole'}: {self.detail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """How a request came to nothing."""

    #: In a few words.
    reason: str
    #: What the library raised.
    cause: Exception
    #: The connection never came about, so that nothing can have been done.
    never_sent: bool
    #: The other side's certificate is not trusted, which will not be otherwise in a second.
    untrusted: bool


class TimerServiceError(Exception):
    """The service did not do what was asked. As text it is one line that names each refused field."""

    def __init__(
        self,
        detail: str,
        *,
        status: int | None = None,
        problem: Mapping[str, Any] | None = None,
        wait: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        #: Of the answer; None where there was none.
        self.status = status
        #: The whole problem, with whatever members it has.
        self.problem: Mapping[str, Any] = problem or {}
        #: Seconds to wait before asking again, where the service said so (Retry-After).
        self.retry_after = wait
        #: Where no answer came, why: for the client itself, which decides by it whether to ask again.
        self.no_answer: NoAnswer | None = None
        listed = self.problem.get("errors")
        self.errors = tuple(
            FieldError(str(error.get("pointer", "")), str(error.get("detail", "")))
            for error in (listed if isinstance(listed, list) else [])
            if isinstance(error, dict)
        )

    @property
    def request_id(self) -> str | None:
        """Names this failure in the service's log."""
        return self._text("instance")

    @property
    def timer_id(self) -> str | None:
        """The timer that stands in the way, or that is not durable."""
        return self._text("timer_id")

    @property
    def timer_status(self) -> str | None:
        """Its status, where that is what forbids the call."""
        return self._text("timer_status")

    def _text(self, name: str) -> str | None:
        value = self.problem.get(name)
        return value if isinstance(value, str) and value else None

    def __str__(self) -> str:
        return "; ".join(map(str, self.errors)) or self.detail


class Unavailable(TimerServiceError):
    """No answer, or one that says that the service cannot now. The call may have been done all the same."""


class NotDurable(Unavailable):
    """It was set and stands, but is not as durable as was asked for: see `timer_id`, `problem["durability"]`.

    The same again, under the same idempotency key or key, asks again.
    """


class Malformed(TimerServiceError):
    """The request is not what this service speaks: 400, 405, 415."""


class Unauthorized(TimerServiceError):
    """No key, or not one of the service's."""


class Forbidden(TimerServiceError):
    """The key may not do this."""


class NotFound(TimerServiceError):
    """There is no such timer, schedule or destination, or no longer."""


class Conflict(TimerServiceError):
    """The timer's status forbids it, or its key is taken: see `timer_status`, `timer_id`; a destination is broken."""


class PreconditionFailed(TimerServiceError):
    """Another version stands than `if_version` names, or one where a new one was asked for."""


class TooLarge(TimerServiceError):
    """More than one call or one timer may hold."""


class Invalid(TimerServiceError):
    """A field has a value that cannot be used; `errors` names each."""


class RateLimited(TimerServiceError):
    """Too many requests, or too many pending timers."""


_BY_STATUS: dict[int, type[TimerServiceError]] = {
    400: Malformed,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: Malformed,
    408: Unavailable,
    409: Conflict,
    412: PreconditionFailed,
    413: TooLarge,
    415: Malformed,
    422: Invalid,
    429: RateLimited,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def from_answer(status: int, body: bytes, retry_after: str = "") -> TimerServiceError:
    """The exception for an answer of 400 or more. A proxy may have written it, so its body can be anything."""
    try:
        problem = json.loads(body)
    except (ValueError, RecursionError):
        problem = None
    return from_problem(status, problem if isinstance(problem, dict) else {}, retry_after)


def from_problem(status: int, problem: Mapping[str, Any], retry_after: str = "") -> TimerServiceError:
    detail = problem.get("detail") or problem.get("title") or f"the answer was {status}, without a reason"
    kind = _BY_STATUS.get(status, TimerServiceError)
    if problem.get("type") == "/problems/not-durable":
        kind = NotDurable
    return kind(str(detail), status=status, problem=problem, wait=_seconds(retry_after))


def unanswered(base_url: str, no_answer: NoAnswer) -> Unavailable:
    """The exception for a request that came to nothing."""
    error = Unavailable(f"no answer from {base_url}: {no_answer.reason}")
    error.no_answer = no_answer
    return error


def _seconds(retry_after: str) -> float | None:
    """Retry-After is a number of seconds or a date."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
    except (ValueError, TypeError, ArithmeticError):
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
