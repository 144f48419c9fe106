"""Sends one call to the service and reads its answer; repeats it where that is safe."""

from __future__ import annotations

import json
import os
import random
import re
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from importlib.metadata import version
from io import BytesIO
from itertools import chain, zip_longest
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import requests
from requests.adapters import HTTPAdapter

from timer_service.client.errors import NotFound, TimerServiceError, from_answer, unanswered
from timer_service.client.retries import certainly_not_done, may_pass, pause

#: Connections kept open to the service; more threads than that still work, on connections that are not kept.
_KEPT = 32
#: Bytes of a body that a slow line takes in less than any timeout.
_LARGE = 64 * 1024
#: What goes wrong where an answer has another form.
_NOT_AS_EXPECTED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_NO_ANSWER = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)


T = TypeVar("T")


class Wire:
    """Makes calls, and makes them again where that is safe. Threads may share it; close() ends its connections.

    call() raises TimerServiceError and nothing else; the constructor ValueError for a URL or a key that cannot be.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        timeout: float,
        retries: int,
        session: requests.Session | None,
        loads: Callable[[bytes], Any],
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"base_url: {base_url!r} is no http:// or https:// URL of a service")
        self._base = base_url.rstrip("/")
        self._timeout = timeout
        self._retries = retries
        self._loads = loads
        self._own = session is None
        self._session = session or requests.Session()
        if self._own:
            for scheme in ("http://", "https://"):
                self._session.mount(scheme, HTTPAdapter(pool_maxsize=_KEPT))
        self._auth = None if api_key is None else _Bearer(api_key)
        self._agent = f"timer-service-client/{version('timer-service')}"

    def close(self) -> None:
        if self._own:
            self._session.close()

    def call(
        self,
        method: str,
        path: str,
        read: Callable[[Any], T],
        *,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = False,
        deletes: bool = False,
        retries: int | None = None,
    ) -> T:
        """What `read` makes of the answer's JSON, or of None where it has no body.

        `repeatable`: done twice is the same as done once. `deletes`: a repeat finds nothing if it was done before, and
        raises no NotFound. Raises TimerServiceError and nothing else.
        """
        retries = self._retries if retries is None else retries
        number, may_be_deleted = 0, False
        while True:
            number += 1
            try:
                return self._once(method, path, read, query, body, headers)
            except TimerServiceError as error:
                if may_be_deleted and isinstance(error, NotFound):
                    return read(None)
                may_be_deleted = may_be_deleted or (deletes and not certainly_not_done(error))
                again = number <= retries and (certainly_not_done(error) or (repeatable and may_pass(error)))
                wait = pause(number, error.retry_after, random.random()) if again else None
                if wait is None:
                    raise
            time.sleep(wait)

    def _once(
        self,
        method: str,
        path: str,
        read: Callable[[Any], T],
        query: Mapping[str, Any] | None,
        body: bytes | None,
        headers: Mapping[str, str] | None,
    ) -> T:
        sent = {"User-Agent": self._agent, "Accept": "application/json, application/problem+json", **(headers or {})}
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        try:
            answer = self._session.request(
                method,
                self._base + path,
                params=query,
                data=_in_pieces(body),
                headers=sent,
                auth=self._auth,
                timeout=self._timeout,
                allow_redirects=False,  # a POST would be followed by a GET, and the key left behind
            )
        except _NO_ANSWER as error:
            raise unanswered(self._base, error) from error
        if 300 <= answer.status_code < 400:
            where = answer.headers.get("Location", "nowhere")
            raise TimerServiceError(f"{self._base} sends elsewhere, to {where}", status=answer.status_code)
        if answer.status_code >= 400:
            raise from_answer(answer.status_code, answer.content, answer.headers.get("Retry-After", ""))
        try:
            return read(None if answer.status_code == 204 else self._loads(answer.content))
        except _NOT_AS_EXPECTED as error:
            raise TimerServiceError(
                f"what answers at {self._base} is no timer service: {_what_is_wrong(error)}", status=answer.status_code
            ) from error


def _in_pieces(body: bytes | None) -> bytes | BytesIO | None:
    """A large body as a file: as bytes it is sent at once, and the timeout would be for the whole of it."""
    return BytesIO(body) if body is not None and len(body) > _LARGE else body


def read_nothing(answer: Any) -> None:
    """Reads an answer without a body."""
    if answer is not None:
        raise ValueError("there should be none")


def _what_is_wrong(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return "its answer is not JSON"
    return f"its answer is another than this client expects ({type(error).__name__}: {error})"


class _Bearer(requests.auth.AuthBase):
    """As an auth object, not a header: a header would lose to an entry in ~/.netrc."""

    def __init__(self, key: str) -> None:
        check("api_key", key)  # http.client would refuse it too, and put it into its message
        self._header = f"Bearer {key}"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._header
        return request


def check(name: str, value: str) -> None:
    """What goes into a header as one word."""
    if not re.fullmatch(r"[\x21-\x7e]{1,255}", value):
        raise ValueError(f"{name}: 1 to 255 visible ASCII characters, without spaces and line ends")


def segment(text: str) -> str:
    """An id or a key as one part of a path."""
    if text in ("", ".", ".."):
        raise ValueError(f"{text!r} is no id or key that a URL can name")
    return quote(text, safe="")


#: Stands in JSON where the digits of a Decimal are put.
_PLACE = os.urandom(16).hex()


def encode(value: Any) -> bytes:
    """A Decimal goes in its own digits. Raises ValueError or TypeError for what JSON cannot say."""
    numbers: list[str] = []

    def place(value: Any) -> str:
        if not isinstance(value, Decimal):
            raise TypeError(f"JSON has no form for {value!r}")
        if not value.is_finite():
            raise ValueError(f"JSON has no form for {value}")
        numbers.append(str(value))
        return _PLACE

    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=place)
    return "".join(chain.from_iterable(zip_longest(text.split(f'"{_PLACE}"'), numbers, fillvalue=""))).encode()


def idempotency_header(idempotency_key: str) -> dict[str, str]:
    check("idempotency_key", idempotency_key)
    return {"Idempotency-Key": idempotency_key}


def if_match_header(version: str | None) -> dict[str, str]:
    if version is None:
        return {}
    check("if_version", version)
    return {"If-Match": f'"{version}"'}
