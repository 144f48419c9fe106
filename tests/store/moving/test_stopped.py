"""A move that is stopped at any point goes on: nothing is lost or doubled, and never are both stores served."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import pytest

from scheduler import Draft, Move, Moved, MoveError, MoveProgress, Settings, Store, Webhook
from scheduler.store import keys
from scheduler.store.moving.filling import Filling
from scheduler.store.moving.parts import Part, Write
from scheduler.store.moving.side import Side
from tests.bench.moving import Stop, clients, fill, flush, move, moved, raw, served, whole
from tests.bench.processes import wait_until
from tests.bench.servers import BINARIES, Server

T = TypeVar("T")

#: Of the target.
PARTITIONS = 4
LAYOUT = keys.layout(0)


class Calls:
    """Ends a move at its n-th call from the fence on: one of odd number once it was done, others before."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made = 0
        self._stop_at: float = float("inf")
        self._is_fencing = False
        really, change = Side.call, Side.change_layout

        def call(of: Side, what: Callable[[], T]) -> T:
            self.made += self._is_fencing
            if self.made != self._stop_at or not self._is_fencing:
                return really(of, what)
            if self.made % 2:
                really(of, what)
            raise Stop

        def change_layout(of: Side, partition: int, changed: Callable[[bytes], bytes]) -> bytes:
            self._is_fencing = True
            return change(of, partition, changed)

        monkeypatch.setattr(Side, "call", call)
        monkeypatch.setattr(Side, "change_layout", change_layout)

    def stop_at(self, number: float) -> None:
        self.made, self._stop_at, self._is_fencing = 0, number, False


def never_both(source: Server, target: Server) -> None:
    old, new = served(source, 1), served(target, PARTITIONS)
    assert not (any(old) and any(new))


def test_a_move_that_is_stopped_at_any_of_its_calls_goes_on_and_copies_all_of_it_once(
    one: Server, other: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(one)
    expected, (source,) = whole(one), clients(one)
    layout = source.get(LAYOUT)
    calls = Calls(monkeypatch)
    moved(one, other, PARTITIONS)
    stops = calls.made
    assert stops > 40
    for number in range(1, stops + 1, 5):  # by turns before the call and after it
        source.set(LAYOUT, layout)
        flush(other)
        calls.stop_at(number)
        with pytest.raises(Stop):
            moved(one, other, PARTITIONS)
        never_both(one, other)
        calls.stop_at(float("inf"))
        moved(one, other, PARTITIONS)
        assert whole(other) == expected, number
        assert served(other, PARTITIONS) == [True] * PARTITIONS
        assert served(one, 1) == [False]


def test_a_move_that_is_given_up_at_any_point_leaves_the_old_store_as_it_was_unless_it_is_decided(
    one: Server, other: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(one, 5)
    before, (source,) = raw(one), clients(one)
    calls, decided, number = Calls(monkeypatch), 0, 1
    while True:
        source.set(LAYOUT, before[LAYOUT])
        flush(other)
        calls.stop_at(number)
        try:
            moved(one, other, PARTITIONS)
            break
        except Stop:
            number += 3
        calls.stop_at(float("inf"))
        it = move(one, other, PARTITIONS)
        if b" moving=" in source.get(LAYOUT):
            assert it.give_up()
            assert raw(one) == before
            assert raw(other) == {}
        elif b" moved=" in source.get(LAYOUT):
            decided += 1
            with pytest.raises(MoveError, match="the move is decided"):
                it.give_up()
        it.close()
        never_both(one, other)
    assert decided


def test_what_was_copied_before_a_move_was_given_up_is_not_sent_by_the_next_one(
    one: Server, other: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old store has delivered it since."""
    store = Store(Settings(redis_url=one.url, store_timeout=10))
    (timer,) = store.timers.set(Draft(store.timers.new_id(), Webhook("http://h.example/"), 3_600_000))
    calls = Calls(monkeypatch)
    moved(one, other, PARTITIONS)
    copied, stops = raw(other), calls.made
    clients(one)[0].set(LAYOUT, b" ".join(clients(one)[0].get(LAYOUT).split()[:3]))
    flush(other)
    calls.stop_at(stops - 12)
    with pytest.raises(Stop):
        moved(one, other, PARTITIONS)
    assert raw(other).keys() == copied.keys()
    calls.stop_at(float("inf"))
    # The new store was away when the move was given up: it keeps what was copied.
    with pytest.MonkeyPatch.context() as without:
        without.setattr(Side, "remove_all", lambda _: None)
        move(one, other, PARTITIONS).give_up()
    store.timers.cancel(timer.id)
    with pytest.raises(MoveError, match="or of one that was given up"):
        moved(one, other, PARTITIONS)
    flush(other)
    moved(one, other, PARTITIONS)
    new = Store(Settings(redis_url=other.url, store_timeout=10))
    assert new.timers.get(timer.id).status == "cancelled"
    store.close()
    new.close()


def test_two_runs_at_once_copy_everything_once_and_neither_writes_into_a_store_that_is_served(
    one: Server, other: Server
) -> None:
    fill(one, 300)
    expected = whole(one)
    said: list[object] = []

    def run() -> None:
        try:
            it = move(one, other, PARTITIONS)
            said.append(it.run())
            it.close()
        except MoveError as error:
            said.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert any(isinstance(it, Moved) for it in said), said
    assert whole(other) == expected
    assert served(other, PARTITIONS) == [True] * PARTITIONS


def test_a_run_that_was_held_up_writes_nothing_once_the_new_store_is_served(one: Server, other: Server) -> None:
    """Else a timer that was delivered and forgotten there would come back, and be sent again."""
    fill(one, 5)
    moved(one, other, PARTITIONS)
    (before,) = (raw(other),)
    late = Side("--to", Settings(redis_url=other.url), patience=1)
    late.link.assume(PARTITIONS)
    move_id = clients(other)[0].get(LAYOUT).decode().partition(" move=")[2].split()[0]
    filling = Filling(late, move_id)
    filling.put([Part(0, True, [Write("string", "timer:old", ["1 x\n"])])])
    with pytest.raises(MoveError, match="--to: "):
        filling.write()
    assert raw(other) == before
    late.close()


def test_attempts_that_are_under_way_are_settled_in_the_old_store_before_anything_is_copied(
    one: Server, other: Server
) -> None:
    old = Store(Settings(redis_url=one.url, store_timeout=10))
    (timer,) = old.timers.set(Draft(old.timers.new_id(), Webhook("http://h.example/"), 0))
    poller = old.claims("one", 10)
    (claim,) = poller.claim(10).claims
    seen: list[MoveProgress] = []
    it = move(one, other, PARTITIONS, seen.append)
    mover = threading.Thread(target=it.run)
    mover.start()
    wait_until(lambda: any(p.doing == "waiting" and p.done for p in seen), 20, "it waits")
    poller.release([claim])  # the fence lets a poller give back, renew and settle
    mover.join(60)
    assert not mover.is_alive()
    it.close()
    new = Store(Settings(redis_url=other.url, store_timeout=10))
    assert new.timers.get(timer.id).status == "scheduled"
    (again,) = new.claims("two", 10).claim(10).claims
    assert (again.id, again.number, again.redelivery) == (timer.id, 1, None)
    old.close()
    new.close()


@pytest.mark.parametrize("which", ["--from", "--to"])
def test_a_store_that_is_restarted_or_cuts_its_connections_meanwhile_is_waited_for(which: str) -> None:
    assert BINARIES["valkey"]
    source, target = Server(BINARIES["valkey"]).start(), Server(BINARIES["valkey"]).start()
    place = source if which == "--from" else target
    restarted = threading.Event()

    def note(progress: MoveProgress) -> None:
        if progress.doing == "copying" and progress.done and not restarted.is_set():
            restarted.set()
            place.kill()
            place.start()
        elif progress.doing == "checking":
            clients(place)[0].client_kill_filter(_type="normal", skipme=True)

    try:
        fill(source, 2500)
        expected = whole(source)
        it = move(source, target, PARTITIONS, note)
        it.run()
        it.close()
        assert restarted.is_set()
        assert whole(target) == expected
    finally:
        source.remove()
        target.remove()


def test_a_new_store_that_is_full_is_filled_once_it_has_more_memory(one: Server, other: Server) -> None:
    fill(one, 300)
    expected, (client,) = whole(one), clients(other)

    def fill_up(progress: MoveProgress) -> None:
        if progress.doing == "copying":
            client.config_set("maxmemory", 1)

    try:
        it = move(one, other, PARTITIONS, fill_up)
        with pytest.raises(MoveError, match="--to: the store there is full"):
            it.run()
        it.close()
        assert served(one, 1) == [False]
    finally:
        client.config_set("maxmemory", 0)
    moved(one, other, PARTITIONS)
    assert whole(other) == expected


def test_a_move_is_given_up_also_while_the_new_store_is_away_and_what_is_not_its_own_stays(
    one: Server, other: Server
) -> None:
    fill(one, 5)
    before, (source,), (target,) = raw(one), clients(one), clients(other)
    fenced = before[LAYOUT] + b" moved=redis://127.0.0.1:1/0 moving=7"
    source.set(LAYOUT, fenced)
    away = Move(Settings(redis_url=one.url), "redis://127.0.0.1:1/0", patience=0.1)
    assert not away.give_up()
    away.close()
    assert raw(one) == before
    for stands in ({"timers:{0}:marker": "1"}, {LAYOUT: "format=1 partitions=1 born=1"}):
        flush(other)
        target.mset(stands)
        source.set(LAYOUT, fenced)
        it = move(one, other, PARTITIONS)
        it.give_up()
        it.close()
        assert raw(other) == {name: text.encode() for name, text in stands.items()}
        assert raw(one) == before
    with pytest.raises(MoveError, match="no move of this store has begun"):
        move(one, other, PARTITIONS).give_up()
