"""What a URL says before its path. Many URLs share a few of these: what is found out about one serves for all."""

from __future__ import annotations

import re

_BEFORE_PATH = re.compile(r"[^/?#]*//[^/?#]*")


def before_path(url: str) -> str:
    """Scheme, host and port as written, up to where urlsplit() too sees their end; all of a URL that has none."""
    match = _BEFORE_PATH.match(url)
    return match[0] if match else url
