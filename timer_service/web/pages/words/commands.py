"""What the page shows and does, as commands for a shell. Pure.

Every value is quoted: pasted, it is one word of the command, whatever it holds.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, urlencode

from scheduler import exact_numbers

#: Where the command line looks unless told otherwise.
_USUAL = "http://127.0.0.1:8000"
_JSON = "content-type: application/json"


@dataclass(frozen=True, slots=True)
class Terminal:
    """How a shell reaches this service."""

    #: Without a slash at its end.
    base: str
    needs_key: bool

    def curl(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """A GET."""
        url = f"{self.base}{path}" + (f"?{urlencode(query)}" if query else "")
        return self._line("curl -s", shlex.quote(url))

    def curl_post(self, path: str, body: Mapping[str, object] | None = None) -> str:
        return self.curl_send("POST", path, body)

    def curl_send(self, method: str, path: str, body: Mapping[str, object] | None = None) -> str:
        words = [f"curl -s -X {method}", shlex.quote(f"{self.base}{path}")]
        if body is not None:
            words += ["-H", shlex.quote(_JSON), "-d", shlex.quote(exact_numbers.dumps(body))]
        return self._line(*words)

    def ours(self, *words: str, options: Mapping[str, str] | None = None) -> str:
        """`timer-service timer` with these words, then options by their names."""
        return self._ours("timer", words, options or {})

    def ours_of_schedules(self, *words: str, options: Mapping[str, str] | None = None) -> str:
        """`timer-service schedule`, likewise."""
        return self._ours("schedule", words, options or {})

    def ours_of_destinations(self, *words: str, options: Mapping[str, str] | None = None) -> str:
        """`timer-service destination`, likewise."""
        return self._ours("destination", words, options or {})

    def _ours(self, group: str, words: Sequence[str], options: Mapping[str, str]) -> str:
        where = [] if self.base == _USUAL else [f"TIMER_URL={shlex.quote(self.base)}"]
        given = [f"--{name.replace('_', '-')} {shlex.quote(value)}" for name, value in options.items()]
        return " ".join([*where, f"timer-service {group}", *map(shlex.quote, words), *given])

    def _line(self, command: str, *words: str) -> str:
        # In double quotes, so that the shell puts the key there, and no history has it.
        key = ['-H "authorization: Bearer $TIMER_API_KEY"'] if self.needs_key else []
        return " ".join([command, *key, *words])


class Call(NamedTuple):
    """One action, said with curl and with our own program."""

    name: str
    commands: tuple[str, ...]


def timer_path(timer_id: str) -> str:
    return f"/timers/{quote(timer_id, safe='')}"


def list_commands(shell: Terminal, asked: Mapping[str, str], verb: str | None) -> tuple[str, ...]:
    """The same list; and with a verb, which is a route and a command, the change of all that it matches."""
    listed = {name: value for name, value in asked.items() if name != "cursor"}
    shown = (shell.curl("/timers", listed), _listed(shell, listed))
    if verb is None:
        return shown
    filters = {name: value for name, value in listed.items() if name != "order"}
    return (*shown, shell.curl_post(f"/timers/{verb}", filters), shell.ours(verb, options=filters))


def _listed(shell: Terminal, listed: Mapping[str, str]) -> str:
    name = listed.get("schedule")
    if name is None:
        return shell.ours("list", options=listed)
    return shell.ours_of_schedules("runs", name, options={"status": listed["status"]} if "status" in listed else {})
