"""Arguments and options that several commands have."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, get_args

import click

from timer_service.client import TimerClient, When
from timer_service.client.answers import Status
from timer_service.terminal import values

_STATUSES = get_args(Status)

one = click.argument("timer", shell_complete=values.waiting_ids)
by_key = click.option("--key", "by_key", is_flag=True, help="TIMER is the key of an unfinished timer, not an id.")


durability = click.option(
    "--durability",
    metavar="WORD",
    help="Answered once that is reached: memory, fsync, replicas:1 and more; else it is an error, but set.",
)


def id_of(client: TimerClient, timer: str, by_key: bool) -> str:
    return client.get_by_key(timer).id if by_key else timer


def when(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command `when`: a length, a moment, or with --time-zone what the clock shows there."""

    @functools.wraps(command)
    def run(when: str, time_zone: str | None, fold: Any, **rest: Any) -> Any:
        return command(when=_when(when, time_zone, fold), **rest)

    for option in (
        click.option(
            "--fold",
            type=click.Choice(["first", "last"]),
            help="Which one, where that clock is turned back and shows WHEN twice (first).",
        ),
        click.option("--time-zone", metavar="ZONE", help="WHEN is what a clock in ZONE shows, as 2027-03-28T02:30."),
        click.argument("when"),
    ):
        run = option(run)
    return run


def _when(text: str, time_zone: str | None, fold: Any) -> When:
    if time_zone is not None:
        local: When = {"local_due_at": text, "time_zone": time_zone}
        return {**local, "fold": fold} if fold else local
    if fold:
        raise click.UsageError("--fold needs --time-zone")
    try:
        return values.when(text)
    except click.BadParameter as error:
        error.param_hint = "'WHEN'"
        raise


def filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command that changes timers `filters`, a mapping of those that were given."""
    return _filters(command, _STATUSES)


def read_filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a command that only looks: at all, if it is asked to, or at the runs of a schedule."""

    @functools.wraps(command)
    def run(schedule: str | None, filters: dict[str, Any], **rest: Any) -> Any:
        return command(filters=filters if schedule is None else {**filters, "schedule": schedule}, **rest)

    option = click.option("--schedule", shell_complete=values.schedule_names, help="The runs of this schedule.")
    return _filters(option(run), [*_STATUSES, "any"])


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
