"""Arguments and options that several commands have."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, get_args

import click

from timer_service.client import TimerClient
from timer_service.client.answers import Status
from timer_service.terminal import values

_STATUSES = get_args(Status)

one = click.argument("timer", shell_complete=values.waiting_ids)
by_key = click.option("--key", "by_key", is_flag=True, help="TIMER is the key of an unfinished timer, not an id.")


def id_of(client: TimerClient, timer: str, by_key: bool) -> str:
    return client.get_by_key(timer).id if by_key else timer


def filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command that changes timers `filters`, a mapping of those that were given."""
    return _filters(command, _STATUSES)


def read_filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a command that only looks: at all, if it is asked to."""
    return _filters(command, [*_STATUSES, "any"])


def _filters(command: Callable[..., Any], statuses: Sequence[str]) -> Callable[..., Any]:

    @functools.wraps(command)
    def run(status: Any, tag: Any, destination: Any, due_after: Any, due_before: Any, **rest: Any) -> Any:
        given = {
            "status": status,
            "tag": tag,
            "destination": destination,
            "due_after": due_after,
            "due_before": due_before,
        }
        return command(filters={name: value for name, value in given.items() if value is not None}, **rest)

    for option in (
        click.option("--due-before", type=values.moment, help="Up to, and without, this moment; 1h is in an hour."),
        click.option("--due-after", type=values.moment, help="From this moment on."),
        click.option("--destination", help="As https:api.example.com:443, or a URL of it."),
        click.option("--tag"),
        click.option("--status", type=click.Choice(statuses)),
    ):
        run = option(run)
    return run
