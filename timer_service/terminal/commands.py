"""`timer-service timer`: the group, and the commands that set, show, list and watch."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any

import click

from timer_service.client import Attempt, Timer, TimerClient, When
from timer_service.client.batches import MOST_TIMERS
from timer_service.terminal import changes, history, options, request_options, values, watching
from timer_service.terminal.printing import echo, print_json, print_timers, width
from timer_service.terminal.service_command import EXITS, service_command
from timer_service.terminal.tables import aligned, attempt_rows, detail_rows, local, time_left, timer_rows

#: Timers that `list` shows unless told otherwise.
_LISTED = 50


@click.group(epilog=EXITS)
def timer() -> None:
    """Set timers, look at them, change them."""


for command in (changes.cancel, changes.replay, changes.reschedule, changes.fire, history.history):
    timer.add_command(command)


@timer.command("set")
@options.when
@request_options.url
@click.option("--expires-at", metavar="WHEN", type=values.moment, help="Later than that it is not sent.")
@click.option("--key", shell_complete=values.waiting_keys, help="Unique among unfinished timers.")
@click.option("--replace", is_flag=True, help="Put it in the place of the timer that has the key.")
@click.option("--idempotency-key", help="The same key again makes no second timer, for a day.")
@options.durability
@request_options.request
@service_command
def set_(
    client: TimerClient,
    output: str,
    when: When,
    request: Mapping[str, Any],
    expires_at: datetime | str | None,
    key: str | None,
    replace: bool,
    idempotency_key: str | None,
    durability: str | None,
) -> None:
    """Send a request to URL at WHEN: after 90s, 10m, 1h30m, PT30M, or at 2026-03-01T09:00:00+01:00.

    \b
    timer-service timer set 10m https://example.com/hook --json '{"a": 1}'
    """
    fields: dict[str, Any] = {**request, **when}
    if expires_at is not None:
        fields["expires_at"] = expires_at
    if not replace:
        fields |= {} if key is None else {"key": key}
        made = client.create(idempotency_key=idempotency_key, durability=durability, **fields)
    elif key is None or idempotency_key is not None:
        raise click.UsageError("--replace needs --key, and no --idempotency-key")
    else:
        made = client.put(key, durability=durability, **fields)
    reached = f", {made.durability}" if made.durability else ""
    print_timers(output, [made], f"set {made.id}, due {local(made.due_at)}, in {time_left(made)}{reached}")


@timer.command()
@options.one
@options.by_key
@service_command
def show(client: TimerClient, output: str, timer: str, by_key: bool) -> None:
    """Everything about one timer, and its last attempts."""
    found = client.get_by_key(timer) if by_key else client.get(timer)
    lines = list(aligned(detail_rows(found)))
    if output == "table" and found.last_attempt:
        lines += ["", *aligned(attempt_rows(client.attempts(found.id)), width())]
    print_timers(output, [found], *lines)


@timer.command("list")
@click.option("--order", type=click.Choice(["asc", "desc"]))
@click.option("--limit", type=click.IntRange(1), default=_LISTED, show_default=True)
@click.option("--all", "everything", is_flag=True, help="Without any limit.")
@service_command
@options.read_filters
def list_(
    client: TimerClient, output: str, order: str | None, limit: int, everything: bool, filters: Mapping[str, Any]
) -> None:
    """Timers that wait, soonest first; with --status or --tag, others."""
    found = client.list(order=order, page_size=MOST_TIMERS if everything else min(limit, MOST_TIMERS), **filters)
    shown = found if everything else islice(found, limit)
    if output != "table":
        print_timers(output, shown)
        return
    timers = list(shown)
    print_timers(output, timers, *aligned(timer_rows(timers), width()))
    if not everything and next(found, None):
        click.echo(f"The first {limit}; there are more: --limit, --all.", err=True)


@timer.command()
@service_command
@options.read_filters
def count(client: TimerClient, output: str, filters: Mapping[str, Any]) -> None:
    """How many timers wait; with --status or --tag, others."""
    found = client.count(**filters)
    if output == "json":
        print_json({"count": found.count, "exact": found.exact})
    else:
        echo(f"{'' if found.exact else 'at least '}{found.count}")


@timer.command()
@options.one
@options.by_key
@service_command
def watch(client: TimerClient, output: str, timer: str, by_key: bool) -> int:
    """Count down, show each attempt as it happens, and end when TIMER has ended.

    With --output json each line is {"attempt": {...}} or {"timer": {...}}. Exits 0 if it was delivered, 10 if it
    failed, 11 if it was cancelled.
    """
    live = output == "table" and sys.stdout.isatty()
    new: Attempt | Timer | None = None
    timer_id = options.id_of(client, timer, by_key)
    for new in watching.events(client, timer_id, watching.count_down if live else watching.wait):
        if output == "json":
            print_json({type(new).__name__.lower(): dict(new.raw)})
        elif output == "table":
            echo(watching.line(new))
    assert isinstance(new, Timer)
    if output == "id":
        echo(new.id)
    return watching.EXITS[new.status]
