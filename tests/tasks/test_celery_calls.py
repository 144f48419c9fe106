"""delay() and apply_async() of a shared task: what the service is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from tests.tasks.celery_shop import TIMER_ID, Shop, declared, opened
from timer_service.tasks import NotConfigured
from timer_service.tasks.celery import AsyncResult, SharedTask, calls, not_offered, registry, shared_task, tasks
from timer_service.tasks.celery.options import Options

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def shop() -> Iterator[Shop]:
    with opened() as it:
        yield it


def remind(user: int, *, loud: bool = False) -> str:
    return f"{user} {loud}"


@pytest.fixture
def task(shop: Shop) -> SharedTask[Any]:
    return declared(remind)


def read(**given: Any) -> calls.Call:
    return calls.read(Options(), given, NOW)


def test_delay_sends_the_arguments_and_gives_the_id_of_the_service(shop: Shop, task: SharedTask[Any]) -> None:
    result = task.delay(17, loud=True)
    assert result.id == TIMER_ID
    assert shop.last["body"] == {"task": "shop.remind", "args": [17], "kwargs": {"loud": True}, "v": 1}
    assert (shop.last["url"], shop.last["delay"]) == ("http://shop.invalid/tasks", 0)
    assert shop.last["max_occurrences"] == 10_000


def test_arguments_that_do_not_fit_are_refused_before_anything_is_sent(shop: Shop, task: SharedTask[Any]) -> None:
    wrong: list[tuple[list[int], dict[str, Any]]] = [([], {}), ([1, 2], {}), ([1], {"quiet": True})]
    for args, kwargs in wrong:
        with pytest.raises(TypeError, match=r"^shop\.remind: "):
            task.delay(*args, **kwargs)
    with pytest.raises(TypeError, match="args: a list or tuple"):
        task.apply_async("17")
    with pytest.raises(TypeError, match="kwargs: a dict"):
        task.apply_async((17,), ["loud"])  # type: ignore[arg-type]
    assert shop.sent == []


def test_tuples_become_lists_and_what_json_has_no_form_for_is_refused(shop: Shop, task: SharedTask[Any]) -> None:
    task.delay((1, (2, {"three": (3,)})))
    assert shop.last["body"]["args"] == [[1, [2, {"three": [3]}]]]
    with pytest.raises(TypeError, match="argument 'user' is of type datetime"):
        task.delay(NOW)


def test_a_task_that_is_bound_takes_its_arguments_without_itself(shop: Shop) -> None:
    def bound(self: Any, user: int) -> None:
        pass

    declared(bound, bind=True).delay(17)
    assert shop.last["body"]["args"] == [17]


@pytest.mark.parametrize(
    ("countdown", "seconds"),
    [(10, 10), (0.5, 0.5), (0, 0), (None, 0), (-5, 0), (float("-inf"), 0), pytest.param(-(10**400), 0, id="huge")],
)
def test_a_countdown_is_seconds_and_one_of_the_past_is_at_once(countdown: Any, seconds: float) -> None:
    assert read(countdown=countdown).options == {"countdown": seconds, "tags": []}


def test_a_countdown_may_be_a_timedelta() -> None:
    assert read(countdown=timedelta(minutes=2)).options["countdown"] == 120


@pytest.mark.parametrize("countdown", [float("nan"), float("inf"), 1e300, pytest.param(10**400, id="huge"), "10", True])
def test_a_countdown_that_is_no_length_of_time_is_refused(countdown: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^countdown: "):
        read(countdown=countdown)


@pytest.mark.parametrize(
    "eta",
    [
        datetime(2026, 3, 1, 13),
        datetime(2026, 3, 1, 13, tzinfo=UTC),
        datetime(2026, 3, 1, 14, tzinfo=timezone(timedelta(hours=1))),
        "2026-03-01T13:00:00",
        "2026-03-01T13:00:00Z",
    ],
)
def test_an_eta_is_a_moment_and_one_without_a_time_zone_is_of_utc(eta: Any) -> None:
    assert read(eta=eta).options["eta"] == datetime(2026, 3, 1, 13, tzinfo=UTC)


def test_an_eta_of_the_past_is_now_and_a_countdown_goes_before_an_eta() -> None:
    assert read(eta=NOW - timedelta(days=400)).options["eta"] == NOW
    assert read(eta=NOW, countdown=5).options == {"countdown": 5, "tags": []}


@pytest.mark.parametrize("eta", ["soon", 5, datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))])
def test_an_eta_that_is_no_moment_is_refused(eta: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        read(eta=eta)


@pytest.mark.parametrize(
    ("expires", "until"),
    [
        (3600, NOW + timedelta(hours=1)),
        (timedelta(hours=1), NOW + timedelta(hours=1)),
        (datetime(2026, 3, 1, 13), NOW + timedelta(hours=1)),
        ("2026-03-01T14:00:00+01:00", NOW + timedelta(hours=1)),
        pytest.param(10**400, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), id="huge"),
        (1e12, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_expires_is_seconds_or_a_moment_and_does_not_move_when_a_task_is_retried(expires: Any, until: datetime) -> None:
    call = read(expires=expires)
    assert call.options["expires"] == until
    assert datetime.fromisoformat(call.mark["expires"]) == until


@pytest.mark.parametrize("expires", [float("nan"), "soon", True, []])
def test_an_expiry_that_is_no_time_is_refused(expires: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        read(expires=expires)


def test_what_has_expired_when_it_is_sent_is_refused(shop: Shop, task: SharedTask[Any]) -> None:
    wrong: list[dict[str, Any]] = [{"expires": -1}, {"expires": 5, "countdown": 60}]
    for options in wrong:
        with pytest.raises(ValueError, match=r"^expires: "):
            task.apply_async((1,), **options)


def test_the_expiry_and_the_queue_and_the_priority_of_a_task_hold_for_calls_that_do_not_say(shop: Shop) -> None:
    task = declared(remind, expires=60, queue="mail", priority=5)
    task.delay(1)
    assert (shop.last["tags"], shop.last["priority"]) == (["queue:mail"], 50)
    assert shop.last["expires_at"] - datetime.now(UTC) <= timedelta(seconds=60)
    task.apply_async((1,), queue="slow", priority=0)
    assert (shop.last["tags"], shop.last["priority"]) == (["queue:slow"], 0)


@pytest.mark.parametrize(("priority", "seconds"), [(0, 0), (1, 10), (9, 90)])
def test_a_step_of_priority_is_ten_seconds_of_head_start(priority: int, seconds: int) -> None:
    assert read(priority=priority).options["priority"] == seconds


def test_a_time_limit_of_a_call_goes_before_that_of_the_task(shop: Shop) -> None:
    declared(remind, time_limit=20).apply_async((1,), time_limit=200)
    assert shop.last["timeout"] == 200
    with pytest.raises(ValueError, match=r"^time_limit=301: "):
        read(time_limit=301)


def test_an_id_of_the_callers_is_found_by_a_tag_and_told_to_the_task(shop: Shop, task: SharedTask[Any]) -> None:
    result = task.apply_async((1,), task_id="order-17")
    assert result.id == "order-17"
    assert (shop.last["tags"], shop.mark()["id"]) == (["task-id:order-17"], "order-17")


def test_an_id_of_any_length_and_of_any_letters_becomes_a_tag() -> None:
    assert calls.id_tag("ä" * 5000).startswith("task-id:~")
    assert len({calls.id_tag(f"{'x' * 99}{n}") for n in range(9)}) == 9
    for wrong in ("", 17, TIMER_ID):
        with pytest.raises((TypeError, ValueError), match=r"^task_id="):
            calls.id_tag(wrong)


def test_a_result_that_is_to_be_ignored_is_none_at_once(shop: Shop, task: SharedTask[Any]) -> None:
    assert task.apply_async((1,), ignore_result=True).get() is None
    assert shop.mark() == {"ignore_result": True}
    assert declared(remind, ignore_result=True).delay(1).get() is None
    assert shop.mark() == {}


@pytest.mark.parametrize("given", [{"retry": True}, {"retry": False}, {"serializer": "json"}, {"add_to_parent": False}])
def test_an_option_of_a_call_that_says_what_holds_anyway_is_taken(given: dict[str, Any]) -> None:
    assert read(**given).options == {"countdown": 0, "tags": []}


@pytest.mark.parametrize("name", sorted(not_offered.OPTIONS))
def test_an_option_of_a_call_that_is_not_here_is_refused_by_name_and_may_be_none(name: str) -> None:
    with pytest.raises(TypeError, match=rf"^{name}: "):
        read(**{name: "anything"})
    assert read(**{name: None}).options == {"countdown": 0, "tags": []}


def test_without_an_environment_the_first_call_says_what_is_missing_and_the_import_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "_declared", {})
    monkeypatch.setattr(registry, "_tasks", None)
    monkeypatch.delenv("TIMER_TASKS_URL", raising=False)
    task = shared_task(remind)
    with pytest.raises(NotConfigured, match="TIMER_TASKS_URL"):
        task.delay(1)


def test_the_environment_names_the_service_and_tasks_declared_later_are_served_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "_declared", {})
    monkeypatch.setattr(registry, "_tasks", None)
    monkeypatch.setenv("TIMER_URL", "http://timers.invalid")
    monkeypatch.setenv("TIMER_TASKS_URL", "http://shop.invalid")
    monkeypatch.setenv("TIMER_SIGNING_SECRETS", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    before = shared_task(remind)
    assert tasks() is tasks()
    later = declared(remind)
    assert tasks().registry.keys() == {before.name, later.name}


# Plans.


def test_a_shared_task_can_be_planned_and_stays_what_it_is(shop: Shop, task: SharedTask[Any]) -> None:
    found: Any = tasks().every("0 9 * * MON-FRI", args=[17])(task)
    assert found is task
    (planned,) = shop.planned
    assert (planned.name, planned.body.args, planned.task) == ("shop.remind", [17], shop.registry["shop.remind"])
    assert planned.fields("http://shop.invalid")["timer"]["max_occurrences"] == 10_000


def test_tasks_that_know_nothing_of_a_shared_task_serve_it_once_they_plan_it(task: SharedTask[Any]) -> None:
    other = Shop()
    other.every("15m", args=[17])(task)
    assert other.registry.keys() == {"shop.remind"}


def test_a_plan_of_a_task_that_expires_says_what_to_give_in_its_place(shop: Shop) -> None:
    with pytest.raises(ValueError, match=r"shop\.remind: expires: a plan has max_lateness"):
        shop.every("15m")(declared(remind, expires=60))


def test_a_uuid_is_an_id_as_its_text_is(shop: Shop, task: SharedTask[Any]) -> None:
    uuid = UUID("12345678-1234-5678-1234-567812345678")
    assert task.apply_async((1,), {}, uuid) == AsyncResult(uuid) == str(uuid)
    assert shop.last["tags"] == [f"task-id:{uuid}"]


def test_the_mark_is_no_argument_that_a_caller_may_give(shop: Shop, task: SharedTask[Any]) -> None:
    with pytest.raises(TypeError, match=r"^shop\.remind: _celery is no argument"):
        task.delay(1, _celery={"id": "other"})
