"""The replay of a group for a terminal, with what it would hit. Pure."""

from __future__ import annotations

from typing import NamedTuple

from scheduler import FailureGroup
from timer_service.web.pages.words.commands import Terminal, list_commands
from timer_service.web.pages.words.places import Place
from timer_service.web.pages.words.values import counted, number

#: Timers that a command names one by one; more are said by a filter, and there is none by error.
_NAMED = 20


class ForTerminal(NamedTuple):
    """Nothing at all where no command hits the group."""

    #: Whole sentences.
    note: str = ""
    commands: tuple[str, ...] = ()


def for_terminal(shell: Terminal, group: FailureGroup, place: Place, there: int, *, exact: bool) -> ForTerminal:
    """`there`: how many are known to be failed at its destination, in all groups; `exact`: no others are."""
    if len(group.ids) <= _NAMED:
        named, each = ("its id", "it") if len(group.ids) == 1 else (f"the ids of these {len(group.ids)}", "each")
        note = f"By {named}: {each} is sent again even if it was replayed and delivered meanwhile."
        ids = list(group.ids)
        return ForTerminal(note, (shell.curl_post("/timers/replay", {"ids": ids}), shell.ours("replay", *ids)))
    if not place.origin:
        return ForTerminal()
    others = there - len(group.ids)
    if exact and not others:
        note = f"By destination: it replays the {number(there)} that failed there."
    else:
        note = (
            "More than this group, as there is no filter by error: all that failed at this destination are replayed, "
            f"{'' if exact else 'at least '}{counted(there, 'timer')}."
        )
    asked = {"status": "failed", "destination": place.origin}
    return ForTerminal(f"{note} One call of curl replays 1,000 at most.", list_commands(shell, asked, "replay"))
