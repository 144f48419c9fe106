"""Tasks as a WSGI application, below whatever it is mounted."""

from __future__ import annotations

import io
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import pytest
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from tests.tasks.signed import body, headers
from timer_service.tasks import Tasks


@pytest.fixture
def adding(tasks: Tasks) -> Tasks:
    tasks.task(name="add")(lambda a, b: a + b)
    return tasks


class _Body(io.BytesIO):
    """Gives at most seven bytes at once, as a socket may; counts what was taken."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(min(7, size) if size is not None and size >= 0 else 7)
        self.taken += len(found)
        return found


def called(
    tasks: Tasks, raw: bytes, method: str = "POST", environ: Mapping[str, Any] = MappingProxyType({})
) -> tuple[str, dict[str, str], bytes, int]:
    """Status line, headers, body, and how many bytes were read."""
    started: list[Any] = []
    signed = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers(raw).items()}
    stream = _Body(raw)
    sent = {"REQUEST_METHOD": method, "PATH_INFO": "/", "wsgi.input": stream, "CONTENT_LENGTH": str(len(raw)), **signed}
    given = {name: value for name, value in (sent | dict(environ)).items() if value is not None}
    pieces = tasks.wsgi_app(given, lambda *words: started.append(words))
    ((status, answered),) = started
    return status, dict(answered), b"".join(pieces), stream.taken


def test_a_task_is_called(adding: Tasks) -> None:
    status, answered, text, _ = called(adding, body("add", 2, 3))
    assert (status, text) == ("200 OK", b"5")
    assert answered["timer-scope"] == "timer"


@pytest.mark.parametrize("length", [None, ""])
def test_a_body_of_unknown_length_is_read_where_the_server_ends_it(adding: Tasks, length: str | None) -> None:
    raw = body("add", 2, 3)
    chunked = {"CONTENT_LENGTH": length, "HTTP_TRANSFER_ENCODING": "chunked"}
    ends = {**chunked, "wsgi.input_terminated": True}
    assert called(adding, raw, environ=ends)[:3:2] == ("200 OK", b"5")
    status, _, _, taken = called(adding, raw, environ=chunked)
    assert (status, taken) == ("401 Unauthorized", 0)


#: Its words are others from Python 3.13 on.
TOO_LARGE = f"413 {HTTPStatus(413).phrase}"


def test_no_more_is_read_than_a_task_may_have(adding: Tasks) -> None:
    huge = b"x" * 1_000_000
    assert called(adding, huge)[0::3] == (TOO_LARGE, 0)
    status, _, _, taken = called(adding, huge, environ={"CONTENT_LENGTH": None, "wsgi.input_terminated": True})
    assert (status, taken) == (TOO_LARGE, 256 * 1024 + 1)
    assert called(adding, b"", environ={"CONTENT_LENGTH": "9" * 100})[0] == TOO_LARGE


@pytest.mark.parametrize("length", ["-1", "x", "1.5", "²"])
def test_a_length_that_is_none_is_400(adding: Tasks, length: str) -> None:
    assert called(adding, b"", environ={"CONTENT_LENGTH": length})[0] == "400 Bad Request"


def test_a_body_that_ends_early_is_not_signed(adding: Tasks) -> None:
    raw = body("add", 2, 3)
    assert called(adding, raw, environ={"wsgi.input": io.BytesIO(raw[:-1])})[0] == "401 Unauthorized"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_other_methods_are_405_and_their_body_is_not_read(adding: Tasks, method: str) -> None:
    status, answered, text, taken = called(adding, b"x" * 1000, method)
    assert (status, answered["allow"], taken) == ("405 Method Not Allowed", "POST", 0)
    assert (text == b"") == (method == "HEAD")


def test_every_status_has_a_line(adding: Tasks) -> None:
    assert called(adding, b"{}")[0] == "489 Rejected"


def test_it_may_be_mounted_below_any_path(adding: Tasks) -> None:
    client = Client(DispatcherMiddleware(lambda *_: [], {"/deep/below": adding.wsgi_app}))
    raw = body("add", 2, 3)
    for path in ("/deep/below", "/deep/below/", "/deep/below/tasks"):
        assert client.post(path, data=raw, headers=headers(raw)).json == 5
