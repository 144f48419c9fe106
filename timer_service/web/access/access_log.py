"""Counts each request, and logs it as one line. Never the query, a header or a body.

The answer to a view that looks again by itself is not logged: a tab that is left open would write a line every 2 s.
"""

from __future__ import annotations

import logging
import time

from flask import Flask, Response, g, request

from timer_service.logs import fields
from timer_service.web.access.request_counts import NO_ROUTE, RequestCounts, route_name

log = logging.getLogger(__name__)


def register(app: Flask, counts: RequestCounts) -> None:
    """Register first: its hooks then run first before and last after a request, and time all between."""

    @app.before_request
    def _begin() -> None:
        g.begun = time.perf_counter()

    # Those registered first run last.
    @app.after_request
    def _end(response: Response) -> Response:
        seconds = time.perf_counter() - g.begun
        route = route_name(request.url_rule.rule) if request.url_rule else NO_ROUTE
        counts.request(route, request.method, response.status_code, seconds)
        if log.isEnabledFor(logging.INFO) and "is_repeat" not in g:
            extra = fields(
                request_id=g.request_id,
                method=request.method,
                path=request.path,
                status=response.status_code,
                duration_ms=round(1000 * seconds, 1),
            )
            if "credential" in g:
                extra["fields"]["key"] = g.credential
            if response.status_code == 201 and response.location:
                extra["fields"]["timer_id"] = response.location.rpartition("/")[2]
            log.info("request", extra=extra)
        return response
