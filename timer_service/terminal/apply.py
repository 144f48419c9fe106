"""`timer-service apply`: makes schedules and limits destinations as a file says, and shows first what that changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import click

from timer_service.client import TimerClient, TimerServiceError
from timer_service.printable import printable
from timer_service.terminal import apply_file, destination_steps, schedule_steps
from timer_service.terminal.apply_file import place
from timer_service.terminal.differences import lines
from timer_service.terminal.named import ask_before_deleting
from timer_service.terminal.printing import echo, print_json
from timer_service.terminal.service_command import EXITS, exit_code, print_error, service_command
from timer_service.terminal.steps import Step

#: What may be said of a step before it is done, and doing it, which may turn out to be more than could be seen before.
_CHECK = {"destination": destination_steps.check, "schedule": schedule_steps.check}
_DO = {"destination": destination_steps.do, "schedule": schedule_steps.do}
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
    wanted = apply_file.read(file)
    steps = [destination_steps.step(client, name, fields) for name, fields in wanted.destinations.items()]
    steps += [schedule_steps.step(client, name, fields) for name, fields in wanted.schedules.items()]
    steps += schedule_steps.gone(client, wanted) if prune else ()
    if output == "table":
        for step in steps:
            echo(*_lines(step))
    if not dry_run:
        ask_before_deleting([step.name for step in steps if step.verb == "delete"], yes)
    code = 0
    done = []
    for step in steps:
        try:
            done.append((_CHECK if dry_run else _DO)[step.kind](client, step))
        except TimerServiceError as error:
            _print_refusal(file, step, error)
            code = code or exit_code(error)
            continue
        if output == "table" and step.verb == "leave" and done[-1].verb != "leave":
            echo(*_lines(done[-1]))
    _finish(output, done, "would be " if dry_run else "")
    return code


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
