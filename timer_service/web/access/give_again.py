"""Answers that our own server may give again for a moment, without asking the application. Other servers ask always."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flask import current_app, request

from scheduler import Settings
from timer_service.web.access.request_counts import RequestCounts, route_name

#: Where a server that can do so puts into the WSGI environ what `allow` calls.
KEY = "timer_service.give_again"
#: Told the seconds that it took each time.
Count = Callable[[float], None]
#: Takes the seconds for which the answer may be given again, and what is to be called each time that it was.
GiveAgain = Callable[[float, Count], None]


def allow(seconds: float, status: int) -> None:
    """Have the answer to the request under way given again for so long. It has this status, and is of no one viewer.

    Each time is counted like a request, and not logged. With API keys every request is asked for its own, which may
    have been revoked; with traces each has a span: then nothing is given again.
    """
    give_again: GiveAgain | None = request.environ.get(KEY)
    settings: Settings = current_app.extensions["settings"]
    if give_again is None or seconds <= 0 or settings.has_keys or settings.traces or request.url_rule is None:
        return
    counts: RequestCounts = current_app.extensions["request_counts"]
    give_again(seconds, partial(counts.request, route_name(request.url_rule.rule), request.method, status))
