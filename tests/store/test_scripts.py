"""The scripts as the store gets them: each can be run, however its functions were nested."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from scheduler.store import layout, scripts
from tests.bench.servers import Server

NAMES = sorted(
    it.name.removesuffix(".lua") for it in (files("scheduler.store") / "lua").iterdir() if it.name.endswith(".lua")
)


@pytest.mark.parametrize("clock", [layout.REAL, layout.VIRTUAL])
def test_a_server_takes_every_script(server: Server, clock: str) -> None:
    """Red with one more name around a function than Lua lets it take: `has more than 60 upvalues`."""
    with server.client() as client:
        for name in NAMES:
            client.script_load(scripts.source(name, 16, clock))


@pytest.mark.parametrize("name", NAMES)
def test_each_function_that_is_opened_is_called_and_closed(name: str) -> None:
    text = scripts.source(name)
    assert text.count("\nreturn (function()\n") == len(re.findall(r"end\)\(\)", text))


def test_what_a_claim_uses_is_nested_and_what_a_short_script_uses_is_not() -> None:
    assert scripts.source("claim").count("return (function()") >= 3
    assert "return (function()" not in scripts.source("refused")


@pytest.mark.parametrize("name", NAMES)
def test_nesting_changes_no_line_of_a_script(name: str) -> None:
    body = (files("scheduler.store") / "lua" / f"{name}.lua").read_text().partition("\n")[2]
    assert body in scripts.source(name)


def test_a_function_that_would_take_too_many_names_is_not_opened() -> None:
    """Lua refuses the whole script then."""
    many = [f"local a{number} = {number}" for number in range(70)]
    uses = "return " + " + ".join(f"a{number}" for number in range(70))
    assert list(scripts._nested([*many, uses])) == [
        *many[:20],
        "return (function()",
        *many[20:40],
        "return (function()",
        *many[40:60],
        "return (function()",
        *many[60:],
        uses,
        "end)() end)() end)() ",
    ]
