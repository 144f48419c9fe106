"""Schedules as text for people: each moment here, in the schedule's zone, and in UTC. Pure, but for the local zone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from timer_service.client import Moment, Run, Schedule
from timer_service.terminal.moments import here_and_utc, pause_rows, utc
from timer_service.terminal.tables import NONE, local

#: Of a change of clocks, by the word for it.
_NOTES = {"gap": "the clock leaves this time out", "fold": "the clock shows this time twice"}


def schedule_rows(schedules: Iterable[Schedule]) -> Iterator[Sequence[str]]:
    yield "NAME", "STATUS", "NEXT", "NEXT IN UTC", "RUNS", "SKIPPED", "LAST RUN", "PLAN"
    for each in schedules:
        following = each.next[0].utc if each.next else None
        yield (
            each.name,
            each.status,
            local(following),
            utc(following) if following else NONE,
            str(each.runs),
            str(each.skipped.total),
            (each.previous[0].status or NONE) if each.previous else NONE,
            each.description,
        )


def moment_rows(moments: Iterable[Moment], time_zone: str) -> Iterator[Sequence[str]]:
    yield f"IN {time_zone}", "HERE", "UTC", "NOTE"
    for moment in moments:
        note = _NOTES.get(moment.note, moment.note) if moment.note else ""
        yield f"{moment.local:%a %Y-%m-%d %H:%M:%S}", local(moment.utc), utc(moment.utc), note


def run_rows(runs: Iterable[Run]) -> Iterator[Sequence[str]]:
    yield "RUN", "DUE", "DUE IN UTC", "STATUS"
    for run in runs:
        yield run.timer_id, local(run.due_at), utc(run.due_at), run.status or "forgotten"


def detail_rows(schedule: Schedule) -> Iterator[Sequence[str]]:
    """Everything there is to say of one schedule, but its moments and runs."""
    timer = schedule.timer
    yield "name", schedule.name
    yield "status", schedule.status
    yield from pause_rows(schedule.paused)
    yield "plan", schedule.description
    yield from ((name, str(value)) for name, value in (("cron", schedule.cron), ("every", schedule.every)) if value)
    yield "time zone", schedule.time_zone
    for name, moment in (("starts", schedule.starts_at), ("ends", schedule.ends_at)):
        if moment:
            yield name, here_and_utc(moment)
    yield "overlap", schedule.overlap
    yield "catch up", f"{schedule.catch_up}, within {schedule.catch_up_window}"
    yield "change of clocks", f"gap: {schedule.gap}, fold: {schedule.fold}"
    if schedule.spread != "0s":
        yield "spread", schedule.spread
    if schedule.pause_after_failures:
        yield "paused after", f"{schedule.pause_after_failures} runs in a row that failed"
    yield "runs", f"{schedule.runs}{f' of at most {schedule.max_runs}' if schedule.max_runs else ''}"
    said = asdict(schedule.skipped).items()
    yield "skipped", ", ".join(f"{name} {count}" for name, count in said if count) or "none"
    yield "request", f"{timer.get('method', NONE)} {timer.get('url', NONE)}"
    for name, value in timer.items():
        if name not in ("method", "url") and value not in (None, [], {}):
            yield name.replace("_", " "), value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    yield "created", local(schedule.created_at)
    yield "version", schedule.version
