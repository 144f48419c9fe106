"""TIMER_REDIS_URL means what it looks like, or the start is refused without a word of the password.

Tried: databases that are no number, fragments, options that change how answers are read or how long is waited, each
character that a password has unescaped, sockets with two slashes, options twice, empty, or of another scheme.
"""

from __future__ import annotations

import pytest
import redis

from scheduler import Settings, SettingsError
from scheduler.store_address import Access
from scheduler.store_url import parse

REFUSED = [
    "redis://host/prod",
    "redis://host/0/1",
    "redis://host/-1",
    "redis://host/0x1",
    "redis://host/999999",
    "redis://host/0#fragment",
    "redis://host#",
    "redis://host/0?decode_responses=true",
    "redis://host/0?socket_timeout=1",
    "redis://host/0?socket_connect_timeout=1",
    "redis://host/0?protocol=3",
    "redis://host/0?db=1",
    "redis://host/0?max_connections=1",
    "redis://host/0?health_check_interval=1",
    "redis://host/0?retry_on_timeout=1",
    "redis://host/0?encoding=latin-1",
    "redis://host/0?ssl_cert_reqs=none",
    "redis://host/0?password=hunter2",
    "rediss://host/0?ssl_nothing=1",
    "rediss://host/0?ssl_cert_reqs=none&ssl_cert_reqs=required",
    "rediss://host/0?ssl_ca_certs=",
    "redis://host/0?client_name",
    "redis://host/0?;",
    "redis://host:0/0",
    "redis://host:/0",
    "redis://host:65536/0",
    "redis://host:port/0",
    "redis://ho st/0",
    "redis://host\\@other/0",
    "redis:// host/0",
    "redis://höst/0",
    "unix://tmp/store.sock",
    "unix://",
    "unix:///",
    "unix:///tmp/store.sock?db=prod",
    "unix:///tmp/store.sock?socket_timeout=1",
    "http://host/0",
    "host:6379",
    "unix:///tmp/store.sock?password=a+b",
    "redis://one,two/0",
    "redis+unix:///tmp/store.sock",
    "redis+sentinel://host",
    "redis+sentinel://host/",
    "redis+sentinel://host/0",
    "redis+sentinel:///name",
    "redis+sentinel://one,,two/name",
    "redis+sentinel://one,two:0/name",
    "redis+sentinel://one,one:26379/name",
    "redis+sentinel://host/name/prod",
    "redis+sentinel://host/name/0/1",
    "redis+sentinel://host/na%20me",
    "redis+sentinel://host/name?ssl_ca_certs=/ca",
    "redis+sentinel://host/name?sentinel_db=1",
    "redis+sentinel://host/name?sentinel_password=a+b",
    "redis+cluster://",
    "redis+cluster://one,two/1",
    "redis+cluster://one,two/name",
    "redis+cluster://one,two?sentinel_password=x",
]
#: What people have in passwords. The URL is refused whichever of them stands there as it is.
PASSWORDS = [
    "p@ss:/w#",
    "hun@ter",
    "hun/ter",
    "hun#ter",
    "hun?ter",
    "hun%ter",
    "hun ter",
    "hun\\ter",
    "h@un@ter",
    "hün",
]
TAKEN: list[tuple[str, dict[str, object]]] = [
    ("redis://", {"hosts": (("localhost", 6379),)}),
    ("redis://host", {"kind": "plain", "hosts": (("host", 6379),), "db": 0, "access": Access()}),
    ("redis://host/", {"hosts": (("host", 6379),)}),
    ("redis://host:6380/15", {"hosts": (("host", 6380),), "db": 15}),
    ("redis://[::1]:6380/1", {"hosts": (("::1", 6380),), "db": 1}),
    ("redis://me:p%40ss%3A%2Fw%23@host/2", {"access": Access("me", "p@ss:/w#"), "db": 2}),
    ("redis://:a:b@host", {"access": Access(None, "a:b")}),
    ("rediss://host", {"access": Access(tls={})}),
    (
        "rediss://host/0?ssl_cert_reqs=none&ssl_ca_certs=/ca&ssl_check_hostname=no",
        {"access": Access(tls={"ssl_cert_reqs": "none", "ssl_ca_certs": "/ca", "ssl_check_hostname": False})},
    ),
    ("redis://host?client_name=me", {"client_name": "me"}),
    ("unix:///tmp/a%20b/s", {"kind": "plain", "path": "/tmp/a b/s", "hosts": ()}),
    ("unix:///s?db=3&username=me&password=x", {"path": "/s", "db": 3, "access": Access("me", "x")}),
    ("unix://me:x@/s", {"path": "/s", "access": Access("me", "x")}),
    (
        "redis+sentinel://one,two:1/my.name-1",
        {"kind": "sentinel", "hosts": (("one", 26379), ("two", 1)), "name": "my.name-1", "db": 0},
    ),
    ("redis+sentinel://[::1],[::2]:1/1/0", {"hosts": (("::1", 26379), ("::2", 1)), "name": "1", "db": 0}),
    (
        "redis+sentinel://me:a%2Cb@one/name/3?sentinel_username=you&sentinel_password=p%40%2B",
        {"access": Access("me", "a,b"), "sentinel_access": Access("you", "p@+"), "db": 3},
    ),
    (
        "rediss+sentinel://:x@one/name?ssl_ca_certs=/ca&ssl_min_version=771&sentinel_ssl_ca_certs=/other",
        {
            "access": Access(None, "x", {"ssl_ca_certs": "/ca", "ssl_min_version": 771}),
            "sentinel_access": Access(tls={"ssl_ca_certs": "/other", "ssl_min_version": 771}),
        },
    ),
    ("redis+cluster://one", {"kind": "cluster", "hosts": (("one", 6379),), "db": 0}),
    ("rediss+cluster://me:x@one,two:1/0", {"hosts": (("one", 6379), ("two", 1)), "access": Access("me", "x", {})}),
]


def refusal(url: str) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"TIMER_REDIS_URL": url})
    message = str(caught.value)
    assert message.startswith("TIMER_REDIS_URL is refused")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("url", REFUSED)
def test_a_url_that_means_something_else_than_it_looks_is_refused_in_one_line(url: str) -> None:
    refusal(url)


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize(
    "pattern",
    [
        "redis://:{}@host:6379/0",
        "rediss://user:{}@host/0",
        "redis://{}@host",
        "redis+sentinel://:{}@one,two/name",
        "redis+cluster://:{}@one,two",
    ],
)
def test_no_part_of_an_unescaped_password_is_said_or_connected_to(pattern: str, password: str) -> None:
    message = refusal(pattern.format(password))
    for part in ("p@ss", "ss:", "hun", "ter", "hün"):
        assert part not in message.replace("characters", "")


@pytest.mark.parametrize(("url", "meant"), TAKEN)
def test_a_url_that_is_taken_leads_where_it_says(url: str, meant: dict[str, object]) -> None:
    assert Settings.from_env({"TIMER_REDIS_URL": url}).redis_url == url
    found = parse(url)
    assert {name: getattr(found, name) for name in meant} == meant


@pytest.mark.parametrize("url", [url for url, meant in TAKEN if "+" not in url])
def test_the_url_of_one_server_means_to_us_what_it_means_to_redis_py(url: str) -> None:
    found, theirs = parse(url), redis.ConnectionPool.from_url(url).make_connection()
    ours = {"db": found.db, "client_name": found.client_name, "path": found.path}
    ours |= {"username": found.access.user, "password": found.access.password}
    if found.hosts:
        del ours["path"]
        ours["host"], ours["port"] = found.hosts[0]
    assert ours == {name: getattr(theirs, name) for name in ours}
    assert isinstance(theirs, redis.SSLConnection) == (found.access.tls is not None)


def test_an_address_that_is_shown_shows_no_password() -> None:
    assert "hunter2" not in repr(parse("redis+sentinel://:hunter2@one/name?sentinel_password=hunter2"))
