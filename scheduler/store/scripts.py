"""The Lua of the store: each file of lua/ is one script; what it uses of lua/shared/ is put after its `#!lua` line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files

from scheduler.holds.breaker import FIRST_PROBE, LAST_PROBE
from scheduler.holds.holding import LONGEST_RETRY
from scheduler.holds.rate import LEAST_BURST
from scheduler.holds.slow_start import SECONDS
from scheduler.store import layout
from scheduler.store.lateness import BOUNDS
from scheduler.store.record import FORMAT
from scheduler.store.room import SUSPECTS

#: Lost leases that make a timer a suspect.
SUSPECT_LOSSES = 2
#: Destinations behind which one call counts the timers that wait: a thousand of them take 1 ms.
COUNTED = 1000

#: Names that are defined around one another before the rest goes into a function.
_NAMES_EACH = 20
#: Names that a function may take from around it: LUAI_MAXUPVALUES of Lua 5.1.
_MOST_TAKEN = 60

_LUA = files(__package__) / "lua"
#: The files of lua/shared/, each of which uses only those before it.
SHARED = (
    *("keys", "noted", "pollers", "minutes", "layout", "priority", "records", "failing", "progress", "holds"),
    *("observed", "places", "callbacks", "schedules", "moves", "runs", "rules"),
)


@cache
def source(name: str, partitions: int = 1, clock: str = layout.REAL) -> str:
    """The text of one script as the server gets it, for a store of so many partitions with this clock."""
    shebang, _, body = (_LUA / f"{name}.lua").read_text().partition("\n")
    return "\n".join([shebang, *_nested([*constants(partitions, clock), *_used(body, _shared(clock)), body])])


def _nested(paragraphs: Sequence[str]) -> Iterator[str]:
    """These, the later ones inside functions.

    To make a function Lua looks for each name that it takes from around it among all that were taken before, from the
    last one on (luaF_findupval): 17,800 steps in a claim, a quarter of one that finds nothing due. What comes from
    around the function that runs is at hand, so that these are 4,900.
    """
    depth = names = 0
    for place, paragraph in enumerate(paragraphs):
        if names >= _NAMES_EACH:
            before = {name for it in paragraphs[:place] for name in _defined(it)}
            if len(before & _words("\n".join(paragraphs[place:]))) <= _MOST_TAKEN:
                yield "return (function()"
                depth, names = depth + 1, 0
        yield paragraph
        names += len(_defined(paragraph))
    yield "end)() " * depth


@cache
def _shared(clock: str) -> list[str]:
    """The paragraphs of lua/shared/ for a store with this clock."""
    paragraphs = [paragraph for part in SHARED for paragraph in _paragraphs(part)]
    if clock == layout.VIRTUAL:
        (own,) = _paragraphs("virtual_clock")
        paragraphs = [own if it.startswith(own.partition("\n")[0]) else it for it in paragraphs]
    bounds = f"local LATENESS_BOUNDS = {{ {', '.join(map(str, BOUNDS))} }}"  # of use to one script alone
    permits = f"local SLOW_SECONDS, PROBE_FIRST, PROBE_MOST = {SECONDS}, {FIRST_PROBE}, {LAST_PROBE}"
    rates = f"local LEAST_BURST, LONGEST_RETRY = {LEAST_BURST}, {LONGEST_RETRY}"
    return [bounds, permits, rates, *paragraphs]


def _paragraphs(part: str) -> list[str]:
    """Of one file of lua/shared/, without comments."""
    code = re.sub(r"^ *--.*\n| +--.*", "", (_LUA / "shared" / f"{part}.lua").read_text(), flags=re.MULTILINE)
    return [paragraph for paragraph in re.split(r"\n{2,}", code.strip("\n")) if paragraph]


def _used(body: str, shared: list[str]) -> list[str]:
    """The shared paragraphs that a script's body needs: each call makes all functions anew, 0.2 us each."""
    used: list[str] = []
    needing = _words(body)
    for paragraph in reversed(shared):
        if needing & _defined(paragraph):
            used.insert(0, paragraph)
            needing |= _words(paragraph)
    return used


def _defined(paragraph: str) -> set[str]:
    """Names that are known after it."""
    found = re.findall(r"^local (?:function )?([\w, ]+)", paragraph, re.MULTILINE)
    return {name.strip() for names in found for name in names.split(",")}


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", re.sub(r"--.*", "", text)))


def constants(partitions: int, clock: str) -> list[str]:
    """What scripts and Python both go by, as lines of Lua."""
    return [
        f"local FORMAT = {FORMAT}",
        f"local SUSPECTS, SUSPECT_LOSSES, COUNTED = '{SUSPECTS}', {SUSPECT_LOSSES}, {COUNTED}",
        f"local LAYOUT_BEGINS = '{layout.begins(partitions, clock)}'",
    ]
