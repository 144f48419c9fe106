"""Who may do what: bearer keys when there are any, this machine's own users when there are none."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from functools import lru_cache
from urllib.parse import urlsplit

from flask import Flask, current_app, g, request

from scheduler import Settings, is_loopback
from timer_service.web.access.rate_limit import Rates
from timer_service.web.problems import Problem

#: Probes and explanations need no key.
_OPEN = re.compile(r"/(?:livez|readyz|problems/[a-z-]+)/?")
#: With keys, so is the description: a browser's address line sends none, and it tells nothing that is not public.
_OPEN_WITH_KEYS = re.compile(rf"{_OPEN.pattern}|/openapi.json/?|/docs(?:/.*)?")
#: Timers that a call may be about for the price of one request.
_TIMERS_A_REQUEST = 100
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


def register(app: Flask, settings: Settings) -> None:
    """Look at every request before its view does."""
    if settings.api_keys:
        keys = [entry.split(":") for entry in settings.api_keys.split(",") if entry]
        rates = app.extensions["rates"] = Rates(settings.rate_limit)

        @app.before_request
        def _with_key() -> None:
            if not _OPEN_WITH_KEYS.fullmatch(request.path) and (wait := rates.wait(_check_key(keys))):
                raise Problem(429, "This key makes too many requests.", headers={"Retry-After": str(wait)})

    else:
        allowed = {host.strip().lower() for host in settings.allowed_hosts.split(",") if host.strip()}

        @lru_cache(256)
        def is_known(host: str) -> bool:
            name = _host_name(host)
            return is_loopback(name) or bool(allowed & {name, "*"})

        @app.before_request
        def _by_known_host() -> None:
            # A page in a browser can make its own name point here (DNS rebinding), but not change the Host it sends.
            if not (is_known(request.host) or _OPEN.fullmatch(request.path)):
                raise Problem(
                    403, "Without API keys, only known names are answered: see Host, and TIMER_ALLOWED_HOSTS."
                )


def charge(timers: int) -> None:
    """Count a call for as many requests as there are hundreds of timers in it, or that it may look at."""
    rates: Rates | None = current_app.extensions.get("rates")
    if rates is not None and timers > _TIMERS_A_REQUEST:
        rates.charge(g.credential, timers / _TIMERS_A_REQUEST - 1)


def new_key(name: str, scope: str) -> tuple[str, str]:
    """The key for the client, and the entry for TIMER_API_KEYS."""
    token = f"tk_{secrets.token_urlsafe(32)}"
    return token, f"{name}:{scope}:{_digest(token.encode())}"


def _check_key(keys: list[list[str]]) -> str:
    """The name of the key that was sent. Raises Problem."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    given = _digest(token.strip().encode("latin-1", "replace")).encode()
    found = [(name, scope) for name, scope, digest in keys if hmac.compare_digest(given, digest.encode())]
    if kind.lower() != "bearer" or not found:
        raise Problem(
            401,
            "Send a key that this service knows: `Authorization: Bearer <key>`.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    name, scope = found[0]
    g.credential = name
    g.may_only_read = scope != "write"
    if request.method not in _READS and scope != "write":
        raise Problem(403, "This key may only read.")
    return name


def _digest(token: bytes) -> str:
    return hashlib.sha256(token).hexdigest()


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
