"""One reading for all who look at the page, however many they are and however slow the store is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from scheduler import StoreUnavailable
from timer_service.web.pages.figures.readings import Reading, Readings

_STORE_AT_ZERO = 1_795_694_587_000


@dataclass(frozen=True)
class Told:
    number: int
    read_at: int


class Store:
    """Counts how often it is read, and answers when it is let."""

    def __init__(self) -> None:
        self.now = 100.0
        self.read = 0
        self.answers = threading.Event()
        self.answers.set()
        self.refuses: Exception | None = None

    def clock(self) -> float:
        return self.now

    def __call__(self) -> Told:
        self.read += 1
        number, now = self.read, self.now
        assert self.answers.wait(60)
        if self.refuses:
            raise self.refuses
        return Told(number, _STORE_AT_ZERO + round(1000 * now))


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def readings(store: Store) -> Readings[Told]:
    return Readings(store, store.clock)


def number(reading: Reading[Told]) -> int | None:
    return reading.value.number if reading.value else None


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.001)


def test_a_reading_is_shown_for_a_second(store: Store, readings: Readings[Told]) -> None:
    assert number(readings.latest()) == 1
    store.now += 0.99
    assert number(readings.latest()) == 1
    store.now += 0.01
    assert number(readings.latest()) == 2


def test_nobody_looking_costs_nothing(store: Store, readings: Readings[Told]) -> None:
    readings.latest()
    store.now += 3600
    assert store.read == 1
    assert not [it for it in threading.enumerate() if it.name == "page"]


def test_a_hundred_who_look_at_once_are_given_one_reading(store: Store, readings: Readings[Told]) -> None:
    readings.latest()
    store.now += 1
    store.answers.clear()
    found: list[Reading[Told]] = []
    lookers = [threading.Thread(target=lambda: found.append(readings.latest())) for _ in range(100)]
    for one in lookers:
        one.start()
    wait_until(lambda: len(found) >= 99)  # all but the one that has it read, which waits a second at most
    store.answers.set()
    for one in lookers:
        one.join(20)
    assert store.read == 2
    assert [number(it) for it in found[:99]] == [1] * 99


def test_a_store_that_is_slow_holds_nobody_for_long(store: Store, readings: Readings[Told]) -> None:
    first = readings.latest()
    store.now += 10
    store.answers.clear()
    began = time.monotonic()
    assert readings.latest() == first
    assert 0.5 < time.monotonic() - began < 20
    store.now += 1.1  # what is under way has had its time: nobody waits for it again
    began = time.monotonic()
    assert [readings.latest() for _ in range(50)] == [first] * 50
    assert time.monotonic() - began < 10  # a second each, if each waited
    assert store.read == 2
    store.answers.set()
    wait_until(lambda: number(readings.latest()) != 1)


def test_the_first_who_looks_at_a_slow_store_is_told_so(store: Store, readings: Readings[Told]) -> None:
    store.answers.clear()
    reading = readings.latest()
    store.answers.set()
    assert reading.value is None
    assert reading.away
    assert reading.away.reason == "no answer yet"


def test_an_absent_store_keeps_the_last_figures_with_their_moment(store: Store, readings: Readings[Told]) -> None:
    first = readings.latest()
    store.refuses = StoreUnavailable("gone")
    for _ in range(3):
        store.now += 2
        reading = readings.latest()
        assert (reading.value, reading.as_of) == (first.value, first.as_of)
        assert reading.away
        assert (reading.away.since, reading.away.reason) == (_STORE_AT_ZERO + 102_000, "gone")
    store.refuses = None
    store.now += 2
    assert readings.latest().away is None
    store.refuses = StoreUnavailable("gone again")
    store.now += 2
    again = readings.latest().away
    assert again
    assert again.since == _STORE_AT_ZERO + 110_000


def test_an_absent_store_that_never_answered_has_no_figures(store: Store, readings: Readings[Told]) -> None:
    store.refuses = StoreUnavailable("NOPERM", kind="noperm")
    reading = readings.latest()
    assert reading.value is None
    assert reading.away
    assert reading.away.kind == "noperm"


def test_a_defect_is_told_to_those_who_look_and_is_over_with_the_next_reading(
    store: Store, readings: Readings[Told]
) -> None:
    store.refuses = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        readings.latest()
    store.refuses = None
    store.now += 1
    assert number(readings.latest()) == 2


def test_what_was_changed_is_read_anew_at_once(store: Store, readings: Readings[Told]) -> None:
    readings.latest()
    readings.expire()
    assert number(readings.latest()) == 2
