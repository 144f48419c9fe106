"""The Lua of the store: each file of lua/ is one script; what it uses of lua/shared/ is put after its `#!lua` line."""

from __future__ import annotations

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
from scheduler.store.script_parts import assembled, paragraphs

#: Lost leases that make a timer a suspect.
SUSPECT_LOSSES = 2
#: Destinations behind which one call counts the timers that wait: a thousand of them take 1 ms.
COUNTED = 1000

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
    return f"{shebang}\n{assembled(constants(partitions, clock), _shared(clock), body)}"


@cache
def _shared(clock: str) -> list[str]:
    """The paragraphs of lua/shared/ for a store with this clock."""
    shared = [paragraph for part in SHARED for paragraph in _paragraphs(part)]
    if clock == layout.VIRTUAL:
        (own,) = _paragraphs("virtual_clock")
        shared = [own if it.startswith(own.partition("\n")[0]) else it for it in shared]
    bounds = f"local LATENESS_BOUNDS = {{ {', '.join(map(str, BOUNDS))} }}"  # of use to one script alone
    permits = f"local SLOW_SECONDS, PROBE_FIRST, PROBE_MOST = {SECONDS}, {FIRST_PROBE}, {LAST_PROBE}"
    rates = f"local LEAST_BURST, LONGEST_RETRY = {LEAST_BURST}, {LONGEST_RETRY}"
    return [bounds, permits, rates, *shared]


def _paragraphs(part: str) -> list[str]:
    """Of one file of lua/shared/."""
    return paragraphs((_LUA / "shared" / f"{part}.lua").read_text())


def constants(partitions: int, clock: str) -> list[str]:
    """What scripts and Python both go by, as lines of Lua."""
    return [
        f"local FORMAT = {FORMAT}",
        f"local SUSPECTS, SUSPECT_LOSSES, COUNTED = '{SUSPECTS}', {SUSPECT_LOSSES}, {COUNTED}",
        f"local LAYOUT_BEGINS = '{layout.begins(partitions, clock)}'",
    ]
