"""The receiver of a test: it keeps each request, and answers as the test says."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from timer_service.testing.received import Answer, Answering, Received

if TYPE_CHECKING:
    from wsgiref.types import StartResponse

_NO_BODY = (204, 304)


class Receiver:
    """A WSGI application, for any number of threads. It answers 200 unless told otherwise."""

    def __init__(self) -> None:
        #: In the order of arrival.
        self.received: list[Received] = []
        #: What functions that were to answer have raised; each was answered with 500.
        self.raised: list[BaseException] = []
        self._answers: list[Answering] = [200]
        self._lock = threading.Lock()

    def answer(self, *answers: Answering) -> None:
        """From now on these, in turn, and the last one again and again. Raises ValueError for none."""
        if not answers:
            raise ValueError("answers: at least one is needed")
        with self._lock:
            self._answers = list(answers)

    def __call__(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = _read(environ)
        with self._lock:
            self.received.append(request)
            answer = self._answers[0]
            if len(self._answers) > 1:
                del self._answers[0]
        found = self._made(answer, request)
        body = found.body.encode() if isinstance(found.body, str) else found.body
        headers = [(name, value) for name, value in found.headers.items()]
        if found.status not in _NO_BODY:
            headers.append(("content-length", str(len(body))))
        start_response(f"{found.status} {_phrase(found.status)}", headers)
        return [body]

    def _made(self, answer: Answering, request: Received) -> Answer:
        if callable(answer):
            try:
                answer = answer(request)
            except BaseException as error:  # a failed assertion, and what pytest.fail() raises
                self.raised.append(error)
                answer = 500
        return answer if isinstance(answer, Answer) else Answer(answer)


def _read(environ: Mapping[str, Any]) -> Received:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_") or (name in ("CONTENT_TYPE", "CONTENT_LENGTH") and value)
    }
    return Received(
        method=environ["REQUEST_METHOD"],
        path=environ["REQUEST_URI"],
        headers=headers,
        body=environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)),
    )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
