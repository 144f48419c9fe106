"""A timer's request in one line, redacted for who looks at it."""

from __future__ import annotations

import re
from typing import NamedTuple

from scheduler import Timer
from timer_service.web.input.redaction import shown_url

#: Characters of a URL in a list.
_URL = 160
#: What HTML cannot hold, a terminal obeys, or turns the direction of what follows: it is written out as JSON does.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class RequestLine(NamedTuple):
    method: str
    url: str
    #: Characters of the URL that are left out.
    more: int


def request_line(timer: Timer) -> RequestLine:
    url = "" if timer.unreadable else shown_url(timer.webhook.url)
    return RequestLine(timer.webhook.method, url[:_URL], max(0, len(url) - _URL))


def visible(text: str) -> str:
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
