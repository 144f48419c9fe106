"""Tasks that run again and again."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from timer_service.client import NotFound
from timer_service.tasks import Tasks


class Schedules:
    """A client that keeps what is set."""

    def __init__(self) -> None:
        self.set: dict[str, Any] = {}

    def set_schedule(self, name: str, **fields: Any) -> str:
        self.set[name] = fields
        return name


def report(day: str = "today") -> None: ...


def test_a_plan_is_set_by_sync_and_not_before(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Schedules()
    monkeypatch.setattr(Tasks, "client", property(lambda _: client))
    task = tasks.task(name="report", max_attempts=3, tags=["shop"], metadata={"team": "a"})(report)
    assert tasks.every("0 9 * * MON-FRI", time_zone="Europe/Berlin", overlap="skip", max_lateness="1h")(task) is task
    tasks.every(timedelta(minutes=15), name="often", args=["now"])(task)
    assert client.set == {}
    tasks.sync()
    timer = {
        "url": "http://127.0.0.1:9/tasks",
        "body": {"task": "report", "args": [], "kwargs": {}, "v": 1},
        "max_attempts": 3,
        "tags": ["shop"],
        "metadata": {"team": "a", "synced_by": "timer_service.tasks"},
    }
    assert client.set == {
        "report": {
            "cron": "0 9 * * MON-FRI",
            "time_zone": "Europe/Berlin",
            "overlap": "skip",
            "timer": {**timer, "max_lateness": "1h"},
        },
        "often": {"every": 900.0, "timer": {**timer, "body": {**timer["body"], "args": ["now"]}}},  # type: ignore[dict-item]
    }


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ("15m", {"every": "15m"}),
        ("PT1H", {"every": "PT1H"}),
        (90, {"every": 90}),
        ("@daily", {"cron": "@daily"}),
        ("0 9 * * *", {"cron": "0 9 * * *"}),
    ],
)
def test_a_plan_is_an_interval_or_a_cron_expression(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch, plan: Any, expected: Any
) -> None:
    client = Schedules()
    monkeypatch.setattr(Tasks, "client", property(lambda _: client))
    task = tasks.every(plan)(report)
    tasks.sync()
    (fields,) = client.set.values()
    assert {name: it for name, it in fields.items() if name != "timer"} == expected
    assert tasks.registry[task.name] is task


def test_what_the_service_refuses_says_of_which_schedule(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def set_schedule(self, name: str, **_: Any) -> None:
            if name == "wrong":
                raise ValueError("/cron: minute: 99 is not from 0 to 59.")

    monkeypatch.setattr(Tasks, "client", property(lambda _: Refusing()))
    task = tasks.every("0 9 * * *", name="right")(report)
    tasks.every("99 9 * * *", name="wrong")(task)
    with pytest.raises(ValueError, match="99 is not from") as refused:
        tasks.sync()
    assert refused.value.__notes__ == ["in the schedule 'wrong'"]


def test_what_cannot_be_planned_is_refused_where_it_is_written(tasks: Tasks) -> None:
    task = tasks.task(name="report")(report)
    for plan, options, kind, why in (
        (0.5, {}, ValueError, "every: 0.5 is not from 1"),
        ("1h", {"name": "no spaces"}, ValueError, "'no spaces' cannot be a schedule's name"),
        ("1h", {"name": "preview"}, ValueError, "'preview' cannot be a schedule's name"),
        ("1h", {"name": "a" * 129}, ValueError, "cannot be a schedule's name"),
        ("1h", {"args": [1, 2]}, TypeError, "^report: too many positional arguments"),
        ("1h", {"args": [b""]}, TypeError, "^report: argument 'day' is of type bytes"),
        ("1h", {"overlaps": "skip"}, TypeError, "overlaps: a schedule has no such option"),
    ):
        with pytest.raises(kind, match=why):
            tasks.every(plan, **options)(task)


def test_two_plans_of_one_name_are_refused(tasks: Tasks) -> None:
    task = tasks.every("1h")(report)
    with pytest.raises(ValueError, match="there is a schedule of this name already; say another, with name="):
        tasks.every("2h")(task)
    tasks.every("2h", name="report-2")(task)


def test_what_another_process_has_pruned_meanwhile_is_no_failure(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pruned:
        """A client whose schedules somebody deletes once they are listed."""

        def __init__(self) -> None:
            self.deleted: list[str] = []

        def schedules(self) -> Any:
            timer = {"url": tasks.tasks_url, "metadata": {"synced_by": "timer_service.tasks"}}
            return [SimpleNamespace(name=name, timer=timer) for name in ("one", "two")]

        def delete_schedule(self, name: str) -> None:
            self.deleted.append(name)
            raise NotFound("There is no schedule of this name.")

    client = Pruned()
    monkeypatch.setattr(Tasks, "client", property(lambda _: client))
    assert tasks.sync(prune=True) == []
    assert client.deleted == ["one", "two"]
