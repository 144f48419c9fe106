"""`timer-service timer history`: timers that have ended, for as long as they are kept in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, get_args

import click

from timer_service.client import Timer, TimerClient
from timer_service.client.answers import Reason
from timer_service.client.batches import MOST_TIMERS
from timer_service.terminal import values
from timer_service.terminal.printing import print_timers, width
from timer_service.terminal.service_command import service_command
from timer_service.terminal.tables import NONE, aligned, local, status_text

#: Timers that are shown unless told otherwise.
_LISTED = 50


@click.command()
@click.option("--from", "from_", type=values.moment, help="Ended at this moment or later.")
@click.option("--to", type=values.moment, help="Ended before this moment.")
@click.option("--status", type=click.Choice(["delivered", "failed", "cancelled"]))
@click.option("--reason", type=click.Choice(get_args(Reason)))
@click.option("--destination", help="As https:api.example.com:443, or a URL of it.")
@click.option("--tag")
@click.option("--schedule", shell_complete=values.schedule_names, help="The runs of this schedule.")
@click.option("--key")
@click.option("--limit", type=click.IntRange(1), default=_LISTED, show_default=True)
@click.option("--all", "everything", is_flag=True, help="Without any limit.")
@service_command
def history(
    client: TimerClient,
    output: str,
    from_: datetime | str | None,
    to: datetime | str | None,
    limit: int,
    everything: bool,
    **filters: Any,
) -> None:
    """Timers that have ended, the latest first.

    Also those that the store has forgotten, where the service keeps a history. Each stands as it was when it ended.

    \b
    timer-service timer history --tag customer-17 --from 2026-03-01T00:00:00Z --to 2026-04-01T00:00:00Z
    """
    size = MOST_TIMERS if everything else min(limit + 1, MOST_TIMERS)
    found = client.history(from_=from_, to=to, page_size=size, **_given(filters))
    shown = found if everything else islice(found, limit)
    if output != "table":
        print_timers(output, shown)
        return
    timers = list(shown)
    print_timers(output, timers, *aligned(_rows(timers), width()))
    if not everything and next(found, None):
        click.echo(f"The latest {limit}; there are more: --limit, --all.", err=True)


def _given(filters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in filters.items() if value is not None}


def _rows(timers: Iterable[Timer]) -> Iterator[Sequence[str]]:
    yield "ID", "ENDED", "STATUS", "DUE", "ATTEMPTS", "KEY", "TAGS", "REQUEST"
    for timer in timers:
        yield (
            timer.id,
            local(timer.ended_at),
            status_text(timer),
            local(timer.due_at),
            str(timer.attempts),
            timer.key or NONE,
            ",".join(timer.tags) or NONE,
            f"{timer.method} {timer.url}",
        )
