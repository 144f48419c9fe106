"""The commands that change timers: cancel, replay, reschedule, fire."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import click

from timer_service.client import Changed, TimerClient, When
from timer_service.terminal import options, values
from timer_service.terminal.named import each_named
from timer_service.terminal.printing import echo, print_json, print_timers
from timer_service.terminal.service_command import service_command
from timer_service.terminal.tables import local, time_left

_yes = click.option("--yes", "-y", is_flag=True, help="Do not ask before filters are used; needed where nobody can.")
_dry_run = click.option("--dry-run", is_flag=True, help="Only say how many match, and which are the first.")

#: Timers that are counted at most before a question: ten calls.
_COUNTED = 10_000
#: Timers that are named then.
_NAMED = 5


@dataclass(frozen=True)
class _Bulk:
    """A change of all that match."""

    done: str
    many: Callable[..., Changed]
    #: Statuses in which it changes a timer, and the filters that it has unless told otherwise.
    changes: Sequence[str]
    unless_said: Mapping[str, str]


@click.command()
@click.argument("timers", nargs=-1, shell_complete=values.waiting_ids)
@click.option("--key", "by_key", is_flag=True, help="TIMERS are keys, not ids.")
@_yes
@_dry_run
@service_command
@options.filters
def cancel(client: TimerClient, output: str, timers: Sequence[str], by_key: bool, **how: Any) -> int:
    """Cancel TIMERS, or all that match."""
    one = client.cancel_by_key if by_key else client.cancel
    return _change(client, output, timers, one, _Bulk("cancelled", client.cancel_many, ["scheduled"], {}), **how)


@click.command()
@click.argument("timers", nargs=-1)
@_yes
@_dry_run
@service_command
@options.filters
def replay(client: TimerClient, output: str, timers: Sequence[str], **how: Any) -> int:
    """Send TIMERS, or all that match, once more: failed ones unless --status says otherwise."""
    bulk = _Bulk("replayed", client.replay_many, ["delivered", "failed"], {"status": "failed"})
    return _change(client, output, timers, client.replay, bulk, **how)


@click.command()
@options.one
@options.when
@options.by_key
@service_command
def reschedule(client: TimerClient, output: str, timer: str, when: When, by_key: bool) -> None:
    """Move TIMER to WHEN: 10m from now, or a moment."""
    moved = client.reschedule(options.id_of(client, timer, by_key), **when)
    print_timers(output, [moved], f"{moved.id} is now due {local(moved.due_at)}, in {time_left(moved)}")


@click.command()
@options.one
@options.by_key
@service_command
def fire(client: TimerClient, output: str, timer: str, by_key: bool) -> None:
    """Make TIMER due now."""
    fired = client.fire(options.id_of(client, timer, by_key))
    print_timers(output, [fired], f"{fired.id} is due now")


def _change(
    client: TimerClient,
    output: str,
    timers: Sequence[str],
    one: Callable[[str], Any],
    bulk: _Bulk,
    *,
    filters: Mapping[str, Any],
    yes: bool,
    dry_run: bool,
) -> int:
    if bool(timers) == bool(filters):
        raise click.UsageError(f"say which timers are to be {bulk.done}: by name, or by filters such as --tag")
    if timers and dry_run:
        raise click.UsageError("--dry-run counts what filters match; it takes no TIMERS")
    if timers:
        return each_named(timers, one, "timer", bulk.done, output)
    if dry_run:
        _say_what_would_be(client, bulk, filters, output)
        return 0
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError(f"nobody can be asked here: --yes if all that match are to be {bulk.done}")
        count, first = _matching(client, bulk, filters)
        click.confirm(f"{count} will be {bulk.done}{_named(first)}. Go on?", abort=True, err=True)
    changed = bulk.many(**filters)
    counts = {"matched": changed.matched, bulk.done: changed.changed, "skipped": changed.skipped}
    if output == "json":
        print_json(counts)
    else:
        echo(", ".join(f"{name} {count}" for name, count in counts.items()))
    return 0


def _say_what_would_be(client: TimerClient, bulk: _Bulk, filters: Mapping[str, Any], output: str) -> None:
    count, first = _matching(client, bulk, filters)
    if output == "json":
        print_json({"dry_run": True, "count": count.number, "exact": count.exact, "first": first})
    elif output == "id":
        for timer_id in first:
            echo(timer_id)
    else:
        echo(f"{count} would be {bulk.done}{_named(first)}")


@dataclass(frozen=True)
class _Count:
    number: int
    exact: bool

    def __str__(self) -> str:
        return f"{'' if self.exact else 'at least '}{self.number:,} timer{'' if self.number == 1 else 's'}"


def _matching(client: TimerClient, bulk: _Bulk, filters: Mapping[str, Any]) -> tuple[_Count, list[str]]:
    """How many would be changed now, and the ids of the first."""
    found = client.list(page_size=1000, **{**bulk.unless_said, **filters})
    ids = [timer.id for timer in islice(found, _COUNTED) if timer.status in bulk.changes]
    return _Count(len(ids), exact=next(found, None) is None), ids[:_NAMED]


def _named(first: Sequence[str]) -> str:
    return f", first {', '.join(first)}" if first else ""
