"""The part of a URL before its path, and the destination that it names. Many URLs share it, so that what is found out
about it is kept by it."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

_BEFORE_PATH = re.compile(r"[^/?#]*//[^/?#]*")


def before_path(url: str) -> str:
    """Scheme, host and port as written, up to where urlsplit() too sees their end; all of a URL that has none."""
    match = _BEFORE_PATH.match(url)
    return match[0] if match else url


def destination(url: str) -> str:
    """The origin of a URL, as `https:api.example.com:443`: nothing on the way of a path decodes or merges that.

    Raises ValueError for what is no URL.
    """
    return _destination(before_path(url))


@lru_cache(1024)
def _destination(origin: str) -> str:
    parts = urlsplit(origin)
    host = (parts.hostname or "").lower()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}:{f'[{host}]' if ':' in host else host}:{port}"
