"""Every failure as an answer of application/problem+json (RFC 9457), in one place."""

from __future__ import annotations

import json
import logging
from typing import Any

from flask import Flask, Response, g, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from scheduler import StoreNearCapacity, StoreUnavailable, TimerError
from timer_service.history.errors import HistoryUnavailable
from timer_service.web.access.request_counts import RequestCounts
from timer_service.web.access.safe_methods import SAFE_METHODS
from timer_service.web.problems import PAGES, RETRY_AFTER, Problem, from_engine, of_reading

log = logging.getLogger(__name__)


def response(problem: Problem) -> Response:
    answer = Response(json.dumps(members(problem)), problem.status, mimetype="application/problem+json")
    answer.headers.update(problem.headers)
    return answer


def members(problem: Problem) -> dict[str, Any]:
    """A problem in JSON, for the request under way."""
    return _members(problem, g.get("request_id", ""))


def _members(problem: Problem, request_id: str) -> dict[str, Any]:
    page = PAGES.get(problem.status)
    name = problem.name or (page.name if page else "")
    found: dict[str, Any] = {
        "type": f"/problems/{name}" if name else "about:blank",
        "title": HTTP_STATUS_CODES.get(problem.status, "Error"),
        "status": problem.status,
        "detail": problem.detail,
        "instance": request_id,
        **problem.more,
    }
    if problem.errors:
        found["errors"] = [{"pointer": pointer, "detail": detail} for pointer, detail in problem.errors]
    return found


def plain_response(status: int, request_id: str) -> bytes:
    """A problem as bytes of HTTP, for a request that never reached the application."""
    page = PAGES.get(status, PAGES[400])
    problem = _members(Problem(status, page.text, name=page.name), request_id)
    title, body = problem["title"], json.dumps(problem)
    head = f"HTTP/1.1 {status} {title}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
    head += f"X-Request-Id: {request_id}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def register(app: Flask, counts: RequestCounts) -> None:
    """Have every exception of every view answered as a problem."""

    @app.errorhandler(Problem)
    def _(problem: Problem) -> Response:
        return response(problem)

    @app.errorhandler(TimerError)
    def _(error: TimerError) -> Response:
        if isinstance(error, StoreUnavailable | StoreNearCapacity):
            counts.store_error()
        return response(of_reading(error) if request.method in SAFE_METHODS else from_engine(error))

    @app.errorhandler(HistoryUnavailable)
    def _(_: HistoryUnavailable) -> Response:
        detail = "What the store has forgotten cannot be looked up now: the history's database does not answer."
        retry = {"Retry-After": str(RETRY_AFTER)}
        return response(Problem(503, detail, headers=retry, name="history-unavailable"))

    @app.errorhandler(ParseException)
    def _(error: ParseException) -> Response:
        """gunicorn finds a broken body when the application reads it."""
        return response(Problem(400, "The body is not framed as HTTP wants it."))

    @app.errorhandler(HTTPException)
    def _(error: HTTPException) -> Any:
        if error.code is None or error.code < 400:
            return error
        headers = {name: value for name, value in error.get_headers() if name.lower() in ("allow", "retry-after")}
        page = PAGES.get(error.code)
        return response(Problem(error.code, page.text if page else error.description or "", headers=headers))

    @app.errorhandler(Exception)
    def _(error: Exception) -> Response:
        log.exception("unexpected failure of %s %s", request.method, request.path)
        return response(Problem(500, "Something went wrong here. Nothing was acknowledged."))
