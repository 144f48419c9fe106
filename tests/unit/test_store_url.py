"""TIMER_REDIS_URL means what it looks like, or the start is refused without a word of the password.

Tried: databases that are no number, fragments, options that change how answers are read or how long is waited, each
character that a password has unescaped, sockets with two slashes, options twice, empty, or of another scheme.
"""

from __future__ import annotations

import pytest
import redis

from scheduler import Settings, SettingsError

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
    "redis+sentinel://host/0",
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
TAKEN = [
    ("redis://", {}),
    ("redis://host", {"host": "host"}),
    ("redis://host/", {"host": "host"}),
    ("redis://host:6380/15", {"host": "host", "port": 6380, "db": 15}),
    ("redis://[::1]:6380/1", {"host": "::1", "port": 6380, "db": 1}),
    ("redis://me:p%40ss%3A%2Fw%23@host/2", {"username": "me", "password": "p@ss:/w#", "db": 2}),
    ("redis://:a:b@host", {"password": "a:b"}),
    ("rediss://host/0?ssl_cert_reqs=none&ssl_ca_certs=/ca", {"ssl_cert_reqs": "none", "ssl_ca_certs": "/ca"}),
    ("redis://host?client_name=me", {"client_name": "me"}),
    ("unix:///tmp/a%20b/s", {"path": "/tmp/a b/s"}),
    ("unix:///s?db=3&username=me&password=x", {"path": "/s", "db": 3, "username": "me", "password": "x"}),
    ("unix://me:x@/s", {"path": "/s", "username": "me", "password": "x"}),
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
@pytest.mark.parametrize("pattern", ["redis://:{}@host:6379/0", "rediss://user:{}@host/0", "redis://{}@host"])
def test_no_part_of_an_unescaped_password_is_said_or_connected_to(pattern: str, password: str) -> None:
    message = refusal(pattern.format(password))
    for part in ("p@ss", "ss:", "hun", "ter", "hün"):
        assert part not in message.replace("characters", "")


@pytest.mark.parametrize(("url", "meant"), TAKEN)
def test_a_url_that_is_taken_leads_where_it_says(url: str, meant: dict[str, object]) -> None:
    assert Settings.from_env({"TIMER_REDIS_URL": url}).redis_url == url
    found = redis.ConnectionPool.from_url(url).connection_kwargs
    assert meant.items() <= found.items()
