"""The scripts as the store gets them: each can be run, however its functions were nested."""

from __future__ import annotations

import re
from collections import Counter
from importlib.resources import files

import pytest

from scheduler.store import layout, script_parts, scripts
from tests.bench.servers import Server

NAMES = sorted(
    it.name.removesuffix(".lua") for it in (files("scheduler.store") / "lua").iterdir() if it.name.endswith(".lua")
)

#: What makes the functions that are rarely called: of the shared ones, and of a script's own.
_MAKER = re.compile(r"^do local before.*?^ end end$", re.MULTILINE | re.DOTALL)
#: One that is made within a block of a script's body.
_INNER_FUNCTION = re.compile(
    r"^( +)(?:local function|function|\w+ = function)\b.*\n(?:\1 .*\n|\n)*\1end\n", re.MULTILINE
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
def test_no_line_of_a_script_is_changed_or_left_out(name: str) -> None:
    """A function that nothing uses would be."""
    body = (files("scheduler.store") / "lua" / f"{name}.lua").read_text().partition("\n")[2]
    assert Counter(map(str.strip, body.splitlines())) <= Counter(map(str.strip, scripts.source(name).splitlines()))


@pytest.mark.parametrize("name", NAMES)
def test_what_a_script_rarely_calls_is_there_when_it_does(name: str) -> None:
    text = scripts.source(name)
    called = set(re.findall(r"rarely\(\)\.(\w+)", text))
    assert called <= set(re.findall(r"^ found\.(\w+) = \1$", text, re.MULTILINE))


@pytest.mark.parametrize("name", NAMES)
def test_what_the_rare_functions_of_a_script_copy_is_never_set_anew(name: str) -> None:
    text = scripts.source(name)
    for copied in re.findall(r"^ local (\w+) = found\.\1$", text, re.MULTILINE):
        assert not re.search(rf"^ *(?:\w+, )*{copied}(?:, \w+)* = ", text, re.MULTILINE), copied


@pytest.mark.parametrize("name", NAMES)
def test_a_script_calls_none_of_its_own_rare_functions_before_they_can_be_made(name: str) -> None:
    """By what its body does above them, and by the functions that it calls there."""
    *_, above, below = ["", *_MAKER.split(re.sub(r"--.*", "", scripts.source(name)))]
    functions = {re.findall(r"\w+", it)[2]: it for it in script_parts._FUNCTION.findall(above)}
    done = _INNER_FUNCTION.sub("", script_parts._FUNCTION.sub("", above))
    while called := [it for it in functions if re.search(rf"\b{it}\(", done)]:
        done += "".join(functions.pop(it) for it in called)
    assert "rarely()" not in done
    assert below


def test_what_is_rarely_called_is_made_where_it_is(server: Server) -> None:
    """Of the two that only a rare call needs one is shared and one the script's own; each is made once."""
    shared = [
        "local made = {}",
        "local function push(name) made[#made + 1] = name end",
        "push('often')\nlocal function often() return 1 end",
        "push('shared')\nlocal function seldom() return 10 end",
        "local function unused() return often() end",
    ]
    body = """
local own = {}
local function double() return 2 * seldom() + (own.more or 0) end
local function more() own.more = 100 end
for _ = 1, tonumber(ARGV[1]) do
  rarely().more()
  push(tostring(rarely().double()))
end
push(tostring(often()))
return made
"""
    text = script_parts.assembled([], shared, body)
    assert "unused" not in text
    with server.client() as client:
        assert client.eval(text, 0, 0) == [b"often", b"1"]
        assert client.eval(text, 0, 2) == [b"often", b"shared", b"120", b"120", b"1"]


@pytest.mark.parametrize(("name", "most"), [("claim", 47), ("settle", 35)])
def test_a_call_makes_only_the_functions_that_most_timers_need(name: str, most: int) -> None:
    """They were 102 and 66. Those within others count as made here, where most are not."""
    assert len(re.findall(r"\bfunction \w", _MAKER.sub("", scripts.source(name)))) <= most


def test_a_function_that_would_take_too_many_names_is_not_opened() -> None:
    """Lua refuses the whole script then."""
    many = [f"local a{number} = {number}" for number in range(70)]
    uses = "return " + " + ".join(f"a{number}" for number in range(70))
    assert list(script_parts._nested([*many, uses])) == [
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
