"""What is sent for a call, when it is sent again, and what an answer means: all that both clients decide. Does no I/O.

`steps` yields what is to be done, a Request or a Pause; whoever does it sends back the Answer, or a NoAnswer.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Generator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode, urlsplit

from timer_service.client.call import Call, Calls
from timer_service.client.errors import NoAnswer, NotFound, TimerServiceError, from_answer, unanswered
from timer_service.client.retries import certainly_not_done, may_pass, pause

#: What goes wrong where an answer has another form.
_NOT_AS_EXPECTED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Service:
    """Where calls go. Raises ValueError for a URL that is none of a service."""

    #: http:// or https://, without a slash at its end.
    url: str
    #: How often a call is repeated at most, unless it says so itself.
    retries: int
    #: Reads the JSON of answers.
    loads: Callable[[bytes], Any]

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if not usable or parts.query or parts.fragment:
            raise ValueError(f"base_url: {self.url!r} is no http:// or https:// URL of a service")
        object.__setattr__(self, "url", self.url.rstrip("/"))


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """The last step: what the method returns."""

    value: T


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content: bytes
    #: Headers; empty where there is none.
    retry_after: str
    location: str


Steps = Generator[Request | Pause | Done[T], Answer | NoAnswer | None, None]


def steps(calls: Calls[T], service: Service) -> Steps[T]:
    """All that is to be done for these calls. Raises TimerServiceError and nothing else, once that is sent back."""
    program = iter(calls)
    try:
        call = next(program)
        while True:
            try:
                value = yield from _repeated(call, service)
            except TimerServiceError as error:
                call = program.throw(error)
            else:
                call = program.send(value)
    except StopIteration as over:
        yield Done(over.value)


def _repeated(call: Call[T], service: Service) -> Generator[Request | Pause | Done[Any], Answer | NoAnswer | None, T]:
    """One call, and its repeats where they are safe."""
    request = _request(call, service)
    retries = service.retries if call.retries is None else call.retries
    number, may_be_deleted = 0, False
    while True:
        number += 1
        try:
            answer = yield request
            assert answer is not None
            return _read(answer, call, service)
        except TimerServiceError as error:
            if may_be_deleted and isinstance(error, NotFound):
                return call.read(None)
            may_be_deleted = may_be_deleted or (call.deletes and not certainly_not_done(error))
            again = number <= retries and (certainly_not_done(error) or (call.repeatable and may_pass(error)))
            wait = pause(number, error.retry_after, random.random()) if again else None
            if wait is None:
                raise
        yield Pause(wait)


def _request(call: Call[Any], service: Service) -> Request:
    query = urlencode({name: value for name, value in call.query.items() if value is not None})
    headers = {"User-Agent": _AGENT, "Accept": "application/json, application/problem+json"}
    if call.body is not None:
        headers["Content-Type"] = "application/json"
    url = service.url + call.path + ("?" + query if query else "")
    return Request(call.method, url, headers | dict(call.headers), call.body)


_AGENT = f"timer-service-client/{version('timer-service')}"


def _read(answer: Answer | NoAnswer, call: Call[T], service: Service) -> T:
    if isinstance(answer, NoAnswer):
        raise unanswered(service.url, answer) from answer.cause
    if 300 <= answer.status < 400:
        where = answer.location or "nowhere"
        raise TimerServiceError(f"{service.url} sends elsewhere, to {where}", status=answer.status)
    if answer.status >= 400:
        raise from_answer(answer.status, answer.content, answer.retry_after)
    try:
        return call.read(None if answer.status == 204 else service.loads(answer.content))
    except _NOT_AS_EXPECTED as error:
        raise TimerServiceError(
            f"what answers at {service.url} is no timer service: {_what_is_wrong(error)}", status=answer.status
        ) from error


def _what_is_wrong(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return "its answer is not JSON"
    return f"its answer is another than this client expects ({type(error).__name__}: {error})"
