"""What the views of schedules show and do, as commands for a shell. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from scheduler import Schedule, ScheduleStatus, exact_numbers
from timer_service.web.pages.words.commands import Call, Terminal

#: Of what a run sends, options of the same name; the others of it are said in a way of their own below.
_OF_RUN = ("method", "timeout", "max_attempts", "priority", "max_lateness")


def path(name: str) -> str:
    return f"/schedules/{quote(name, safe='')}"


def list_commands(shell: Terminal, filters: Mapping[str, str]) -> tuple[str, str]:
    return shell.curl("/schedules", filters), shell.ours_of_schedules("list", options=filters)


def preview_commands(shell: Terminal, asked: Mapping[str, Any]) -> tuple[str, str]:
    """`asked`: the body of the request."""
    options = {name: str(value) for name, value in asked.items()}
    return shell.curl_post("/schedules/preview", asked), shell.ours_of_schedules("preview", options=options)


def calls(shell: Terminal, schedule: Schedule, *, may_write: bool) -> Iterator[Call]:
    """Each action that the view of one schedule offers, as its forms stand at first."""
    name, here = schedule.name, path(schedule.name)
    yield Call("Show it", (shell.curl(here), shell.ours_of_schedules("show", name)))
    runs = shell.curl("/timers", {"status": "any", "schedule": name})
    yield Call("List its runs", (runs, shell.ours_of_schedules("runs", name)))
    if not may_write:
        return
    yield Call("Run once now", (shell.curl_post(f"{here}/fire"), shell.ours_of_schedules("fire", name)))
    match schedule.status:
        case ScheduleStatus.ACTIVE:
            said = {"reason": "in your words"}
            ours = shell.ours_of_schedules("pause", name, options=said)
            yield Call("Pause", (shell.curl_post(f"{here}/pause", said), ours))
        case ScheduleStatus.PAUSED:
            yield Call("Resume", (shell.curl_post(f"{here}/resume", {}), shell.ours_of_schedules("resume", name)))
    yield Call("Delete it", (shell.curl_send("DELETE", here), shell.ours_of_schedules("delete", name)))


def set_commands(shell: Terminal, name: str, asked: Mapping[str, Any]) -> tuple[str, ...]:
    """What sets a schedule; nothing as long as it has no name or no URL. `asked`: the body of a PUT."""
    timer = asked.get("timer", {})
    if not name or not timer.get("url"):
        return ()
    options = {of: str(value) for of, value in asked.items() if of != "timer"}
    options |= {of: str(timer[of]) for of in _OF_RUN if of in timer}
    words = ["set", name, str(timer["url"])]
    if "body" in timer:
        words += ["--json", exact_numbers.dumps(timer["body"])]
    for header, value in timer.get("headers", {}).items():
        words += ["--header", f"{header}: {value}"]
    for tag in timer.get("tags", ()):
        words += ["--tag", tag]
    return shell.curl_send("PUT", path(name), asked), shell.ours_of_schedules(*words, options=options)


def change_commands(shell: Terminal, name: str, patch: Mapping[str, Any]) -> tuple[str, ...]:
    """What changes one; nothing as long as the form holds what stands. Our own program only sets the whole."""
    return (shell.curl_send("PATCH", path(name), patch),) if patch else ()
