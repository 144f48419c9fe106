"""`timer-service apply`: makes schedules and limits destinations as a file says, and shows first what that changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from scheduler import exact_numbers
from timer_service.client import Forbidden, NotFound, PreconditionFailed, TimerClient, TimerServiceError
from timer_service.client.schedule_fields import Plan
from timer_service.client.wire import encode
from timer_service.printable import printable
from timer_service.terminal import destination_steps, schedule_file
from timer_service.terminal.differences import between, differences, lines
from timer_service.terminal.named import ask_before_deleting
from timer_service.terminal.printing import echo, print_json
from timer_service.terminal.schedule_file import OWNER, ScheduleFile, place
from timer_service.terminal.service_command import EXITS, exit_code, print_error, service_command
from timer_service.terminal.steps import Step

#: A version that no schedule and no destination has.
_NOBODYS = "dry-run"
_DONE = {"create": "created", "change": "changed", "leave": "unchanged", "delete": "deleted"}


@click.command(epilog=EXITS)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@click.option("--prune", is_flag=True, help="Delete schedules that were applied from this file and are not in it now.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before schedules are deleted; needed where nobody can.")
@service_command
def apply(client: TimerClient, output: str, file: str, dry_run: bool, prune: bool, yes: bool) -> int:
    """Make schedules and limit destinations as FILE says, which is TOML, and show first what that changes.

    \b
    [schedules.daily-report]
    cron = "0 9 * * MON-FRI"
    time_zone = "Europe/Berlin"
    overlap = "skip"
    [schedules.daily-report.timer]
    url = "https://example.com/report"
    [destinations."https:example.com:443"]
    rate = { requests = 10, per = "1s" }
    """
    wanted = schedule_file.read(file)
    steps = [destination_steps.step(client, name, fields) for name, fields in wanted.destinations.items()]
    steps += [_step(client, name, fields) for name, fields in wanted.schedules.items()]
    steps += _gone(client, wanted) if prune else ()
    if output == "table":
        for step in steps:
            echo(*_lines(step))
    if not dry_run:
        ask_before_deleting([step.name for step in steps if step.verb == "delete"], yes)
    code = 0
    done = []
    for step in steps:
        try:
            done.append(_check(client, step) if dry_run else _do(client, step, output))
        except TimerServiceError as error:
            _print_refusal(file, step, error)
            code = code or exit_code(error)
    _finish(output, done, "would be " if dry_run else "")
    return code


def _step(client: TimerClient, name: str, fields: Mapping[str, Any]) -> Step:
    try:
        stands = client.schedule(name)
    except NotFound:
        return Step("schedule", name, "create", fields, None)
    asked = exact_numbers.loads(encode(fields))  # the same kinds of numbers as in answers
    found = differences(asked, stands.raw)
    return Step("schedule", name, "change" if found else "leave", fields, stands, found)


def _gone(client: TimerClient, wanted: ScheduleFile) -> Iterator[Step]:
    for stands in client.schedules():
        owner = (stands.timer.get("metadata") or {}).get(OWNER)
        if owner == wanted.name and stands.name not in wanted.schedules:
            yield Step("schedule", stands.name, "delete", None, stands)


def _check(client: TimerClient, step: Step) -> Step:
    """Asks for it on a condition that never holds: the service looks at conditions last (RFC 9110, 13.2.1), so that it
    refuses first what is wrong with the fields, and does nothing. For a key that may only read it looks at plans."""
    fields = step.fields
    if fields is None:
        return step
    try:
        if step.kind == "destination":
            destination_steps.limit(client, step, _NOBODYS)
        else:
            client.set_schedule(step.name, if_version=_NOBODYS, **fields)
    except PreconditionFailed:
        return step
    except Forbidden:
        if step.kind == "schedule":
            client.preview_schedule(count=1, **{name: fields[name] for name in Plan.__annotations__ if name in fields})
    return step


def _do(client: TimerClient, step: Step, output: str) -> Step:
    """What was done, which may be more than could be seen before."""
    if step.kind == "destination":
        return destination_steps.do(client, step)
    version = step.stands.version if step.stands else None
    if step.fields is None:
        client.delete_schedule(step.name, if_version=version)
        return step
    now = client.set_schedule(step.name, if_version=version, only_new=step.stands is None, **step.fields)
    if step.stands is None or now.version == step.stands.version:
        return Step("schedule", step.name, "leave" if step.stands else "create", step.fields, step.stands)
    found = between(step.stands.raw, now.raw)
    if output == "table" and step.verb == "leave":
        echo(*_lines(Step("schedule", step.name, "change", step.fields, step.stands, found)))
    return Step("schedule", step.name, "change", step.fields, step.stands, found)


def _lines(step: Step) -> Iterator[str]:
    if step.verb == "leave":
        yield f"unchanged {step.name}"
        return
    yield f"{step.verb} {step.name}"
    if step.verb == "change":
        yield from lines(step.differences)


def _print_refusal(file: str, step: Step, error: TimerServiceError) -> None:
    """By table and key, where the service names a field."""
    if step.fields is None or not error.errors:
        print_error(error, about=step.name)
        return
    for each in error.errors:
        keys = [part.replace("~1", "/").replace("~0", "~") for part in each.pointer.split("/")[1:]]
        click.echo(printable(f"Error: {file}: {place(step.kind, step.name, *keys)}: {each.detail}"), err=True)


def _finish(output: str, steps: Sequence[Step], before: str) -> None:
    if output == "json":
        for step in steps:
            changes = {field: {"old": old, "new": new} for field, old, new in step.differences}
            print_json({step.kind: step.name, "dry_run": bool(before), "done": _DONE[step.verb], "fields": changes})
    elif output == "id":
        for step in steps:
            if step.verb != "leave":
                echo(step.name)
    else:
        counts = Counter(step.verb for step in steps)
        said = ", ".join(f"{counts[verb]} {before if verb != 'leave' else ''}{done}" for verb, done in _DONE.items())
        echo(said)
