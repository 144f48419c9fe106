"""The address of the store as a user writes it: refused where redis-py would read it otherwise than it looks."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, urlsplit

import redis

#: Options that say how to get in. All others (decode_responses, socket_timeout, protocol, ...) change how answers are
#: read or how long is waited, which is ours to say: TIMER_STORE_TIMEOUT.
_OPTIONS = {"client_name"}
_UNIX_OPTIONS = {"db", "username", "password"}
_TLS_OPTIONS = {
    "ssl_ca_certs",
    "ssl_ca_path",
    "ssl_cert_reqs",
    "ssl_certfile",
    "ssl_check_hostname",
    "ssl_keyfile",
    "ssl_min_version",
    "ssl_password",
}
#: Of this or anything else that is said no part of the URL is a part: it may be one of the password.
_ESCAPE = "in a user name or password write @ as %40, : as %3A, / as %2F, # as %23, ? as %3F, % as %25"


def check(text: str) -> None:
    """Raises ValueError, whose message says what the URL must be and never repeats any of it."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise ValueError(f"a URL with a host and a port from 1 to 65535; {_ESCAPE}") from None
    if url.scheme not in ("redis", "rediss", "unix"):
        raise ValueError("a redis://, rediss:// or unix:// URL")
    if "#" in text or not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise ValueError(f"a URL without #, blanks and the like; {_ESCAPE}")
    if re.search(r"%(?![0-9A-Fa-f]{2})", text) or url.netloc.count("@") > 1 or "@" in url.path + url.query:
        raise ValueError(f"a URL whose only @ stands before the host; {_ESCAPE}")
    if port == 0 or url.netloc.endswith(":"):
        raise ValueError(f"a URL with a port from 1 to 65535, or none; {_ESCAPE}")
    if url.scheme == "unix":
        _check_socket(url)
    elif not re.fullmatch(r"/?|/[0-9]{1,5}", url.path):
        raise ValueError(f"a URL that ends in the number of a database, as /0; {_ESCAPE}")
    _check_options(url)
    try:
        pool = redis.ConnectionPool.from_url(text)
        pool.connection_class(**pool.connection_kwargs)  # which connects nothing yet
    except (ValueError, TypeError, redis.RedisError):
        raise ValueError("a URL that redis-py understands") from None


def _check_socket(url: SplitResult) -> None:
    if url.hostname or len(url.path) < 2:
        raise ValueError("unix:/// and the path of a socket, with three slashes")


def _check_options(url: SplitResult) -> None:
    allowed = _OPTIONS | {"unix": _UNIX_OPTIONS, "rediss": _TLS_OPTIONS}.get(url.scheme, set())
    try:
        options = parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query))
    except ValueError:
        options = [("", "")]
    names = [name for name, _ in options]
    if not allowed.issuperset(names) or len(set(names)) < len(names) or not all(value for _, value in options):
        raise ValueError(
            f"a URL with no options but, once each, {', '.join(sorted(allowed))}; TIMER_STORE_TIMEOUT sets timeouts"
        )
    if not re.fullmatch("[0-9]{1,5}", dict(options).get("db", "0")):
        raise ValueError("a URL whose database is a number, as db=0")
