"""Runs the application for one request and gives its answer as bytes."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Callable, Iterable
from typing import Any

from gunicorn.http import wsgi

from timer_service.logs import fields
from timer_service.process.server.connection import Answer
from timer_service.process.server.repeated_answers import RepeatedAnswers
from timer_service.process.server.request_reader import Incoming, Refused
from timer_service.web.access import access_log, give_again
from timer_service.web.problem_answers import plain_response

log = logging.getLogger(__name__)

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class _Wire:
    """Collects what gunicorn's Response sends, so that no thread waits for a client that reads slowly."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.sendall = self.pieces.append

    def send(self, data: bytes) -> int:
        """gunicorn says `100 Continue` here; the body has come already."""
        return len(data)


def run_request(
    app: Application,
    request: Incoming,
    client: Any,
    server: Any,
    cfg: Any,
    *,
    last: bool,
    repeated: RepeatedAnswers,
) -> Answer:
    """The application's answer to this request, which `repeated` keeps if it says so. Raises nothing.

    `last`: no other will be read from its connection.
    """
    wire = _Wire()
    #: Until when, and what counts it then.
    allowed: list[tuple[float, give_again.Count]] = []
    try:
        response, environ = wsgi.create(request.head, wire, client, server, cfg)
        environ["wsgi.multithread"] = True
        environ["wsgi.input"] = io.BytesIO(request.body)
        environ[give_again.KEY] = lambda seconds, count: allowed.append((repeated.clock() + seconds, count))
        if last:
            response.force_close()
        parts = app(environ, response.start_response)
        try:
            for part in parts:
                response.write(part)
            response.close()
        finally:
            if hasattr(parts, "close"):
                parts.close()
        answer = Answer(wire.pieces, response.should_close())
        for until, count in allowed:
            repeated.keep(request, answer, until, count)
        return answer
    except Exception:
        log.exception("a request failed outside of the application")
        return refusal(Refused(500, "failed"))


def refusal(why: Refused) -> Answer:
    """The answer to what never reaches the application, which ends its connection; logged as a request."""
    request_id = os.urandom(16).hex()
    access_log.log.info("request", extra=fields(request_id=request_id, status=why.status, refused=why.reason))
    return Answer([plain_response(why.status, request_id)], closes=True)
