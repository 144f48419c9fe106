"""autoretry_for: what is retried by itself, and after which waits."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.tasks.celery_shop import Shop, declared, fails, header, opened, told, waits
from timer_service.tasks.celery import Ignore, Reject, Retry, retrying
from timer_service.tasks.celery.options import Options, read


@pytest.fixture
def shop() -> Iterator[Shop]:
    with opened() as it:
        yield it


def test_autoretry_retries_what_it_names_and_what_derives_from_it_and_nothing_else(shop: Shop) -> None:
    assert waits(shop.run(declared(fails, autoretry_for=(OSError,)))) == 180
    with opened() as other:
        assert other.run(declared(fails, autoretry_for=(ValueError,))).status == 489
    with opened() as other:
        excepted = declared(fails, autoretry_for=(Exception,), dont_autoretry_for=(ConnectionError,))
        assert other.run(excepted).status == 489


@pytest.mark.parametrize("raised", [Ignore(), Reject(), Retry(when=3)])
def test_autoretry_leaves_alone_what_is_no_failure(shop: Shop, raised: Exception) -> None:
    def raises() -> None:
        raise raised

    answer = shop.run(declared(raises, autoretry_for=(Exception,)))
    assert header(answer, "timer-reschedule") == ("3000ms" if isinstance(raised, Retry) else None)


def test_autoretry_fails_with_the_exception_of_the_task_once_no_retry_is_left(shop: Shop) -> None:
    task = declared(fails, autoretry_for=(OSError,), retry_kwargs={"max_retries": 5, "countdown": 10})
    assert waits(shop.run(task, occurrence=5)) == 10
    assert told(shop.run(task, occurrence=6))["class"] == "builtins.ConnectionError"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"retry_backoff": True}, [1, 2, 4, 8, 16, 600]),
        ({"retry_backoff": 3}, [3, 6, 12, 24, 48, 600]),
        ({"retry_backoff": 3, "retry_backoff_max": 10}, [3, 6, 10, 10, 10, 10]),
    ],
)
def test_the_backoff_doubles_up_to_its_maximum_however_often(given: dict[str, Any], expected: list[int]) -> None:
    options = read({**given, "retry_jitter": False})
    waits = [retrying.autoretry(options, retries)["countdown"] for retries in (0, 1, 2, 3, 4, 9_999)]
    assert waits == expected


def test_jitter_is_anything_from_nothing_to_the_whole_backoff() -> None:
    options = read({"retry_backoff": 4})
    pick = random.Random(1).randrange
    assert {retrying.autoretry(options, 0, pick)["countdown"] for _ in range(200)} == {0, 1, 2, 3, 4}


def test_a_retry_that_waits_for_nothing_waits_for_the_shortest_time_that_the_service_has() -> None:
    assert retrying.when(Options(default_retry_delay=0), None, None) == 1
