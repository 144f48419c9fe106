"""Tasks that run again and again: `@tasks.every` plans them, `tasks.sync()` sets the schedules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypedDict

from timer_service.tasks.body import Body
from timer_service.tasks.moments import seconds

if TYPE_CHECKING:
    from timer_service.client import TimerClient
    from timer_service.client.schedule_fields import CatchUp, Fold, Gap, Overlap
    from timer_service.client.schedules import Schedule
    from timer_service.tasks.task import Task

#: What sync() has set says so in the metadata of its runs.
OWNER = "synced_by"
_OWN = "timer_service.tasks"
_NAME = re.compile(r"(?!\.{1,2}$|preview$)[A-Za-z0-9._:@~-]{1,128}", re.ASCII)


class PlanOptions(TypedDict, total=False):
    """Of a schedule; docs/api.md, *Schedules*, tells what each means. Lengths are seconds, timedeltas or `"5m"`."""

    time_zone: str
    starts_at: datetime | str
    ends_at: datetime | str
    max_runs: int
    overlap: Overlap
    catch_up: CatchUp
    catch_up_window: float | timedelta | str
    gap: Gap
    fold: Fold
    spread: float | timedelta | str
    pause_after_failures: int
    #: Of a run: later than so long after its moment it is not called.
    max_lateness: float | timedelta | str


@dataclass(frozen=True, slots=True)
class Planned:
    """One schedule that sync() is to set."""

    name: str
    task: Task[..., Any]
    body: Body
    plan: Mapping[str, Any]
    #: Of each run, beside what the task says.
    run: Mapping[str, Any]

    def fields(self, url: str) -> dict[str, Any]:
        """As TimerClient.set_schedule takes them."""
        metadata = {**self.task.fields.get("metadata", {}), OWNER: _OWN}
        timer = {**self.task.fields, **self.run, "url": url, "body": self.body.to_json(), "metadata": metadata}
        return {**self.plan, "timer": timer}


def planned(
    task: Task[..., Any],
    plan: str | float | timedelta,
    name: str | None,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    options: PlanOptions,
) -> Planned:
    """`plan` is `"15m"`, a timedelta or seconds, or a cron expression such as `"0 9 * * MON-FRI"` or `"@daily"`.

    Raises TypeError or ValueError for a name, an argument or an option that cannot be.
    """
    if unknown := options.keys() - PlanOptions.__annotations__.keys():
        raise TypeError(f"{', '.join(sorted(unknown))}: a schedule has no such option")
    name = task.name if name is None else name
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} cannot be a schedule's name: 1 to 128 of A-Z a-z 0-9 . _ : @ ~ -; say one, with name="
        )
    given: dict[str, Any] = dict(options)
    run = {"max_lateness": given.pop("max_lateness")} if "max_lateness" in given else {}
    return Planned(name, task, task.body(args, kwargs), {**_when(plan), **given}, run)


def _when(plan: str | float | timedelta) -> dict[str, Any]:
    if not isinstance(plan, str):
        return {"every": seconds("every", plan, least=1)}
    return {"cron": plan} if plan.startswith("@") or " " in plan.strip() else {"every": plan}


def sync(client: TimerClient, url: str, all_planned: Sequence[Planned], prune: bool) -> list[Schedule]:
    """Set each; with `prune` delete those that an earlier sync() for the same address has set and that are no more."""
    from timer_service.client import NotFound

    done = [_set(client, url, it) for it in all_planned]
    if prune:
        kept = {it.name for it in all_planned}
        for name in [it.name for it in _own(client, url) if it.name not in kept]:
            with suppress(NotFound):  # another process prunes at the same time
                client.delete_schedule(name)
    return done


def _set(client: TimerClient, url: str, it: Planned) -> Schedule:
    try:
        return client.set_schedule(it.name, **_as_fields(it.fields(url)))
    except Exception as error:
        error.add_note(f"in the schedule {it.name!r}")
        raise


def _own(client: TimerClient, url: str) -> Iterator[Schedule]:
    for it in client.schedules():
        if it.timer.get("url") == url and (it.timer.get("metadata") or {}).get(OWNER) == _OWN:
            yield it


def _as_fields(fields: dict[str, Any]) -> Any:
    """The client checks them, and the service."""
    return fields
