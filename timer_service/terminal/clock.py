"""`timer-service clock`: what the time is where it can be turned, and turning it."""

from __future__ import annotations

import click

from timer_service.client import TimerClient
from timer_service.terminal import tables, values
from timer_service.terminal.printing import echo, print_json
from timer_service.terminal.service_command import service_command_without_ids


def _moment(text: str) -> str:
    given = values.when(text)
    if "due_at" not in given:
        raise click.BadParameter(f"{text!r} is a length: give it without --to.")
    return str(given["due_at"])


@click.group()
def clock() -> None:
    """A service whose clock can be turned: `up --clock virtual`."""


@clock.command()
@service_command_without_ids
def show(client: TimerClient, output: str) -> None:
    """What the time is there."""
    now = client.clock()
    print_json({"now": now.isoformat()}) if output == "json" else echo(tables.local(now))


@clock.command()
@click.argument("by", required=False)
@click.option("--to", type=_moment, help="To this moment instead.")
@service_command_without_ids
def advance(client: TimerClient, output: str, by: str | None, to: str | None) -> int:
    """Turn it forward, and wait until all has been sent that falls due on the way.

    Exits 1 if it does not get there, since nobody sends what is due.

    \b
    timer-service clock advance 30d
    timer-service clock advance --to 2027-03-28T00:00:00Z
    """
    if (by is None) == (to is None):
        raise click.UsageError("Say either BY, such as 30d, or --to a moment.")
    found = client.advance_clock(by=by, to=to)
    attempts = found.attempts
    while found.stopped_by in ("time", "delivering"):
        found = client.advance_clock(to=found.to)
        attempts += found.attempts
    if output == "json":
        print_json({**found.raw, "attempts": attempts})
    else:
        left = f"; {found.due:,} due, and no poller takes them" if found.stopped_by else ""
        echo(f"{tables.local(found.now)}, {attempts:,} sent on the way{left}")
    return 1 if found.stopped_by else 0
