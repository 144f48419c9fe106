"""Each script's header says what its body does: the keys it computes, the arguments it takes, the fields it returns.

Read from the text: a script's own code, and of the shared functions those that it reaches. Keys by a status in a
variable are those of the statuses that this code names. What is planted below must be seen.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from scheduler.store.claim_row import ClaimRow
from scheduler.store.failures import FailedRow
from scheduler.store.held import HeldReply
from scheduler.store.listing import ListReply
from scheduler.store.plans import PlanRow
from scheduler.store.reading import TimerRow
from scheduler.store.schedule_rows import ScheduleRow
from scheduler.store.scripts import SHARED
from scheduler.store.timer_counts import StatsReply
from scheduler.store.turning import TurnReply
from scheduler.store.unread import UnreadRow
from tests.bench.pages import page

LUA = Path(__file__).parents[2] / "scheduler/store/lua"
SCRIPTS = sorted(path.stem for path in LUA.glob("*.lua"))
SHARED_TEXT = "".join((LUA / "shared" / f"{part}.lua").read_text() for part in SHARED)
STATUSES = {"delivering", "delivered", "failed", "cancelled"}
#: A partition without a layout is looked at once, whatever script comes first: that is layout.lua's contract.
LAID_OUT = "lay_out"

#: Keys of which there are many.
FAMILIES = {
    "timer": "timer:<id>",
    "attempts": "attempts:<id>",
    "tag": "tag:<tag>",
    "lastclaim": "lastclaim:<poller>",
    "minute": "minute:<n>",
    "schedule": "schedule:<name>",
    "runs": "runs:<name>",
    "open": "open:<name>",
    "asked": "asked:<poller>",
    "reported": "reported:<poller>",
}

TEXTS = {name: (LUA / f"{name}.lua").read_text() for name in SCRIPTS}
#: What a script's field of several is called in Python.
REPLIES: dict[str, Any] = {
    "claim": ClaimRow,
    "read": TimerRow,
    "list": ListReply,
    "stats": StatsReply,
    "failures": FailedRow,
    "turn": TurnReply,
    "plan": PlanRow,
    "schedules": ScheduleRow,
    "held": HeldReply,
    "unread": UnreadRow,
}


def code(text: str) -> str:
    return re.sub(r"--[^\n]*", "", text)


def functions(text: str) -> dict[str, str]:
    """The functions at the top of a text by their names, each with its code."""
    one_line = re.findall(r"^local function (\w+)(\(.* end) *$", text, re.M)
    lines = re.findall(r"^local function (\w+)(\(.*(?:\n(?: .*)?)*\nend)$", text, re.M)
    return dict(lines) | dict(one_line)


def reached(body: str) -> dict[str, str]:
    """The shared functions that a script's body reaches. Of what is collected and written at the end, those whose table
    is filled by one of the others."""
    shared = functions(code(SHARED_TEXT))
    live: dict[str, str] = {}
    before = -1
    while len(live) != before:
        before = len(live)
        texts = {"": body, **live}
        for name, text in shared.items():
            callers = [it for it, other in texts.items() if re.search(rf"\b{name}\(", other)]
            table = name.removeprefix("write_")
            if name.startswith("write_") and table != "moves":
                fills = rf"\b{table}\b"
                others = [it for it in texts if it not in (name, "write_moves")]
                callers = [it for it in others if re.search(fills, texts[it])] if callers else []
            if callers and name not in live:
                live[name] = text
    return live


def constants() -> dict[str, str]:
    """Names of keys, as `PROGRESS`, by what they stand for."""
    found = {"PERMITS": "permits"}
    for names, values in re.findall(r"^local ([A-Z_, ]+) = ([^\n]*ROOT \.\.[^\n]*)$", code(SHARED_TEXT), re.M):
        for name, value in zip(names.split(", "), values.split(", "), strict=True):
            if "ROOT" in value:
                found[name] = value.split("'")[1]
    return found


def keys_used(script: str, text: str) -> set[str]:
    body = code(text.split("\n\n", 1)[1])
    live = reached(body)
    if script != "layout":
        live.pop(LAID_OUT, None)
    whole = "\n".join([body, *live.values()])
    used = {key for name, key in constants().items() if re.search(rf"\b{name}\b", whole)}
    used |= {name.rstrip(":") for name in re.findall(r"ROOT \.\. '([a-z:]+)'", whole)}
    used |= set(re.findall(r"KEYS\[1\] \.\. ':([a-z]+):?'", whole))  # of a destination
    used = {FAMILIES.get(name, name) for name in used}
    if "waiting_key" in live:
        used.add("waiting:<tag>")
    if re.search(r"\bPRIOR \.\. ':'", whole):
        used.add("prior:<tag>")
    # Moves ask of each set whether its timers wait; they do only in scripts that name such a set.
    asked = "".join(
        text for name, text in live.items() if "waiting:<tag>" in used or not name.startswith(("write_", "tag_of"))
    )
    if not re.search(r"\bWAITING\b(?! \.\. ':')", body + asked):
        used -= {"waiting", *(key for key in ("behind", "held") if not re.search(rf"\b{key.upper()}\b", whole))}
    if re.search(r"ROOT \.\. (?!')", whole):
        used |= set(re.findall(r"'(\w+)'", whole)) & STATUSES
        if script == "list":  # its caller names the index
            used |= {"tag:<tag>", "runs:<name>"}
    return used


def header(text: str, word: str) -> str:
    """What stands under one word of a script's header, on one line."""
    head = text.split("\n\n", 1)[0]
    found = re.search(rf"^-- {word}\s+(.*?)(?=^-- [A-Z]|\Z)", head, re.M | re.S)
    assert found, f"no {word}"
    return re.sub(r"\n--\s+", " ", found.group(1)).strip()


def keys_said(text: str) -> set[str]:
    said = re.sub(r"\([^)]*\)|:(?= ).*", "", header(text, "Computes"))
    return {key.strip() for key in said.split(",") if not key.strip().startswith("probe:")} - {"none"}


def arguments(text: str) -> tuple[int, int | None, int]:
    """As the header says: how many fixed ones, how many per timer (None: one, or none), how many of these it names."""
    said = header(text, "ARGV")
    if said == "none":
        return 0, None, 0
    fixed, _, rest = said.partition("then per timer ")
    fixed_names = [name for name in re.split(r"\s\|\s", fixed) if name.strip() and not name.strip().startswith("then ")]
    fixed_names = [] if fixed_names and fixed_names[0].startswith("per timer ") else fixed_names
    if not rest and said.startswith("per timer "):
        rest = said.removeprefix("per timer ")
    if not rest:
        return len(fixed_names), None, 0
    number, _, names = rest.partition(": ")
    return len(fixed_names), int(number), len(re.split(r"\s\|\s", names))


def check(script: str, text: str) -> None:
    assert keys_said(text) == keys_used(script, text)
    body = code(text.split("\n\n", 1)[1])
    fixed, per_timer, named = arguments(text)
    taken = {int(number) for number in re.findall(r"ARGV\[(\d+)\]", body)}
    if per_timer is None:
        assert taken <= set(range(1, fixed + 1))
        assert len(taken) == fixed or "#ARGV" in body or "ipairs(ARGV)" in body
    else:
        bound = re.search(r"local FIRST, FIELDS = (\d+), (\d+)", body)
        assert bound, "where the timers' arguments begin is not bound to a name"
        assert (int(bound[1]), int(bound[2]), named) == (fixed + 1, per_timer, per_timer)
        assert taken == set(range(1, fixed + 1))
    if script in REPLIES:
        row = REPLIES[script]
        _, found, said = header(text, "Returns").partition(f"{row.__name__}: ")
        assert found, f"{row.__name__} is not told"
        assert tuple(re.split(r"\W", field.strip())[0] for field in re.split(r"\s\|\s", said)) == row._fields


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_does_what_its_header_says(script: str) -> None:
    check(script, TEXTS[script])


DRIFTS = [
    ("fire", "keys, ", ""),
    ("cancel", "'cancelled'\n", "'cancelled'\n    redis.call('DEL', tag_key(id))\n"),
    ("settle", "lateness ms or '' | ", ""),
    ("settle", "FIRST, FIELDS = 3, 6", "FIRST, FIELDS = 4, 6"),
    ("claim", "ARGV[12]", "ARGV[13]"),
    ("claim", "| due ms |", "|"),
    ("stats", "lost_leases | refused_settles", "refused_settles | lost_leases"),
    ("renew", "delivering, progress, seen", "delivering, claims, progress, seen"),
    ("stand", "progress", "progress, lateness"),
]


@pytest.mark.parametrize(("script", "old", "new"), DRIFTS)
def test_a_drift_of_header_and_body_is_seen(script: str, old: str, new: str) -> None:
    assert old in TEXTS[script]
    with pytest.raises(AssertionError):
        check(script, TEXTS[script].replace(old, new, 1))


def test_every_shared_function_is_reached_by_a_script() -> None:
    live = {name for text in TEXTS.values() for name in reached(code(text.split("\n\n", 1)[1]))}
    assert functions(code(SHARED_TEXT)).keys() == live


def test_timers_end_in_one_place_and_are_moved_in_one_order() -> None:
    """What ends a timer - settled, its last lease lost, cancelled, put in another's place - goes through ended()."""
    whole = {**TEXTS, **functions(code(SHARED_TEXT))}
    texts = {name: code(text) for name, text in whole.items()}
    assert {name for name, text in texts.items() if re.search(r"ended:", text)} == {"ended", "write_counted", "stats"}
    assert [name for name, text in texts.items() if "join(ROOT .. status" in text] == ["ended"]
    enders = {name for name, text in texts.items() if re.search(r"\b(ended|fail|withdraw)\(", text)}
    scripts = {"settle", "claim", "expire", "cancel", "supersede", "runs", "unschedule"}
    assert enders - {"ended", "fail", "withdraw"} == scripts
    # Places are left by write_leaving() alone, after what was added; tags of names are no places.
    assert {name for name, text in texts.items() if "'ZREM'" in text} == {
        *("check", "permissions", "drop_names", "forget_tags", "forget_run", "write_leaving"),
        *("note_run_end", "plan", "runs", "unschedule"),  # schedules, and their unfinished runs
        *("history", "mark_read"),  # what a history has yet to read
        *("hold", "permits"),  # destinations whose timers wait, and leases of permits
    }
    order = re.findall(r"write_\w+(?=\(\))", code(SHARED_TEXT).partition("local function write_moves()")[2])
    assert order.index("write_joining") < order.index("write_erased") < order.index("write_leaving")


def test_every_command_that_a_script_calls_is_in_the_access_list_of_the_page() -> None:
    """Red with a GETEX in any script."""
    called = set(re.findall(r"\b(?:call|pcall|many)\('([A-Z]+)'", code(SHARED_TEXT + "".join(TEXTS.values()))))
    listed = set(re.findall(r"\+([a-z]+)", page("operations.md").read_text().partition("-@all")[2].partition("```")[0]))
    assert {"ZADD", "HSET", "TIME"} <= called
    assert {command.lower() for command in called} <= listed
