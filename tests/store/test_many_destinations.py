"""A list of destinations costs the same among thousands of them as among hundreds, and none of its pages is empty.

Tried: all sent to equally often, so that only their tags tell them apart; half of them held, and all among the busiest;
each kind of cursor; a store that has forgotten its scripts, or was set back to what it had saved before.
"""

from __future__ import annotations

from typing import Any

import pytest
import redis

from scheduler.destinations import DestinationPage, DestinationSettings, DestinationState, Rate
from scheduler.hold import HeldBy, Hold
from scheduler.holds.sums import Sum
from scheduler.store.held import NO_HOLDS, read_holds
from scheduler.store.observing import report
from scheduler.store.record import destination_tag
from scheduler.store.rule_record import hold_args
from tests.bench.servers import Server
from tests.bench.store import Bench

#: Values that one command of a script may read at once: 500 destinations, each with a number.
_AT_ONCE = 1000
#: Put before each script: refuses to read more.
_BOUND = f"""
local plain = redis
local redis = setmetatable({{ call = function(...)
  local reply = plain.call(...)
  if type(reply) == 'table' and #reply > {_AT_ONCE} then error((...) .. ' has read ' .. #reply .. ' at once') end
  return reply
end }}, {{ __index = plain }})
"""


class BoundedRedis(redis.Redis):
    """A client whose scripts may not read a whole set that grows with the store."""

    def register_script(self, script: Any) -> Any:
        first, _, body = script.partition("\n")
        return super().register_script(f"{first}\n{_BOUND}\n{body}")


def urls(count: int) -> list[str]:
    return [f"http://h{number}/" for number in range(count)]


def fill(bench: Bench, held: int, others: int) -> None:
    """So many destinations of a rate, and so many that flow; one attempt was made at each."""
    hold = Hold(HeldBy.RATE, 0, "1 in 1 s", 1, 1_000_000)
    tags = [destination_tag(url) for url in urls(held)]
    for first in range(0, held, 250):
        args = [word for tag in tags[first : first + 250] for word in hold_args(tag, hold, 1)]
        for partition in range(bench.partitions):
            bench.link.run("hold", partition, args)
    report(bench.link, "one", [Sum(destination_tag(url), url, 1, 0, 5, None, 0) for url in urls(held + others)])


def walk(bench: Bench) -> list[DestinationPage]:
    pages = [bench.destinations.page()]
    while pages[-1].next is not None:
        pages.append(bench.destinations.page(pages[-1].next))
    return pages


def test_no_script_reads_all_of_them_and_each_is_told_once_on_a_page_that_is_full(valkey_server: Server) -> None:
    client = BoundedRedis(unix_socket_path=str(valkey_server.socket))
    client.flushall()
    bench = Bench(client)
    fill(bench, 1250, 1250)
    pages = walk(bench)
    assert [len(page.destinations) for page in pages] == [100] * 25
    told = [it.id for page in pages for it in page.destinations]
    assert len(told) == len(set(told)) == 2500
    assert {*told[:1250]} == {f"http:h{number}:80" for number in range(1250)}
    client.close()


def test_a_page_makes_as_many_commands_among_thousands_as_among_hundreds(server: Server) -> None:
    """Where one is found among many of as many attempts it is halved: a few more for ten times as many."""
    client: Any = server.client()

    def commands(bench: Bench, after: str | None, state: DestinationState | None) -> int:
        before = sum(it["calls"] for it in client.info("commandstats").values())
        page = bench.destinations.page(after, 100, state)
        assert page.next is not None
        return int(sum(it["calls"] for it in client.info("commandstats").values()) - before)

    places = ["held:A_______", "held:d_______", "busy:1:z_______", "busy:1:V_______"]
    asked = [(None, None), (None, DestinationState.LIMITED), *((place, None) for place in places)]
    spent: list[list[int]] = []
    for count in (400, 4000):
        client.flushall()
        bench = Bench(client)
        fill(bench, count, count)
        bench.destinations.held()  # a process reads all holds once, and then what has changed
        spent.append([commands(bench, *it) for it in asked])
    assert [more - few for few, more in zip(*spent, strict=True) if more > few + 20] == []
    client.close()


def test_a_page_of_a_hundred_takes_five_round_trips_at_most(
    valkey_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = valkey_server.client()
    client.flushall()
    bench = Bench(client)
    fill(bench, 350, 350)
    sent: list[Any] = []

    def noted(self: Any, *said: Any, send: Any = redis.Connection.send_packed_command, **options: Any) -> None:
        sent.append(said)
        send(self, *said, **options)

    for after in (None, "held:w_______", "busy:1:V_______"):
        bench.destinations.page(after)  # which has the scripts loaded
        sent.clear()
        with monkeypatch.context() as patched:
            patched.setattr(redis.connection.AbstractConnection, "send_packed_command", noted)
            page = bench.destinations.page(after)
        assert len(page.destinations) == 100
        assert 3 <= len(sent) <= 5
    client.close()


def test_what_has_not_changed_is_neither_copied_nor_sorted_anew(bench: Bench) -> None:
    fill(bench, 20, 0)
    known = read_holds(bench.link, 0)
    assert len(known.by_tag) == 20
    assert read_holds(bench.link, 0, known).by_tag is known.by_tag
    bench.destinations.pause("http:h3:80", "", "")
    assert len(read_holds(bench.link, 0, known).by_tag) == 20
    assert known.by_tag[destination_tag("http://h3/")].split(b" ")[2] == b"rate"
    assert bench.destinations.held() == {HeldBy.RATE: 19, HeldBy.PAUSE: 1}


def test_a_page_is_told_by_a_store_that_has_forgotten_its_scripts(bench: Bench) -> None:
    bench.destinations.put("http:h0:80", DestinationSettings(rate=Rate(7)))
    for _ in range(2):
        bench.client.script_flush()
        (it,) = bench.destinations.page().destinations
        assert it.settings.rate == Rate(7)


def test_what_a_store_that_was_set_back_does_not_hold_is_told_no_more(bench: Bench) -> None:
    """Numbers of changes are given again: one that is still to come says that nothing known before counts."""
    bench.destinations.pause("http:h0:80", "", "")
    saved = {key: bench.client.dump(key) for key in bench.client.scan_iter("timers:*")}
    for number in (1, 2):
        bench.destinations.pause(f"http:h{number}:80", "", "")
    known = read_holds(bench.link, 0, NO_HOLDS)
    assert len(known.by_tag) == bench.destinations.held()[HeldBy.PAUSE] == 3
    bench.client.flushall()
    for key, raw in saved.items():
        bench.client.restore(key, 0, raw)
    assert list(read_holds(bench.link, 0, known).by_tag) == [destination_tag("http://h0/")]
    assert [it.id for it in bench.destinations.page().destinations] == ["http:h0:80"]


@pytest.mark.parametrize("limit", [1, 3, 4, 7, 100])
def test_where_all_that_follow_are_held_the_list_ends_with_the_last_of_them(bench: Bench, limit: int) -> None:
    fill(bench, 7, 0)
    sizes, after = [], None
    while True:
        page = bench.destinations.page(after, limit)
        sizes.append(len(page.destinations))
        if page.next is None:
            break
        after = page.next
    assert sizes == [min(limit, 7 - first) for first in range(0, 7, limit)]
