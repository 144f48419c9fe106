"""Into a store by sentinels over TLS with users and passwords, on Debian's Redis; and how a password is changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from scheduler import Link, StoreUnavailable, StoreUnsuitable, connect
from scheduler.store.health import Health
from scheduler.store_address import Host
from tests.bench.needed import missing
from tests.bench.sentinels import Watched, watched
from tests.bench.servers import BINARIES

_CERTIFICATES = Path(__file__).parents[1] / "delivery" / "certificates"
_TLS = {
    "tls-cert-file": str(_CERTIFICATES / "good.pem"),
    "tls-key-file": str(_CERTIFICATES / "good.pem"),
    "tls-ca-cert-file": str(_CERTIFICATES / "authority.pem"),
    "tls-replication": "yes",
    "tls-auth-clients": "no",
}
_AUTHORITY = str(_CERTIFICATES / "authority.pem")
#: What a user of the sentinels needs.
_ASKS = "asks on >s3cret resetchannels -@all +sentinel|get-master-addr-by-name"
_OPTIONS = f"ssl_ca_certs={_AUTHORITY}&sentinel_password=s3cret"


@pytest.fixture(scope="module")
def servers() -> Iterator[Watched]:
    if BINARIES["redis"] is None:
        missing("redis-server is not installed: apt-get install redis-server")
    options = [word for name, value in _TLS.items() for word in (f"--{name}", value)]
    # With one password for all: sentinels ask each other with it.
    in_sentinels = {**_TLS, "port": "0", "requirepass": "s3cret", "user": _ASKS}
    client = {"ssl": True, "ssl_ca_certs": _AUTHORITY, "password": "s3cret"}
    with watched("redis", *options, tls=True, sentinel_options=in_sentinels, **client) as found:
        allow(found, "on", ">old", "~*", "&*", "+@all")
        yield found


def allow(servers: Watched, *rules: str) -> None:
    """What a user of ours may, on each server: replication does not bring it over."""
    for server in servers.servers:
        with server.client() as client:
            client.execute_command("ACL", "SETUSER", "timers", *rules)


def linked(servers: Watched, password: str, options: str = _OPTIONS) -> Link:
    url = f"{servers.url}?{options}".replace("://", f"://timers:{password}@")
    return Link(connect(url, 10), pause=0)


def refusal(link: Link) -> StoreUnavailable:
    with pytest.raises(StoreUnavailable) as raised:
        link.run("stats", 0)
    link.client.close()
    assert not raised.value.maybe_done
    for secret in ("old", "new", "s3cret", "wr0ng"):
        assert secret not in str(raised.value)
    return raised.value


def test_a_password_of_the_store_is_changed_while_calls_go_on_if_both_hold_for_a_while(servers: Watched) -> None:
    before = linked(servers, "old")
    before.run("stats", 0)
    assert refusal(linked(servers, "new")).kind == "noperm"
    allow(servers, ">new")
    after = linked(servers, "new")
    for link in (before, after):
        link.run("stats", 0)
    allow(servers, "<old")
    before.run("stats", 0)  # on the connection that it has
    with servers.primary().client() as client:
        client.client_kill_filter(_type="normal")
    after.run("stats", 0)
    assert refusal(before).kind == "noperm"
    after.client.close()
    allow(servers, ">old")


def test_a_user_of_the_sentinels_who_may_do_no_more_than_ask_them_is_enough(servers: Watched) -> None:
    link = linked(servers, "old", f"{_OPTIONS}&sentinel_username=asks&client_name=me")
    link.run("stats", 0)
    link.client.close()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (_OPTIONS.replace("s3cret", "wr0ng"), "invalid username-password pair"),
        (_OPTIONS.partition("&")[0], "already authenticated"),
        (_OPTIONS.partition("&")[2], "CERTIFICATE_VERIFY_FAILED"),
        (f"{_OPTIONS}&sentinel_ssl_ca_certs={_CERTIFICATES / 'self-signed.pem'}", "CERTIFICATE_VERIFY_FAILED"),
    ],
)
def test_sentinels_that_let_nobody_in_or_are_not_to_be_trusted_are_told_of(
    servers: Watched, options: str, why: str
) -> None:
    assert why in str(refusal(linked(servers, "old", options)))


def test_a_store_whose_certificate_is_not_to_be_trusted_is_refused_though_the_sentinels_are(servers: Watched) -> None:
    options = _OPTIONS.replace("ssl_ca_certs", "sentinel_ssl_ca_certs")
    said = str(refusal(linked(servers, "old", options)))
    assert "certificate verify failed" in said.lower()
    assert "sentinels" not in said


def test_over_tls_too_a_connection_in_use_is_cut_when_there_is_another_primary(servers: Watched) -> None:
    link = linked(servers, "old")
    with link.client.pubsub() as waiting:  # type: ignore[no-untyped-call]
        waiting.subscribe("something")
        assert waiting.get_message(timeout=20)["type"] == "subscribe"
        link.client.connection_pool.connection_kwargs["followers"].leave(Host("elsewhere", 1))
        with pytest.raises(redis.ConnectionError):
            waiting.connection.read_response()
    link.run("stats", 0)
    link.client.close()


def test_by_a_plain_url_a_replica_and_a_sentinel_are_refused_by_name(servers: Watched) -> None:
    replica = next(it for it in servers.servers if it is not servers.primary())
    with pytest.raises(StoreUnavailable, match=r"is a replica.*redis\+sentinel://"):
        Health(Link(connect(replica.url, 10))).check()
    sentinel = f"rediss://:s3cret@127.0.0.1:{servers.sentinels[0].port}?ssl_ca_certs={_AUTHORITY}"
    with pytest.raises(StoreUnsuitable, match=r"is a sentinel.*redis\+sentinel://"):
        Health(Link(connect(sentinel, 10))).check()
