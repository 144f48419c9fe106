"""What a program loads that only sets timers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import fields
from typing import get_args

from marshmallow import ValidationError

from scheduler import (
    BreakerMode,
    CatchUp,
    Delivery,
    DestinationState,
    Fold,
    Gap,
    HeldBy,
    Outcome,
    Overlap,
    Reason,
    ResumeAt,
    ScheduleStatus,
    Settings,
    Status,
)
from timer_service import create_app
from timer_service.client import (
    Changes,
    DestinationChanges,
    DestinationFilters,
    Filters,
    NewSchedule,
    NewTimer,
    Plan,
    RunOptions,
    ScheduleChanges,
    ScheduleFilters,
    TimerServiceError,
    answers,
    batches,
    counts,
    destination_fields,
    destinations,
    request_fields,
    schedule_fields,
    schedules,
)
from timer_service.client.errors import from_problem
from timer_service.terminal.apply_file import NAME
from timer_service.terminal.differences import DEFAULTS, TIMER_DEFAULTS
from timer_service.terminal.schedules import set_
from timer_service.web.answers import AttemptOut, HeldOut, StatsOut, TimerOut
from timer_service.web.destination_answers import DestinationOut, RateOut
from timer_service.web.input import limits, schemas
from timer_service.web.input.destination import METHODS
from timer_service.web.input.destination_fields import BreakerChange, DestinationChange, RateChange
from timer_service.web.input.destination_queries import MOST_DESTINATIONS, DestinationsIn
from timer_service.web.input.queries import Filters as Filter
from timer_service.web.input.schedule_fields import MOST_PREVIEWED, PreviewIn, ScheduleName
from timer_service.web.input.schedule_fields import NewSchedule as NewScheduleIn
from timer_service.web.input.schedule_queries import MOST_SCHEDULES, SchedulesIn
from timer_service.web.input.schemas import RunTimer
from timer_service.web.problems import PAGES
from timer_service.web.schedule_answers import NotedOut, PausedOut, PreviewOut, RunOut, ScheduleOut, SkippedOut


def field_names(kind: type) -> set[str]:
    return {field.name for field in fields(kind)} - {"raw"}


def test_the_client_loads_nothing_of_the_server() -> None:
    heavy = ("flask", "marshmallow", "redis", "gunicorn", "pycares", "scheduler", "timer_service.web.app")
    code = f"""
import sys
from timer_service.client import TimerClient, verify
TimerClient("http://127.0.0.1:1")
sys.exit(", ".join(name for name in {heavy} if name in sys.modules) or None)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_still_gives_the_application() -> None:
    code = "import timer_service; from timer_service import create_app; timer_service.nothing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.endswith("AttributeError: module 'timer_service' has no attribute 'nothing'\n")


def test_it_knows_every_field_that_the_api_has() -> None:
    raw_bytes = {"body_base64"}  # in Python: a body of bytes
    words = {"from": "from_history"}  # in Python: whether
    assert field_names(answers.Timer) == {words.get(name, name) for name in TimerOut().fields} - raw_bytes
    milliseconds = {"lateness_ms": "lateness", "duration_ms": "duration"}
    assert field_names(answers.Attempt) == {milliseconds.get(name, name) for name in AttemptOut().fields}
    flat = {"lateness_p50", "lateness_p99", "oldest_overdue"}
    assert field_names(counts.Stats) == set(StatsOut().fields) - {"lateness_ms", "oldest_overdue_ms"} | flat
    parts = {"hours", "minutes", "seconds"}  # in Python: a timedelta
    # An argument of its own in the client: of a call, not of each timer of a batch.
    of_calls = {"durability"}
    assert set(NewTimer.__annotations__) == set(schemas.NewTimer().fields) - parts - raw_bytes - of_calls
    assert set(Changes.__annotations__) == set(NewTimer.__annotations__) - {"key"}
    assert set(Filters.__annotations__) == set(Filter().fields) - {"cursor"}


def test_it_knows_every_field_of_a_schedule_that_the_api_has() -> None:
    for known, out in (
        (schedules.Schedule, ScheduleOut),
        (schedules.Preview, PreviewOut),
        (schedules.Moment, NotedOut),
        (schedules.Run, RunOut),
        (schedules.Skipped, SkippedOut),
        (schedules.Pause, PausedOut),
    ):
        assert field_names(known) == set(out().fields)
    fields = set(NewScheduleIn().fields) - {"durability"}  # an argument of its own in the client
    assert set(NewSchedule.__annotations__) == set(ScheduleChanges.__annotations__) == fields
    assert set(RunOptions.__annotations__) == set(RunTimer().fields) - {"body_base64"}
    assert set(Plan.__annotations__) == set(PreviewIn().fields) - {"from_", "count"}
    assert set(ScheduleFilters.__annotations__) == set(SchedulesIn().fields) - {"limit", "cursor"}
    assert (batches.MOST_SCHEDULES, batches.MOST_PREVIEWED) == (MOST_SCHEDULES, MOST_PREVIEWED)


def test_it_knows_every_field_of_a_destination_that_the_api_has() -> None:
    assert field_names(answers.Hold) == set(HeldOut().fields)
    assert field_names(destinations.Destination) == set(DestinationOut().fields) - {"duration_ms"} | {"duration"}
    assert set(DestinationChanges.__annotations__) == set(DestinationChange().fields)
    assert set(destination_fields.Rate.__annotations__) == set(RateChange().fields) == set(RateOut().fields)
    assert set(destination_fields.Breaker.__annotations__) == set(BreakerChange().fields)
    assert set(DestinationFilters.__annotations__) == set(DestinationsIn().fields) - {"limit", "cursor"}
    assert batches.MOST_DESTINATIONS == MOST_DESTINATIONS


def test_apply_takes_the_names_that_the_service_takes() -> None:
    for name in [*map(chr, range(300)), "", ".", "..", "...", "preview", "preview2", "a" * 128, "a" * 129]:
        try:
            ScheduleName().deserialize(name)
        except ValidationError:
            assert not NAME.fullmatch(name), name
        else:
            assert NAME.fullmatch(name), name


def test_what_apply_takes_for_the_default_of_a_field_is_the_default_of_the_service() -> None:
    app = create_app(Settings())
    described = json.loads(app.test_client().get("/openapi.json").data)["components"]["schemas"]
    new, timer = described["NewSchedule"]["properties"], described["RunTimer"]["properties"]
    assert DEFAULTS.items() >= {name: it["default"] for name, it in new.items() if "default" in it}.items()
    assert {name for name in DEFAULTS if "default" not in new[name]} == {"cron", "every"}
    helps = {option.name: re.search(r"\((\w+)\)\.$", getattr(option, "help", None) or "") for option in set_.params}
    helped = {name: found[1] for name, found in helps.items() if found}
    assert helped.items() <= DEFAULTS.items()
    assert helped.keys() == {"gap", "fold", "overlap", "catch_up", "catch_up_window"}
    settings = {"timeout", "max_attempts", "on_delivered", "on_failed"}
    told = {name: it["default"] for name, it in timer.items() if "default" in it and name not in settings}
    assert told.items() <= TIMER_DEFAULTS.items()
    assert new.keys() == DEFAULTS.keys() | {"timer", "starts_at", "durability"}
    assert timer.keys() == TIMER_DEFAULTS.keys() | settings | {"url"}


def test_it_has_an_exception_for_every_problem_of_a_call() -> None:
    kinds = {status: type(from_problem(status, {})) for status in PAGES}
    assert {status for status, kind in kinds.items() if kind is TimerServiceError} == {500}


def test_its_words_and_limits_are_those_of_the_service() -> None:
    assert set(get_args(answers.Status)) == set(Status)
    assert set(get_args(answers.Outcome)) == set(Outcome)
    assert set(get_args(answers.Reason)) == set(Reason)
    assert set(get_args(request_fields.Delivery)) == set(Delivery)
    assert get_args(request_fields.Method) == METHODS
    for words, kind in (
        (schedule_fields.ScheduleStatus, ScheduleStatus),
        (schedule_fields.Overlap, Overlap),
        (schedule_fields.CatchUp, CatchUp),
        (schedule_fields.Gap, Gap),
        (schedule_fields.Fold, Fold),
        (destination_fields.DestinationState, DestinationState),
        (answers.HeldBy, HeldBy),
        (destination_fields.BreakerMode, BreakerMode),
        (destination_fields.ResumeAt, ResumeAt),
    ):
        assert set(get_args(words)) == set(kind)
    assert batches.MOST_TIMERS == limits.MOST_TIMERS
    assert limits.BATCH_BYTES - 2048 < batches.MOST_BYTES < limits.BATCH_BYTES - 100
