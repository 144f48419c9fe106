"""The Lua of the store: each file of lua/ is one script; what it uses of lua/shared/ is put after its `#!lua` line."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from scheduler.store import layout
from scheduler.store.lateness import BOUNDS
from scheduler.store.record import FORMAT
from scheduler.store.room import SUSPECTS

#: Lost leases that make a timer a suspect.
SUSPECT_LOSSES = 2
#: Destinations behind which one call counts the timers that wait: a thousand of them take 1 ms.
COUNTED = 1000

_LUA = files(__package__) / "lua"
#: The files of lua/shared/, each of which uses only those before it.
SHARED = ("keys", "noted", "pollers", "minutes", "layout", "records", "failing", "progress", "places", "moves")


@cache
def source(name: str, partitions: int = 1) -> str:
    """The text of one script as the server gets it, for a store of so many partitions."""
    shebang, _, body = (_LUA / f"{name}.lua").read_text().partition("\n")
    return "\n".join([shebang, *constants(partitions), *_used(body), body])


@cache
def _shared() -> list[str]:
    """The paragraphs of lua/shared/, without comments."""
    text = "\n".join((_LUA / "shared" / f"{part}.lua").read_text() for part in SHARED)
    code = re.sub(r"^ *--.*\n| +--.*", "", text, flags=re.MULTILINE)
    bounds = f"local LATENESS_BOUNDS = {{ {', '.join(map(str, BOUNDS))} }}"  # of use to one script alone
    return [bounds, *(paragraph for paragraph in re.split(r"\n{2,}", code.strip("\n")) if paragraph)]


def _used(body: str) -> list[str]:
    """The shared paragraphs that a script's body needs: each call makes all functions anew, 0.2 us each."""
    used: list[str] = []
    needing = set(re.findall(r"\w+", re.sub(r"--.*", "", body)))
    for paragraph in reversed(_shared()):
        defined = re.findall(r"^local (?:function )?([\w, ]+)", paragraph, re.MULTILINE)
        if needing & {name.strip() for names in defined for name in names.split(",")}:
            used.insert(0, paragraph)
            needing |= set(re.findall(r"\w+", paragraph))
    return used


def constants(partitions: int) -> list[str]:
    """What scripts and Python both go by, as lines of Lua."""
    return [
        f"local FORMAT = {FORMAT}",
        f"local SUSPECTS, SUSPECT_LOSSES, COUNTED = '{SUSPECTS}', {SUSPECT_LOSSES}, {COUNTED}",
        f"local LAYOUT_BEGINS = '{layout.begins(partitions)}'",
    ]
