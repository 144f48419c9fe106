"""Counts each request, and logs it as one line. Never the query, a header or a body.

The answer to a view that looks again by itself is not logged: a tab that is left open would write a line every 2 s.
"""

from __future__ import annotations

import logging
import time

from flask import Flask, Response

from timer_service.logs import fields
from timer_service.web.access.request_counts import NO_ROUTE, RequestCounts, route_name
from timer_service.web.present import present_notes, present_request

log = logging.getLogger(__name__)


def register(app: Flask, counts: RequestCounts) -> None:
    """Register first: its hooks then run first before and last after a request, and time all between."""

    @app.before_request
    def _begin() -> None:
        present_notes().begun = time.perf_counter()

    # Those registered first run last.
    @app.after_request
    def _end(response: Response) -> Response:
        asked, notes = present_request(), present_notes()
        seconds = time.perf_counter() - notes.begun
        route = route_name(asked.url_rule.rule) if asked.url_rule else NO_ROUTE
        counts.request(route, asked.method, response.status_code, seconds)
        if log.isEnabledFor(logging.INFO) and "is_repeat" not in notes:
            extra = fields(
                request_id=notes.request_id,
                method=asked.method,
                path=asked.path,
                status=response.status_code,
                duration_ms=round(1000 * seconds, 1),
            )
            if "credential" in notes:
                extra["fields"]["key"] = notes.credential
            if response.status_code == 201 and response.location:
                extra["fields"]["timer_id"] = response.location.rpartition("/")[2]
            log.info("request", extra=extra)
        return response
