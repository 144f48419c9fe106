"""How `apply` makes, changes and deletes schedules as a file says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scheduler import exact_numbers
from timer_service.client import Forbidden, NotFound, PreconditionFailed, TimerClient
from timer_service.client.encoding import encode
from timer_service.client.schedule_fields import Plan
from timer_service.terminal.apply_file import OWNER, ApplyFile
from timer_service.terminal.differences import between, differences
from timer_service.terminal.steps import NO_VERSION, Step


def step(client: TimerClient, name: str, fields: Mapping[str, Any]) -> Step:
    try:
        stands = client.schedule(name)
    except NotFound:
        return Step("schedule", name, "create", fields, None)
    asked = exact_numbers.loads(encode(fields))  # the same kinds of numbers as in answers
    found = differences(asked, stands.raw)
    return Step("schedule", name, "change" if found else "leave", fields, stands, found)


def gone(client: TimerClient, wanted: ApplyFile) -> Iterator[Step]:
    """Those that were applied from a file of this name, and are not in it any more."""
    for stands in client.schedules():
        owner = (stands.timer.get("metadata") or {}).get(OWNER)
        if owner == wanted.name and stands.name not in wanted.schedules:
            yield Step("schedule", stands.name, "delete", None, stands)


def check(client: TimerClient, step: Step) -> Step:
    """Has the service refuse what is wrong with it. To a key that may only read it says so of plans alone."""
    fields = step.fields
    if fields is None:
        return step
    try:
        client.set_schedule(step.name, if_version=NO_VERSION, **fields)
    except PreconditionFailed:
        pass
    except Forbidden:
        client.preview_schedule(count=1, **{name: fields[name] for name in Plan.__annotations__ if name in fields})
    return step


def do(client: TimerClient, step: Step) -> Step:
    """Raises PreconditionFailed if somebody has changed it since it was looked at."""
    version = step.stands.version if step.stands else None
    if step.fields is None:
        client.delete_schedule(step.name, if_version=version)
        return step
    now = client.set_schedule(step.name, if_version=version, only_new=step.stands is None, **step.fields)
    if step.stands is None or now.version == step.stands.version:
        return Step("schedule", step.name, "leave" if step.stands else "create", step.fields, step.stands)
    found = between(step.stands.raw, now.raw)
    return Step("schedule", step.name, "change", step.fields, step.stands, found)
