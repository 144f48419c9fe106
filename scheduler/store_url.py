"""The address of the store, read from its URL: one that redis-py would read otherwise than it looks is refused.

    redis://[user:password@]host[:port][/database]                     one server
    unix:///path                                                       one server, on a socket
    redis+sentinel://[user:password@]host[:port],.../name[/database]   the primary that sentinels know by this name
    redis+cluster://[user:password@]host[:port],...                    nodes of a cluster

`rediss` instead of `redis` means TLS.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

import redis
from redis.connection import parse_url

from scheduler.store_address import Access, Address, Host, Kind

_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("redis", "rediss", "unix"), "plain"),
    **dict.fromkeys(("redis+sentinel", "rediss+sentinel"), "sentinel"),
    **dict.fromkeys(("redis+cluster", "rediss+cluster"), "cluster"),
}
_PORTS: Mapping[Kind, int] = {"plain": 6379, "cluster": 6379, "sentinel": 26379}
#: What stands behind the hosts. A sentinel's name of a primary has these characters only; one that is a number could
#: be meant as the database, unless one follows.
_PATHS: Mapping[Kind, tuple[str, str]] = {
    "plain": (r"/?|/(?P<db>[0-9]{1,5})", "the number of a database, as /0"),
    "cluster": (r"/?|/(?P<db>0)", "the hosts, or /0: a cluster has one database"),
    "sentinel": (
        r"/(?P<name>(?![0-9]*/?$)[A-Za-z0-9._-]{1,128}|[0-9]{1,128}(?=/[0-9]))(/(?P<db>[0-9]{1,5}))?/?",
        "the name that the sentinels have for the primary, as /mymaster, or that and a database, as /mymaster/0",
    ),
}
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
#: Before an option that is meant for the sentinels and not for the store.
_OF_SENTINELS = "sentinel_"
#: Of this or anything else that is said no part of the URL is a part: it may be one of the password.
_ESCAPE = "in a user name or password write @ as %40, : as %3A, / as %2F, # as %23, ? as %3F, % as %25"


def parse(text: str) -> Address:
    """Raises ValueError, whose message says what the URL must be and never repeats any of it."""
    try:
        url = urlsplit(text)
    except ValueError:
        raise ValueError(f"a URL with a host and a port from 1 to 65535; {_ESCAPE}") from None
    kind = _KINDS.get(url.scheme)
    if kind is None:
        raise ValueError("a redis://, rediss:// or unix:// URL, or one of redis+sentinel:// or redis+cluster://")
    if "#" in text or not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise ValueError(f"a URL without #, blanks and the like; {_ESCAPE}")
    if re.search(r"%(?![0-9A-Fa-f]{2})", text) or url.netloc.count("@") > 1 or "@" in url.path + url.query:
        raise ValueError(f"a URL whose only @ stands before the host; {_ESCAPE}")
    user, at, places = url.netloc.rpartition("@")
    hosts, path, name, db = _hosts(places, kind), "", "", ""
    if url.scheme == "unix":
        if places or len(url.path) < 2:
            raise ValueError("unix:/// and the path of a socket, with three slashes")
        hosts, path = (), unquote(url.path)
    else:
        name, db = _name_and_database(url.path, kind)
    options = _options(url, kind)
    scheme = url.scheme.partition("+")[0]
    access = _access(scheme, user + at, options)
    return Address(
        kind=kind,
        hosts=hosts,
        path=path,
        name=name,
        db=int(options.get("db", db) or 0),
        client_name=options.get("client_name"),
        access=access,
        sentinel_access=_sentinel_access(scheme, options),
    )


def _hosts(places: str, kind: Kind) -> tuple[Host, ...]:
    """Of a plain URL there may be none, which is this machine."""
    found = []
    for place in places.split(","):
        try:
            it = urlsplit(f"//{place}")
            name, port = unquote(it.hostname or ""), it.port
        except ValueError:
            name, port = "", 0
        if port == 0 or place.endswith(":") or not (name or (kind == "plain" and not place)):
            raise ValueError(f"a URL with a host and a port from 1 to 65535, or none; {_ESCAPE}")
        found.append(Host(name or "localhost", port or _PORTS[kind]))
    if kind == "plain" and len(found) > 1:
        raise ValueError("a URL with one host: several are those of redis+sentinel:// or redis+cluster://")
    if len(set(found)) < len(found):
        raise ValueError("a URL that names each host once")
    return tuple(found)


def _name_and_database(path: str, kind: Kind) -> tuple[str, str]:
    form, words = _PATHS[kind]
    match = re.fullmatch(form, path)
    if not match:
        raise ValueError(f"a URL that ends in {words}; {_ESCAPE}")
    said = match.groupdict()
    return said.get("name") or "", said.get("db") or ""


def _options(url: SplitResult, kind: Kind) -> dict[str, str]:
    tls = _TLS_OPTIONS if url.scheme.startswith("rediss") else set()
    allowed = _OPTIONS | tls | (_UNIX_OPTIONS if url.scheme == "unix" else set())
    if kind == "sentinel":
        allowed |= {_OF_SENTINELS + name for name in {"username", "password"} | tls}
    if "+" in url.query:
        raise ValueError("a URL whose options have + written as %2B: redis-py reads it as a blank")
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
    return dict(options)


def _sentinel_access(scheme: str, options: Mapping[str, str]) -> Access:
    """By default over TLS as the store is, and without a password."""
    said = {name: value for name, value in options.items() if name in _TLS_OPTIONS}
    for name, value in options.items():
        if name.startswith(_OF_SENTINELS):
            said[name.removeprefix(_OF_SENTINELS)] = value
    return _access(scheme, "", said)


def _access(scheme: str, user: str, options: Mapping[str, str]) -> Access:
    """As redis-py reads them. `user`: what stands before the host, with its @."""
    query = urlencode(
        {name: value for name, value in options.items() if not name.startswith(_OF_SENTINELS)}, quote_via=quote
    )
    try:
        said: dict[str, Any] = parse_url(f"{scheme}://{user}{'/' if scheme == 'unix' else 'localhost'}?{query}")  # type: ignore[no-untyped-call]
        if "ssl_min_version" in said:
            said["ssl_min_version"] = int(said["ssl_min_version"])  # redis-py before 8.0 leaves it a text
        kind = said.pop("connection_class", redis.Connection)
        kind(**said)  # which connects nothing yet
    except (ValueError, TypeError, redis.RedisError):
        raise ValueError("a URL that redis-py understands") from None
    tls = {name: value for name, value in said.items() if name in _TLS_OPTIONS} if scheme == "rediss" else None
    return Access(said.get("username"), said.get("password"), tls)
