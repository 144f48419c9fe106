"""What each destination may hold of a poller's room, by what is known of it."""

from __future__ import annotations

from itertools import count

import pytest

from scheduler import Claim
from scheduler.poller.fairness import HANGS_AFTER, Fairness
from scheduler.store.room import SUSPECTS
from tests.bench.claims import a_claim

MIB = 1024 * 1024


class Poller:
    """One whose destinations always have more that is due: it claims as claim.lua does, a timer at a time."""

    def __init__(self, slots: int = 64, max_bytes: int = 128 * MIB) -> None:
        self.fairness = Fairness(slots, max_bytes)
        self.held: list[Claim] = []
        self.now = 0.0
        self._serial = count()

    def may_take(self, tag: str) -> bool:
        room = self.fairness.room()
        if self.fairness.free <= 0 or tag in self.fairness.saturated():
            return False
        if room.answering is None or tag in room.answering:
            return True
        first = tag not in {claim.destination for claim in self.held}
        return room.newcomers > 0 and (first or room.beyond_first > 0)

    def take(self, tag: str, most: int = 10_000, size: int = 0, suspect: bool = False, timeout: float = 15.0) -> int:
        """As many as there is room for."""
        taken = 0
        while taken < most and self.may_take(tag):
            claim = a_claim(
                id=str(next(self._serial)),
                destination=tag,
                suspect=suspect,
                claimed_at=self.now,
                size=size,
                timeout=timeout,
            )
            self.held.append(claim)
            self.fairness.add(claim)
            taken += 1
        return taken

    def end(self, tag: str, answered: bool | None = True) -> None:
        for claim in [claim for claim in self.held if claim.destination == tag]:
            self.held.remove(claim)
            self.fairness.remove(claim, answered)

    def answered(self, tag: str, times: int = 20) -> None:
        """The destination is known to answer."""
        for _ in range(times):
            assert self.take(tag, 1)
            self.end(tag)

    def wait(self, seconds: float = HANGS_AFTER) -> None:
        self.now += seconds
        self.fairness.look(self.now)


@pytest.mark.parametrize("slots", [16, 64, 256, 2048])
@pytest.mark.parametrize("known", [True, False])
def test_one_destination_alone_gets_a_quarter(slots: int, known: bool) -> None:
    poller = Poller(slots)
    if known:
        poller.answered("a")
    assert slots // 4 <= poller.take("a") <= slots // 4 + 1


@pytest.mark.parametrize(("slots", "destinations"), [(64, 4), (64, 30), (2048, 4), (2048, 50), (2048, 1000)])
@pytest.mark.parametrize("waits", [0.0, HANGS_AFTER])
def test_however_many_hang_one_never_heard_of_and_one_that_answers_are_served(
    slots: int, destinations: int, waits: float
) -> None:
    poller = Poller(slots)
    poller.answered("good")
    for number in range(destinations):
        poller.take(f"hangs {number}")
    poller.wait(waits)
    for number in range(destinations):
        poller.take(f"hangs {number}")
    assert poller.take("new") >= 1
    poller.end("new")
    assert poller.take("new") >= min(8, slots // 64)  # it answers now
    assert poller.take("good") >= min(8, slots // 64)


@pytest.mark.parametrize(("slots", "timeout"), [(64, 15.0), (512, 300.0)])
def test_however_long_new_ones_hang_the_next_has_a_turn_at_a_steady_pace(slots: int, timeout: float) -> None:
    poller = Poller(slots)
    turn = timeout / (slots * 3 / 16)
    serial = count()
    waited = longest = 0.0
    while poller.now < 3 * timeout:
        ended = [claim for claim in poller.held if poller.now >= claim.claimed_at + timeout]
        for claim in ended:
            poller.end(claim.destination, False)
        while poller.take(f"hangs {next(serial)}", 1, timeout=timeout):
            waited = 0.0
        poller.wait(turn / 4)
        waited += turn / 4
        longest = max(longest, waited)
    assert longest <= 1.5 * turn


def test_a_new_one_that_answers_delays_nobody() -> None:
    poller = Poller(64)
    for number in range(100):
        poller.take(f"hangs {number}", 1, timeout=300)
    for number in range(50):
        poller.wait(300 / 12)
        assert poller.take(f"new {number}", 1, timeout=300)
        poller.end(f"new {number}")
        assert poller.take(f"next to {number}", 1, timeout=300)
        poller.end(f"next to {number}")


def test_what_hung_before_gets_turns_but_never_the_room_of_those_never_heard_of() -> None:
    poller = Poller(64)
    for number in range(45):
        poller.take(f"hangs {number}", 1)
    poller.wait()
    for number in range(45):
        poller.end(f"hangs {number}", answered=False)
    assert sum(poller.take(f"hangs {number}", 1) for number in range(45)) == 32
    assert poller.take("new", 1) == 1


@pytest.mark.parametrize(("slots", "destinations"), [(2048, 4), (2048, 40), (64, 4)])
def test_destinations_that_answered_well_until_all_of_them_hang_leave_room(slots: int, destinations: int) -> None:
    poller = Poller(slots)
    for number in range(destinations):
        poller.answered(f"host:{number}")
    poller.answered("good")
    for number in range(destinations):
        poller.take(f"host:{number}")
    for _ in range(4):
        poller.wait()
        assert poller.take("good") >= 1
        poller.end("good")
        assert poller.take("new", 1) == 1
        poller.end("new", None)


def test_one_answer_in_ten_does_not_make_a_destination_that_answers() -> None:
    poller = Poller(2048)
    for _ in range(20):
        poller.take("mixed", 10)
        poller.wait()
        claim = poller.held.pop()
        poller.fairness.remove(claim, True)
    answering = poller.fairness.room().answering
    assert answering is None or "mixed" not in answering


def test_a_slow_destination_that_answers_is_not_held_back() -> None:
    poller = Poller(64)
    for number in range(30):
        poller.take(f"hangs {number}")
    poller.wait()
    assert poller.take("slow", 1)
    poller.wait(HANGS_AFTER - 1)
    poller.end("slow")
    assert poller.take("slow", 4) >= 2


def test_what_was_given_back_unsent_says_nothing_of_its_destination() -> None:
    poller = Poller(64)
    poller.take("a", 1)
    poller.end("a", None)
    assert poller.fairness.room() == Poller(64).fairness.room()
    assert poller.fairness.free == 64


def test_bytes_are_shared_out_as_slots_are() -> None:
    poller = Poller(2048, 128 * MIB)
    assert sum(poller.take(f"hangs {number}", size=250_000) for number in range(100)) * 250_000 < 100 * MIB
    assert poller.take("new", 1) == 1


def test_a_timer_larger_than_all_bytes_is_taken_alone() -> None:
    poller = Poller(16, 1000)
    assert poller.take("large", size=250_000) == 1
    assert poller.take("other") == 0
    poller.end("large")
    assert poller.take("other", 1) == 1


def test_of_suspects_there_is_at_most_one() -> None:
    poller = Poller()
    poller.take("a", 1, suspect=True)
    assert SUSPECTS in poller.fairness.saturated()
    poller.end("a")
    assert SUSPECTS not in poller.fairness.saturated()


def test_what_is_named_in_a_claim_and_remembered_is_bounded() -> None:
    poller = Poller(64)
    for number in range(20_000):
        poller.take(f"d{number}", 1)
        poller.end(f"d{number}", answered=number % 2 == 0)
    room, saturated = poller.fairness.room(), poller.fairness.saturated()
    assert len(room.answering or ()) + len(saturated) <= 4096
    assert len(poller.fairness._known) <= 2048


@pytest.mark.parametrize("answers", [True, False])
def test_the_books_are_even_when_all_has_ended(answers: bool) -> None:
    poller = Poller(256)
    for number in range(300):
        poller.take(f"d{number % 40}", number % 7)
        if number % 5 == 0:
            poller.wait(2)
        if number % 3 == 0:
            poller.end(f"d{number % 40}", answers)
    for number in range(40):
        poller.end(f"d{number}", answers)
    it = poller.fairness
    assert (it.free, it._held_silent) == (256, 0)
    assert (it._silent, it._large, it._young, it._slow) == ({}, {}, {}, {})


def test_as_many_destinations_as_there_are_slots_leave_nothing_behind() -> None:
    """More than are remembered: TIMER_SLOTS goes up to 8,192. What had no place would hold room for ever."""
    poller = Poller(slots=4096)
    for around in range(3):
        tags = [f"{around}-{number}" for number in range(3000)]
        for tag in tags:
            claim = a_claim(id=tag, destination=tag)
            poller.held.append(claim)
            poller.fairness.add(claim)
        for claim in poller.held:
            poller.fairness.remove(claim, True)
        poller.held.clear()
    assert poller.fairness.free == 4096
    assert poller.fairness.saturated() == set()
    assert poller.fairness.room().answering is None
    assert len(poller.fairness._known) <= 3000
    assert len(poller.fairness._answering) <= 3000
