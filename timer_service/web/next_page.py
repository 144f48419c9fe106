"""Where a list goes on, as a header of its answer (RFC 8288)."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import request


def link_to_next(cursor: str | None) -> dict[str, str]:
    """The same request with this cursor; no header on the last page."""
    if cursor is None:
        return {}
    return {"Link": f'<{request.path}?{urlencode({**request.args, "cursor": cursor})}>; rel="next"'}
