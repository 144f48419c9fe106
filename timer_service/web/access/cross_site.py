"""Refuses what a page of another origin makes a browser send: with the browser's network, cookies and passwords.

A browser asks nobody before it sends a POST without a body of JSON; `fire` and `replay` have none. It does say whose
page it was: https://www.w3.org/TR/fetch-metadata/ and RFC 6454. Programs say neither, and are not looked at.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, request

from timer_service.web.access.safe_methods import SAFE_METHODS
from timer_service.web.present import present_request, sent_header
from timer_service.web.problems import Problem

_PORTS = {"http": 80, "https": 443}


def register(app: Flask) -> None:
    @app.before_request
    def _refuse_other_origins() -> None:
        asked = present_request()
        if asked.method in SAFE_METHODS:
            return
        site, origin = sent_header("HTTP_SEC_FETCH_SITE"), sent_header("HTTP_ORIGIN")
        if (site is None and origin is None) or _is_ours(site, origin):
            return
        raise Problem(403, "A page of another origin may not do this.")


def _is_ours(site: str | None, origin: str | None) -> bool:
    if site not in (None, "same-origin", "none"):
        return False
    if origin is None:
        return True
    theirs = _place(origin)
    if theirs is None or origin != origin.lower():
        return False
    # Behind a proxy with TLS the page's scheme is not the one that we see: the browser's own word is needed for that.
    scheme = theirs[0] if site == "same-origin" else request.scheme
    return theirs == _place(f"{scheme}://{request.host}".lower())


def _place(origin: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port of what a browser writes; None for `null` and what is no origin."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname or "", port or _PORTS[parts.scheme]
