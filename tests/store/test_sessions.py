"""Who is signed in."""

from __future__ import annotations

from scheduler.store.sessions import Sessions
from tests.bench.store import Bench


def test_a_session_stands_for_its_holder_until_it_is_ended_and_for_no_other(bench: Bench) -> None:
    here, there = Sessions(bench.link), Sessions(bench.link)
    for number in range(20):  # in whichever partitions
        here.begin(f"token-{number}", f"holder {number}", 60_000)
    assert [there.holder(f"token-{number}") for number in range(20)] == [f"holder {number}" for number in range(20)]
    there.end("token-7")
    assert here.holder("token-7") is None
    assert here.holder("token-8") == "holder 8"
    assert here.holder("token-20") is None


def test_a_session_is_kept_for_as_long_as_was_said_and_its_token_nowhere(bench: Bench) -> None:
    Sessions(bench.link).begin("secret-token", "holder", 60_000)
    (name,) = bench.client.scan_iter("timers:*session*")
    assert 50_000 < bench.client.pttl(name) <= 60_000
    assert b"secret-token" not in name + bench.client.get(name)
