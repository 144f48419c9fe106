"""Hides secrets in what is told of a timer: those in headers, and the values of a URL's query."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache

#: What a redacted value reads, and what is refused when it is sent back.
MARK = "***"

_SECRET = re.compile(r"auth|cookie|token|key|secret|passw|session|jwt|signature", re.ASCII | re.IGNORECASE)
#: A part of a query: its name with `=`, where it has one, and its value.
_PART = re.compile(r"([^=&;]*=)?([^&;]*)")


@lru_cache(1024)
def is_secret(header: str) -> bool:
    """Whether a header's name says that its value is one."""
    return bool(_SECRET.search(header))


def shown_headers(headers: Mapping[str, str], write_only: Collection[str]) -> dict[str, str]:
    hidden = _hidden(headers, write_only)
    return {name: MARK if name in hidden else value for name, value in headers.items()}


def marked_headers(headers: Mapping[str, str], write_only: Collection[str]) -> list[str]:
    """Names of those whose value is the mark, and would be told as it."""
    return [name for name in _hidden(headers, write_only) if headers[name] == MARK]


def without_query_values(url: str) -> str:
    """A query often holds what lets one in."""
    if "?" not in url:
        return url
    before, query, after = _cut(url)
    return before + _PART.sub(lambda part: (part[1] or "") + (MARK if part[2] else ""), query) + after


def is_marked(url: str) -> bool:
    """Whether a value of its query is the mark, as it was shown or as some libraries write it."""
    if "?" not in url:
        return False
    _, query, _ = _cut(url)
    return any(part[2].replace("%2A", "*").replace("%2a", "*") == MARK for part in _PART.finditer(query))


def _hidden(headers: Mapping[str, str], write_only: Collection[str]) -> list[str]:
    named = {name.lower() for name in write_only}
    return [name for name in headers if is_secret(name) or name.lower() in named]


def _cut(url: str) -> tuple[str, str, str]:
    """What stands before the query with its `?`, the query, and the fragment with its `#`."""
    rest, hash_, fragment = url.partition("#")
    before, mark, query = rest.partition("?")
    return before + mark, query, hash_ + fragment
