"""The options that say when a schedule makes runs, and what becomes of a run in the odd cases."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, get_args

import click

from timer_service.client.schedule_fields import CatchUp, Fold, Gap, Overlap
from timer_service.terminal import values

_PLAN = (
    click.option("--cron", metavar="FIELDS", help='Five fields, such as "0 9 * * MON-FRI", or a word such as @daily.'),
    click.option("--every", type=values.length, help="15m, 2h; counted from --starts-at."),
    click.option("--time-zone", metavar="ZONE", help="Whose clock --cron means, as Europe/Berlin; UTC unless said."),
    click.option("--starts-at", type=values.moment, help="No run before this moment."),
    click.option("--ends-at", type=values.moment, help="No run after this moment."),
    click.option("--gap", type=click.Choice(get_args(Gap)), help="Of a time that the clock leaves out (run)."),
    click.option("--fold", type=click.Choice(get_args(Fold)), help="Of a time that the clock shows twice (first)."),
)
_HOW = (
    *_PLAN,
    click.option("--overlap", type=click.Choice(get_args(Overlap)), help="While an earlier run is unfinished (allow)."),
    click.option("--catch-up", type=click.Choice(get_args(CatchUp)), help="Of moments while nothing ran (last)."),
    click.option("--catch-up-window", type=values.length, help="How old they may be (1d)."),
    click.option("--spread", type=values.length, help="A fixed offset below this, which the name gives."),
    click.option("--max-runs", type=click.IntRange(1)),
    click.option(
        "--pause-after-failures", metavar="N", type=click.IntRange(1), help="Pause it after so many in a row."
    ),
)
_PLAN_NAMES = ("cron", "every", "time_zone", "starts_at", "ends_at", "gap", "fold")
_HOW_NAMES = (*_PLAN_NAMES, "overlap", "catch_up", "catch_up_window", "spread", "max_runs", "pause_after_failures")


def plan(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command `plan`: when, as the client takes it."""
    return _given(command, "plan", _PLAN, _PLAN_NAMES)


def how(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command `how`: all that a schedule can have but its name and what it sends."""
    return _given(command, "how", _HOW, _HOW_NAMES)


def _given(
    command: Callable[..., Any],
    argument: str,
    options: tuple[Callable[[Callable[..., Any]], Callable[..., Any]], ...],
    names: tuple[str, ...],
) -> Callable[..., Any]:
    @functools.wraps(command)
    def run(**rest: Any) -> Any:
        said = {name: rest.pop(name) for name in names}
        if (said["cron"] is None) == (said["every"] is None):
            raise click.UsageError("say when: either --cron or --every")
        return command(**{argument: {name: value for name, value in said.items() if value is not None}}, **rest)

    for option in reversed(options):
        run = option(run)
    return run
