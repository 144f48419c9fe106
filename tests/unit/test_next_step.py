"""What two stores say of a move between them, and what is to be done next; and the words by which they say it."""

from __future__ import annotations

import re

import pytest

from scheduler import MoveError
from scheduler.store import layout
from scheduler.store.layout import Layout
from scheduler.store.moving import fences
from scheduler.store.moving.kinds import Key, key_of
from scheduler.store.moving.next_step import next_step
from tests.bench.pages import ROOT

SERVED = b"format=1 partitions=1 born=7"
MOVING = fences.fenced(SERVED, 1, "redis://new:6379/0", "m")
FILLING = fences.filling(4, 9, "redis://old:6379/0", "m", [SERVED])
MOVED = fences.moved(MOVING, "9")
OPEN = fences.opened(FILLING)
OTHER = fences.filling(4, 9, "redis://third:6379/0", "another", [])


def step(source: bytes, *target: bytes, where: str = "redis://new:6379/0") -> str:
    return next_step(layout.read(source), [layout.read(it) for it in target], where).do


def refused(source: bytes, *target: bytes, where: str = "redis://new:6379/0") -> str:
    with pytest.raises(MoveError) as error:
        step(source, *target, where=where)
    return str(error.value)


def test_a_move_begins_with_an_empty_store_and_goes_on_where_it_was() -> None:
    assert step(SERVED) == "begin"
    assert step(MOVING) == "go on"
    assert step(MOVING, FILLING) == "go on"
    assert step(MOVED, FILLING, FILLING) == "open"
    assert step(MOVED, OPEN, FILLING) == "open"
    assert step(MOVED, OPEN, OPEN) == "nothing"


def test_a_store_is_known_again_under_another_name_once_its_filling_has_begun() -> None:
    assert step(MOVING, FILLING, where="redis://192.0.2.1:6379/0") == "go on"


def test_nothing_is_filled_that_was_used_or_is_of_another_move() -> None:
    assert "a store is there already" in refused(SERVED, SERVED)
    assert "a store is there already" in refused(MOVING, SERVED)
    assert "part of another move, from redis://third:6379/0" in refused(SERVED, OTHER)
    assert "part of another move" in refused(MOVING, FILLING, OTHER)


def test_what_a_move_that_was_given_up_has_left_is_never_gone_on_with() -> None:
    """The store went on meanwhile: a timer that was copied may have been sent since."""
    assert "that was given up" in refused(fences.lifted(MOVING), FILLING)


def test_no_second_store_is_filled_or_opened_for_one_that_is_moved_elsewhere() -> None:
    assert "is being moved to redis://new:6379/0 already" in refused(MOVING, where="redis://third:6379/0")
    assert "was moved to redis://new:6379/0 already" in refused(MOVED)
    assert "was moved to redis://new:6379/0 already" in refused(MOVED, SERVED)
    # By the same name another store, which an unfinished run had begun to fill.
    twin = fences.filling(4, 10, "redis://old:6379/0", "m", [SERVED])
    assert "was moved to redis://new:6379/0 already" in refused(MOVED, twin)


@pytest.mark.parametrize("raw", [MOVING, MOVED, FILLING])
def test_nobody_serves_a_store_that_is_moved_or_filled_also_not_0_2_0(raw: bytes) -> None:
    assert layout.refusal(raw, None)
    # As the scripts of all versions look at it.
    assert not raw.startswith(layout.begins(1).encode()) or b" moved=" in raw
    assert not raw.startswith(layout.begins(4).encode())


def test_a_store_that_is_opened_or_whose_fence_is_lifted_is_served() -> None:
    assert layout.refusal(OPEN, None) is None
    assert OPEN.startswith(layout.begins(4).encode())
    assert fences.lifted(MOVING) == SERVED
    assert layout.read(OPEN) == Layout(format=1, partitions=4, born="9", move="m", filled_from="redis://old:6379/0")


def test_of_every_key_of_a_store_it_is_known_how_it_is_moved() -> None:
    """Red where a new kind of key is listed and nobody said; those of a virtual clock are not moved."""
    lines = (ROOT / "scheduler/store/lua/shared/keys.lua").read_text()
    listed = {
        word for line in re.findall(r"^--   timers:\{p\}:(\S+(?: \| \w+)*)", lines, re.M) for word in line.split(" | ")
    }
    assert len(listed) > 40
    unknown = {it for it in listed if key_of(f"timers:{{0}}:{it}", 1).kind == "unknown"}
    assert unknown == {"ahead", "turning", "aging", "bell"}  # the last is a channel
    assert key_of("timers:destination:{tag}", 1) == Key("rule", name="tag")
    assert key_of("timers:destination:{tag}:permits", 1).kind == "of processes"
    assert key_of("timers:{1nb}:timer:x", 1).kind == "unknown"
    assert {key_of(it, 1).kind for it in ("other", "timers:other", "timers:")} == {"foreign"}


def test_what_partitions_say_beside_is_said_by_all_of_the_new_store() -> None:
    said = [SERVED + b" prior=1", SERVED + b" history=0", SERVED + b" history=1"]
    whole = fences.opened(fences.filling(4, 9, "redis://old:6379/0", "m", said))
    assert layout.read(whole).history is True
    assert b" prior=1" in whole
