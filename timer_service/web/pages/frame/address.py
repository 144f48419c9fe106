"""Where a view is found: as it stands in a link, and the service in a command that somebody copies."""

from __future__ import annotations

from urllib.parse import quote

from flask import request

#: Of a query, what stays as it came; all else of it is percent-encoded.
_KEPT = "!$&'()*+,-./:;=?@_~%"


def of_request() -> str:
    """Path and query of the request under way, in ASCII."""
    query = quote(request.query_string, safe=_KEPT)
    return quote(request.path) + (f"?{query}" if query else "")


def origin() -> str:
    """Scheme, host and port that the browser used. Behind a proxy with TLS that is what the proxy says of the scheme;
    whoever says so without one changes what they are shown themselves, and nothing else."""
    said = request.headers.get("X-Forwarded-Proto", "").partition(",")[0].strip().lower()
    return f"{'https' if said == 'https' else request.scheme}://{request.host}"
