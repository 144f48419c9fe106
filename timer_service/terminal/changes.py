"""The commands that change timers: cancel, replay, reschedule, fire."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from timer_service.client import Changed, TimerClient, TimerServiceError, When
from timer_service.terminal import options, values
from timer_service.terminal.printing import echo, put, put_json
from timer_service.terminal.tables import left, local
from timer_service.terminal.talking import exit_code, say, talking

_yes = click.option("--yes", "-y", is_flag=True, help="Do not ask before filters are used.")


@click.command()
@click.argument("timers", nargs=-1, shell_complete=values.waiting_ids)
@click.option("--key", "by_key", is_flag=True, help="TIMERS are keys, not ids.")
@_yes
@talking
@options.filters
def cancel(
    client: TimerClient, output: str, timers: Sequence[str], by_key: bool, yes: bool, filters: Mapping[str, Any]
) -> int:
    """Cancel TIMERS, or all that match."""
    one = client.cancel_by_key if by_key else client.cancel
    return _change("cancelled", output, timers, one, filters, client.cancel_many, yes)


@click.command()
@click.argument("timers", nargs=-1)
@_yes
@talking
@options.filters
def replay(client: TimerClient, output: str, timers: Sequence[str], yes: bool, filters: Mapping[str, Any]) -> int:
    """Send TIMERS, or all that match, once more: failed ones unless --status says otherwise."""
    return _change("replayed", output, timers, client.replay, filters, client.replay_many, yes)


@click.command()
@options.one
@click.argument("when", type=values.when)
@options.by_key
@talking
def reschedule(client: TimerClient, output: str, timer: str, when: When, by_key: bool) -> None:
    """Move TIMER to WHEN: 10m from now, or a moment."""
    moved = client.reschedule(options.id_of(client, timer, by_key), **when)
    put(output, [moved], f"{moved.id} is now due {local(moved.due_at)}, in {left(moved)}")


@click.command()
@options.one
@options.by_key
@talking
def fire(client: TimerClient, output: str, timer: str, by_key: bool) -> None:
    """Make TIMER due now."""
    fired = client.fire(options.id_of(client, timer, by_key))
    put(output, [fired], f"{fired.id} is due now")


def _change(
    done: str,
    output: str,
    timers: Sequence[str],
    one: Callable[[str], Any],
    filters: Mapping[str, Any],
    many: Callable[..., Changed],
    yes: bool,
) -> int:
    if bool(timers) == bool(filters):
        raise click.UsageError(f"say which timers are to be {done}: by name, or by filters such as --tag")
    if timers:
        return _each(timers, one, done, output)
    if sys.stdin.isatty() and not yes:
        click.confirm(f"All that match will be {done}. Go on?", abort=True, err=True)
    changed = many(**filters)
    said = {"matched": changed.matched, done: changed.changed, "skipped": changed.skipped}
    if output == "json":
        put_json(said)
    else:
        echo(", ".join(f"{name} {count}" for name, count in said.items()))
    return 0


def _each(timers: Sequence[str], one: Callable[[str], Any], done: str, output: str) -> int:
    """All of them, whatever becomes of one; the exit code of the first that failed."""
    code = 0
    for timer in timers:
        try:
            one(timer)
        except TimerServiceError as error:
            say(error, about=timer)
            code = code or exit_code(error)
            continue
        if output == "json":
            put_json({"timer": timer, "done": done})
        else:
            echo(timer if output == "id" else f"{done} {timer}")
    return code
