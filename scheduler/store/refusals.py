"""What an error that the store answers means: its kind in one word, and whether anything can have been done."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable

import redis

log = logging.getLogger(__name__)

#: Codes of errors that a server answers before it begins to do what it was asked.
_BEFORE = {
    "NOPERM": "noperm",
    "NOAUTH": "noperm",
    "WRONGPASS": "noperm",
    "OOM": "oom",
    "READONLY": "readonly",
    "MISCONF": "misconf",
    "BUSY": "busy",
    "LOADING": "loading",
    "MASTERDOWN": "replica",
    "NOREPLICAS": "replica",
    "NOSCRIPT": "noscript",
    "CLUSTERDOWN": "cluster",
    "MOVED": "cluster",
    "ASK": "cluster",
    "TRYAGAIN": "cluster",
    "CROSSSLOT": "cluster",
}
#: Every kind of failure there is; the first is that of a store that cannot be reached, or does not answer.
KINDS = ("away", *dict.fromkeys(_BEFORE.values()), "unsuitable", "other")
#: In every error that a server raises while a script runs.
_IN_A_SCRIPT = "@user_script"
#: How Redis 6.2 and older answer a script that begins with `#!lua`.
_TOO_OLD = re.compile(r"compiling script.*near '#'", re.IGNORECASE)
#: How servers word that a script used what its user may not.
_NOT_PERMITTED = ("ACL failure in script", "The user executing the script can't")
#: Of a script that met, in its middle, a key that another node of the cluster has by now.
_ELSEWHERE = "non local key"
#: Seconds after which a kind of refusal is logged again.
_AGAIN = 3600.0


def kind(error: redis.RedisError) -> str:
    """One of KINDS."""
    text = str(error)
    if _TOO_OLD.search(text):
        return "unsuitable"
    if any(words in text for words in _NOT_PERMITTED):
        return "noperm"
    if _ELSEWHERE in text:
        return "cluster"
    if isinstance(error, redis.exceptions.AuthenticationError | redis.exceptions.AuthorizationError):
        return "noperm"
    return _BEFORE.get(_code(error), "other")


def is_of_layout(error: redis.RedisError) -> bool:
    """Whether a script of ours found that the store is laid out for others (lua/shared/layout.lua)."""
    return _code(error) == "LAYOUT"


def is_of_password(error: redis.RedisError) -> bool:
    """Whether the server does not let us in: no password or a wrong one, or a user that it does not know."""
    return isinstance(error, redis.exceptions.AuthenticationError) or _code(error) in ("NOAUTH", "WRONGPASS")


def may_have_run(error: redis.RedisError) -> bool:
    """Whether the store may have done some of what it refused: unless its answer proves that nothing ran.

    A script that fails in its middle leaves what it has written until then.
    """
    if isinstance(error, redis.exceptions.AuthenticationError) or _TOO_OLD.search(str(error)):
        return False
    return _code(error) not in _BEFORE or _IN_A_SCRIPT in str(error)


def _code(error: redis.RedisError) -> str:
    """The first word of what the server answered, which redis-py takes out of the text of some errors."""
    code = getattr(error, "status_code", None)
    return str(code) if code else str(error).partition(" ")[0]


class RefusalLog:
    """Logs each kind of refusal once, and once an hour while it lasts: not every call."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._told: dict[str, float] = {}

    def tell(self, kind: str, text: str) -> None:
        with self._lock:
            now = self._clock()
            if now < self._told.get(kind, now):
                return
            self._told[kind] = now + _AGAIN
        log.warning("%s", text)
