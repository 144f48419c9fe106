"""Whether the API of this machine answers."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException


def bracketed(host: str) -> str:
    """As a host stands before a port: an IPv6 address goes into brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def api_answers(host: str, port: int, timeout: float = 2.0) -> bool:
    """Asks without any proxy of the environment."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    connection = HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
