"""The part of a URL before its path. Many URLs share it, so that what is found out about it is kept by it."""

from __future__ import annotations

import re

_BEFORE_PATH = re.compile(r"[^/?#]*//[^/?#]*")


def before_path(url: str) -> str:
    """Scheme, host and port as written, up to where urlsplit() too sees their end; all of a URL that has none."""
    match = _BEFORE_PATH.match(url)
    return match[0] if match else url
