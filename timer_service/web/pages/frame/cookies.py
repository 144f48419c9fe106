"""The cookies of the page: no script reads them, no other site sends them, and each port of a machine has its own."""

from __future__ import annotations

from flask import Response, request


def put(answer: Response, kind: str, value: str, seconds: int | None = None) -> None:
    """For so long, or until the browser is closed."""
    answer.set_cookie(
        _name(kind), value, max_age=seconds, path="/", httponly=True, samesite="Strict", secure=_by_https()
    )


def get(kind: str) -> str:
    """'' if it was not sent."""
    return request.cookies.get(_name(kind), "")


def drop(answer: Response, kind: str) -> None:
    answer.delete_cookie(_name(kind), path="/", httponly=True, samesite="Strict", secure=_by_https())


def _name(kind: str) -> str:
    """Browsers send a cookie to every port of a host: two services on one machine would sign each other out."""
    port = request.host.rpartition(":")[2]
    return f"timer_{kind}_{port}" if port.isascii() and port.isdigit() else f"timer_{kind}"


def _by_https() -> bool:
    """A proxy with TLS may stand before us: then only the browser's own word of where its page is says so."""
    return request.is_secure or request.headers.get("Origin", "").startswith("https:")
