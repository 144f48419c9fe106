"""The Lua of the store: each file of lua/ is one script, with the shared words put in after its `#!lua` line."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

_LUA = files(__package__) / "lua"


@cache
def source(name: str) -> str:
    """The text of one script as the server gets it."""
    shebang, _, body = (_LUA / f"{name}.lua").read_text().partition("\n")
    return f"{shebang}\n{(_LUA / 'shared.lua').read_text()}\n{body}"
