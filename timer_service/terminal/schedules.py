"""`timer-service schedule`: set schedules, look at them, pause, resume, fire and delete them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, get_args

import click

from timer_service.client import NotFound, Schedule, TimerClient
from timer_service.client.answers import Status
from timer_service.client.batches import MOST_PREVIEWED, MOST_SCHEDULES
from timer_service.client.schedule_fields import CatchUp, ScheduleStatus
from timer_service.terminal import options, plan_options, request_options, values
from timer_service.terminal.differences import between, lines
from timer_service.terminal.moments import here_and_utc
from timer_service.terminal.named import ask_before_deleting, each_named
from timer_service.terminal.printing import echo, print_json, print_timers, width
from timer_service.terminal.schedule_tables import detail_rows, moment_rows, run_rows, schedule_rows
from timer_service.terminal.service_command import EXITS, service_command, service_command_without_ids
from timer_service.terminal.tables import aligned, timer_rows

#: Schedules that `list` shows unless told otherwise.
_LISTED = 50

_name = click.argument("name", shell_complete=values.schedule_names)


@click.group(epilog=EXITS)
def schedule() -> None:
    """Timers again and again: set schedules, look at them, change them."""


@schedule.command("set")
@_name
@request_options.url
@plan_options.how
@click.option("--if-version", metavar="VERSION", help="Only if it stands so; `show` tells its version.")
@click.option("--new", "only_new", is_flag=True, help="Only if there is none of this name.")
@options.durability
@request_options.request
@service_command
def set_(
    client: TimerClient,
    output: str,
    name: str,
    how: Mapping[str, Any],
    if_version: str | None,
    only_new: bool,
    durability: str | None,
    request: Mapping[str, Any],
) -> None:
    """Send a request to URL again and again: create the schedule NAME, or replace it.

    \b
    timer-service schedule set daily-report https://example.com/report \\
        --cron "0 9 * * MON-FRI" --time-zone Europe/Berlin --overlap skip
    timer-service schedule set heartbeat https://example.com/alive --every 15m
    """
    fields: dict[str, Any] = {**how, "timer": request}
    before = _standing(client, name) if output == "table" and not only_new else None
    made = client.set_schedule(name, if_version=if_version, only_new=only_new, durability=durability, **fields)
    is_changed = before is not None and before.version != made.version
    done = "changed" if is_changed else "created" if before is None else "unchanged"
    changes = lines(between(before.raw, made.raw)) if before is not None and is_changed else ()
    reached = f"; {made.durability}" if made.durability else ""
    _print(output, [made], f"{done} {made.name}: {made.description}; {_next(made)}{reached}", *changes)


@schedule.command("list")
@click.option("--status", type=click.Choice(get_args(ScheduleStatus)))
@click.option("--tag", help="Of its runs.")
@click.option("--limit", type=click.IntRange(1), default=_LISTED, show_default=True)
@click.option("--all", "everything", is_flag=True, help="Without any limit.")
@service_command
def list_(client: TimerClient, output: str, limit: int, everything: bool, **filters: Any) -> None:
    """Schedules, by their names."""
    given = {name: value for name, value in filters.items() if value is not None}
    found = client.schedules(page_size=MOST_SCHEDULES if everything else min(limit, MOST_SCHEDULES), **given)
    shown = found if everything else islice(found, limit)
    if output != "table":
        _print(output, shown)
        return
    schedules = list(shown)
    echo(*aligned(schedule_rows(schedules), width()))
    if not everything and next(found, None):
        click.echo(f"The first {limit}; there are more: --limit, --all.", err=True)


@schedule.command()
@_name
@service_command
def show(client: TimerClient, output: str, name: str) -> None:
    """Everything about one schedule: its next moments, its last runs, what it skipped and why."""
    found = client.schedule(name)
    shown = list(aligned(detail_rows(found)))
    if found.next:
        shown += ["", *aligned(moment_rows(found.next, found.time_zone), width())]
    if found.previous:
        shown += ["", *aligned(run_rows(found.previous), width())]
    _print(output, [found], *shown)


@schedule.command()
@_name
@click.option("--status", type=click.Choice(get_args(Status)), help="Only those; all unless said.")
@click.option("--limit", type=click.IntRange(1), default=_LISTED, show_default=True)
@service_command
def runs(client: TimerClient, output: str, name: str, status: Any, limit: int) -> None:
    """The timers that it has made."""
    timers = list(islice(client.schedule_runs(name, status=status or "any"), limit))
    print_timers(output, timers, *aligned(timer_rows(timers), width()))


@schedule.command()
@_name
@click.option("--reason", help="Why, in your words.")
@click.option("--until", type=values.moment, help="When it goes on by itself: 2h, or a moment.")
@service_command
def pause(client: TimerClient, output: str, name: str, reason: str | None, until: Any) -> None:
    """Make no runs from now on; those that were made ahead are taken back."""
    found = client.pause_schedule(name, reason=reason, until=until)
    ends = found.paused.until if found.paused else None
    _print(output, [found], f"paused {name}, until {here_and_utc(ends) if ends else 'it is resumed'}")


@schedule.command()
@_name
@click.option(
    "--catch-up", type=click.Choice(get_args(CatchUp)), help="Which of the moments meanwhile are made up for."
)
@service_command
def resume(client: TimerClient, output: str, name: str, catch_up: CatchUp | None) -> None:
    """End its pause. Moments meanwhile stay skipped, unless --catch-up says otherwise."""
    found = client.resume_schedule(name, catch_up=catch_up)
    _print(output, [found], f"resumed {name}; {_next(found)}")


@schedule.command()
@_name
@service_command
def fire(client: TimerClient, output: str, name: str) -> None:
    """Make one run now, beside all others."""
    run = client.fire_schedule(name)
    print_timers(output, [run], f"{name} made {run.id}, due now")


@schedule.command()
@click.argument("names", nargs=-1, required=True, shell_complete=values.schedule_names)
@click.option("--open", "open_runs", type=click.Choice(["cancel", "keep"]), help="Runs that are due and wait (cancel).")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before; needed where nobody can.")
@service_command
def delete(client: TimerClient, output: str, names: Sequence[str], open_runs: Any, yes: bool) -> int:
    """Delete NAMES, with their runs that are not sent."""
    ask_before_deleting(names, yes)
    return each_named(
        names, lambda name: client.delete_schedule(name, open_runs=open_runs), "schedule", "deleted", output
    )


@schedule.command()
@plan_options.plan
@click.option("--from", "from_", type=values.moment, help="From this moment on, instead of from now.")
@click.option("--count", type=click.IntRange(1, MOST_PREVIEWED), default=5, show_default=True)
@service_command_without_ids
def preview(client: TimerClient, output: str, plan: Mapping[str, Any], from_: Any, count: int) -> None:
    """Which moments a plan names, with what a change of clocks does to them. Stores nothing.

    \b
    timer-service schedule preview --cron "30 2 * * *" --time-zone Europe/Berlin --from 2027-03-27T00:00:00Z
    """
    found = client.preview_schedule(from_=from_, count=count, **plan)
    if output == "json":
        print_json(found.raw)
        return
    echo(found.description, "")
    if found.moments:
        echo(*aligned(moment_rows(found.moments, plan.get("time_zone", "UTC")), width()))
    else:
        echo("It names no moment.")


def _standing(client: TimerClient, name: str) -> Schedule | None:
    try:
        return client.schedule(name)
    except NotFound:
        return None


def _next(schedule: Schedule) -> str:
    if not schedule.next:
        return "it is paused" if schedule.paused else "no moment is left"
    return f"next {here_and_utc(schedule.next[0].utc)}"


def _print(output: str, schedules: Iterable[Schedule], *lines: str) -> None:
    """`lines` are for people; programs get each schedule as it came, or its name."""
    if output == "table":
        echo(*lines)
    else:
        for each in schedules:
            print_json(each.raw) if output == "json" else echo(each.name)
