"""The page about tasks says what the code says."""

from __future__ import annotations

import re
from dataclasses import fields

from tests.bench.pages import README, examples, page, prose, quoted, table
from timer_service import tasks
from timer_service.tasks import CallOptions, Context, PlanOptions, TaskError, TaskOptions

PAGE = page("tasks.md")


def first_cells(*heading: str) -> set[str]:
    return {name for row in table(PAGE, *heading) for name in quoted(row[0])}


def test_the_page_has_every_option_and_no_other() -> None:
    assert first_cells("option of a call", "meaning") == set(CallOptions.__annotations__)
    assert first_cells("option of a task", "meaning") == set(TaskOptions.__annotations__)
    assert set(PlanOptions.__annotations__) <= set(quoted(prose(PAGE).partition("## Again and again")[2]))


def test_the_page_has_every_field_of_the_context_and_no_other() -> None:
    assert first_cells("`current()`", "what it is") == {field.name for field in fields(Context)}


def test_the_page_has_every_error_and_no_other() -> None:
    errors = {it.__name__ for it in vars(tasks).values() if isinstance(it, type) and issubclass(it, TaskError)}
    raised_in_tasks = {re.sub(r"\(.*", "", it) for it in first_cells("a task that", "answers", "then")}
    of_get = first_cells("`get()` raises", "when")
    assert of_get | raised_in_tasks - {"SystemExit"} == errors - {"TaskError", "NotConfigured"}


def test_hello_world_is_the_same_in_the_readme_and_takes_nine_lines() -> None:
    there, here = ([it.text for it in examples(of) if "tasks.wsgi_app" in it.text] for of in (PAGE, README))
    assert there == here
    assert [len(it.splitlines()) for it in here] == [9]
