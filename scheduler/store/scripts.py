"""The Lua of the store: each file of lua/ is one script, with the shared words put in after its `#!lua` line."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from scheduler.store import layout

_LUA = files(__package__) / "lua"


@cache
def source(name: str, partitions: int = 1) -> str:
    """The text of one script as the server gets it, for a store of so many partitions."""
    shebang, _, body = (_LUA / f"{name}.lua").read_text().partition("\n")
    known = f"local LAYOUT_BEGINS = '{layout.begins(partitions)}'"
    return f"{shebang}\n{known}\n{(_LUA / 'shared.lua').read_text()}\n{body}"
