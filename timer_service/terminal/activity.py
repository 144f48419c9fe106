"""The commands that tell how the service does: stats, pollers, store, minutes, forecast, failures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, get_args

import click

from timer_service.client import TimerClient
from timer_service.client.activity import Step
from timer_service.terminal import activity_tables as tables
from timer_service.terminal import values
from timer_service.terminal.printing import echo, print_json, width
from timer_service.terminal.service_command import STORE_AWAY, service_command, service_command_without_ids
from timer_service.terminal.tables import aligned

#: Minutes that a terminal shows without scrolling.
_SHOWN = 15


@click.command()
@service_command_without_ids
def stats(client: TimerClient, output: str) -> None:
    """Counts of timers by status, and lateness."""
    found = client.stats()
    _print(output, found.raw, aligned(tables.stats_rows(found)))


@click.command()
@service_command
def pollers(client: TimerClient, output: str) -> None:
    """The pollers seen in the last hour.

    With what each had under way at its last claim. --output id prints their names alone.
    """
    found = client.pollers()
    if output == "id":
        _each(poller.name for poller in found.pollers)
    elif output == "table" and not found.pollers:
        echo("No poller was seen in the last hour: nothing is sent.")
    else:
        _print(output, found.raw, aligned(tables.poller_rows(found), width()))


@click.command()
@service_command_without_ids
def store(client: TimerClient, output: str) -> int:
    """The store: its writes, memory, append-only file.

    Exits 5 if it takes no writes.
    """
    found = client.store()
    _print(output, found.raw, aligned(tables.store_rows(found)))
    return 0 if found.write_ok else STORE_AWAY


@click.command()
@click.option("--minutes", type=click.IntRange(1), default=_SHOWN, show_default=True, help="How many, up to now.")
@service_command_without_ids
def minutes(client: TimerClient, output: str, minutes: int) -> None:
    """What happened in each of the last minutes.

    What was set, attempted and ended, and within which time half of the attempts and 99 % of them were sent.

    \b
    timer-service minutes
    timer-service minutes --minutes 1440 -o json
    """
    found = client.minutes(minutes)
    _print(output, found.raw, aligned(tables.minute_rows(found), width()))


@click.command()
@click.option("--from", "from_", type=values.moment, help="From this moment on; now unless said.")
@click.option("--to", type=values.moment, help="Up to this moment, or for so long from now: 6h.  [default: 60 rows]")
@click.option("--by", type=click.Choice(get_args(Step)), default="minute", show_default=True)
@service_command_without_ids
def forecast(
    client: TimerClient, output: str, from_: datetime | str | None, to: datetime | str | None, by: Step
) -> None:
    """How many timers fall due when.

    In each minute to come, or in each second, hour or day. Of what is due already it has what is held, where that is
    expected to be sent.

    \b
    timer-service forecast --to 15m
    timer-service forecast --by day --from 2026-03-01T00:00:00Z --to 2026-04-01T00:00:00Z
    """
    found = client.forecast(from_=from_, to=to, by=by)
    _print(output, found.raw, aligned(tables.forecast_rows(found), width()))
    for line in tables.forecast_notes(found):
        click.echo(line, err=True)


@click.command()
@service_command
def failures(client: TimerClient, output: str) -> None:
    """What failed, grouped, and where it fails now.

    The newest failed timers by destination and error, then the destinations whose latest attempts failed. --output id
    prints the newest timer of each group alone.

    \b
    timer-service failures
    timer-service failures -o id | head -1 | xargs -r timer-service timer show
    """
    found = client.failures()
    if output == "id":
        _each(group.newest.id for group in found.groups)
    elif output == "json":
        print_json(found.raw)
    else:
        if found.groups:
            echo(*aligned(tables.group_rows(found), width()))
            more = "; there are older ones" if found.more else ""
            click.echo(f"Of the newest {found.looked:,} failed timers{more}.", err=True)
        else:
            echo("No timer has failed, of those that are kept.")
        if found.failing:
            echo("", *aligned(tables.failing_rows(found), width()))


def _print(output: str, raw: Mapping[str, Any], lines: Iterable[str]) -> None:
    if output == "json":
        print_json(raw)
    else:
        echo(*lines)


def _each(words: Iterable[str]) -> None:
    for word in words:
        echo(word)
