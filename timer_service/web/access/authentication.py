"""Who may do what: bearer keys when there are any, this machine's own users when there are none."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

from flask import Flask, current_app, g

from scheduler import Settings, is_loopback
from timer_service.web.access.api_keys import ApiKey, find_key
from timer_service.web.access.rate_limit import Rates
from timer_service.web.access.safe_methods import SAFE_METHODS
from timer_service.web.access.settings_files import KeysNow
from timer_service.web.input.redaction import for_reader
from timer_service.web.present import present_notes, present_request
from timer_service.web.problems import Problem

#: Probes and explanations need no key.
_OPEN = re.compile(r"/(?:livez|readyz|problems(?:/[a-z-]+)?)/?")
#: With keys, so is the description: a browser's address line sends none, and it tells nothing that is not public. The
#: page for people looks by itself who has signed in.
_OPEN_WITH_KEYS = re.compile(rf"{_OPEN.pattern}|/openapi.json/?|/docs(?:/.*)?|/ui(?:/.*)?")
#: Asks by POST, and changes nothing.
_QUESTION = re.compile(r"/schedules/preview/?")
#: Timers that a call may be about for the price of one request.
_TIMERS_A_REQUEST = 100


def register(app: Flask, settings: Settings, keys: KeysNow) -> None:
    """Look at every request before its view does."""
    if settings.has_keys:
        _ask_for_keys(app, keys, Rates(settings.rate_limit))
    else:
        _ask_for_known_hosts(app, settings.allowed_hosts)


def charge(timers: int) -> None:
    """Count a call for as many requests as there are hundreds of timers in it, or that it may look at."""
    rates: Rates | None = current_app.extensions.get("rates")
    if rates is not None and timers > _TIMERS_A_REQUEST:
        rates.charge(g.credential, timers / _TIMERS_A_REQUEST - 1)


def _ask_for_keys(app: Flask, keys: KeysNow, rates: Rates) -> None:
    app.extensions["rates"] = rates

    @app.before_request
    def _with_key() -> None:
        if not _OPEN_WITH_KEYS.fullmatch(present_request().path) and (wait := rates.wait(_check_key(keys()))):
            raise Problem(429, "This key makes too many requests.", headers={"Retry-After": str(wait)})


def _check_key(keys: list[ApiKey]) -> str:
    """The name of the key that was sent. Raises Problem."""
    asked = present_request()
    key = find_key(keys, asked.headers.get("Authorization", ""))
    if key is None:
        raise Problem(
            401,
            "Send a key that this service knows: `Authorization: Bearer <key>`.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    present_notes().credential = key.name
    for_reader.set(not key.may_write)  # by each request: a thread serves many
    if asked.method not in SAFE_METHODS and not key.may_write and not _QUESTION.fullmatch(asked.path):
        raise Problem(403, "This key may only read.")
    return key.name


def _ask_for_known_hosts(app: Flask, names: str) -> None:
    """A page in a browser can make its own name point here (DNS rebinding), but not change the Host it sends."""
    allowed = {name.strip().lower() for name in names.split(",") if name.strip()}

    @lru_cache(256)
    def is_known(host: str) -> bool:
        name = _host_name(host)
        return is_loopback(name) or bool(allowed & {name, "*"})

    @app.before_request
    def _by_known_host() -> None:
        for_reader.set(False)
        asked = present_request()
        if not (is_known(asked.host) or _OPEN.fullmatch(asked.path)):
            raise Problem(403, "Without API keys, only known names are answered: see Host, and TIMER_ALLOWED_HOSTS.")


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
