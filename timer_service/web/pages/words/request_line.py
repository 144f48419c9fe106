"""A timer's request in one line, redacted for who looks at it."""

from __future__ import annotations

from typing import NamedTuple

from scheduler import Timer
from timer_service.web.input.redaction import shown_url

#: Characters of a URL in a list.
_URL = 160


class RequestLine(NamedTuple):
    method: str
    url: str
    #: Characters of the URL that are left out.
    more: int


def request_line(timer: Timer) -> RequestLine:
    url = "" if timer.unreadable else shown_url(timer.webhook.url)
    return RequestLine(timer.webhook.method, url[:_URL], max(0, len(url) - _URL))
