"""Where a view is found, as it stands in a link."""

from __future__ import annotations

from urllib.parse import quote

from flask import request

#: Of a query, what stays as it came; all else of it is percent-encoded.
_KEPT = "!$&'()*+,-./:;=?@_~%"


def of_request() -> str:
    """Path and query of the request under way, in ASCII."""
    query = quote(request.query_string, safe=_KEPT)
    return quote(request.path) + (f"?{query}" if query else "")
