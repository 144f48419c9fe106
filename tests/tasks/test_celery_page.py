"""docs/tasks-celery.md lists each option that there is, and no other."""

from __future__ import annotations

from tests.bench.pages import page, quoted, table
from timer_service.tasks.celery import calls, not_offered, options
from timer_service.tasks.celery.result import AsyncResult

PAGE = page("tasks-celery.md")


def said(heading: str) -> set[str]:
    return {name for row in table(PAGE, heading, "here") for name in quoted(row[0])}


def test_the_page_lists_each_option_of_a_task_and_no_other() -> None:
    assert said("option of a task") == options.TAKEN | not_offered.OPTIONS.keys()


def test_the_page_says_of_each_option_that_is_refused_that_it_is() -> None:
    refused = {
        name
        for cells in table(PAGE, "option of a task", "here")
        if cells[1].startswith("refused")
        for name in quoted(cells[0])
    }
    assert refused == not_offered.OPTIONS.keys()


def test_the_page_lists_each_option_of_a_call_and_no_other() -> None:
    assert said("option of a call") == calls.READ | {"args", "kwargs"}


def test_the_page_lists_what_a_result_has_and_nothing_else() -> None:
    named = {name.partition("(")[0] for name in said("of a result")}
    assert named == {name for name in {*dir(AsyncResult), "id"} if not name.startswith("_")}
