"""What answers hide: secrets in headers, and from keys that may only read, the values of a URL's query."""

from __future__ import annotations

from contextvars import ContextVar

from scheduler import redaction

MARK = redaction.MARK
is_marked, is_secret = redaction.is_marked, redaction.is_secret
marked_headers, shown_headers = redaction.marked_headers, redaction.shown_headers

#: Whether the answer under way is for a key that may only read.
for_reader: ContextVar[bool] = ContextVar("for_reader", default=False)


def shown_url(url: str) -> str:
    return redaction.without_query_values(url) if for_reader.get() else url
