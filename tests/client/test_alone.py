"""What a program loads that only sets timers."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from typing import get_args

from scheduler import Delivery, Outcome, Reason, Status
from timer_service.client import Changes, Filters, NewTimer, TimerServiceError, answers, batches, counts, request_fields
from timer_service.client.errors import from_problem
from timer_service.web.answers import AttemptOut, StatsOut, TimerOut
from timer_service.web.input import limits, schemas
from timer_service.web.input.destination import METHODS
from timer_service.web.input.queries import Filters as Filter
from timer_service.web.problems import PAGES


def field_names(kind: type) -> set[str]:
    return {field.name for field in fields(kind)} - {"raw"}


def test_the_client_loads_nothing_of_the_server() -> None:
    heavy = ("flask", "marshmallow", "redis", "gunicorn", "pycurl", "scheduler", "timer_service.web.app")
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
    assert field_names(answers.Timer) == set(TimerOut().fields) - raw_bytes
    milliseconds = {"lateness_ms": "lateness", "duration_ms": "duration"}
    assert field_names(answers.Attempt) == {milliseconds.get(name, name) for name in AttemptOut().fields}
    flat = {"lateness_p50", "lateness_p99", "oldest_overdue"}
    assert field_names(counts.Stats) == set(StatsOut().fields) - {"lateness_ms", "oldest_overdue_ms"} | flat
    parts = {"hours", "minutes", "seconds"}  # in Python: a timedelta
    assert set(NewTimer.__annotations__) == set(schemas.NewTimer().fields) - parts - raw_bytes
    assert set(Changes.__annotations__) == set(NewTimer.__annotations__) - {"key"}
    assert set(Filters.__annotations__) == set(Filter().fields) - {"cursor"}


def test_it_has_an_exception_for_every_problem_of_a_call() -> None:
    kinds = {status: type(from_problem(status, {})) for status in PAGES}
    assert {status for status, kind in kinds.items() if kind is TimerServiceError} == {500}


def test_its_words_and_limits_are_those_of_the_service() -> None:
    assert set(get_args(answers.Status)) == set(Status)
    assert set(get_args(answers.Outcome)) == set(Outcome)
    assert set(get_args(answers.Reason)) == set(Reason)
    assert set(get_args(request_fields.Delivery)) == set(Delivery)
    assert get_args(request_fields.Method) == METHODS
    assert batches.MOST_TIMERS == limits.MOST_TIMERS
    assert limits.BATCH_BYTES - 2048 < batches.MOST_BYTES < limits.BATCH_BYTES - 100
