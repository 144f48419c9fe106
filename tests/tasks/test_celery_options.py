"""What @shared_task takes, and what it refuses while the module is imported."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.tasks.celery_shop import Shop, declared, opened
from timer_service.tasks.celery import NotOffered, not_offered, options, shared_task
from timer_service.tasks.celery.options import Options


@pytest.fixture
def shop() -> Iterator[Shop]:
    with opened() as it:
        yield it


def remind(user: int, *, loud: bool = False) -> str:
    """Remind somebody."""
    return f"{user} {loud}"


async def waits() -> None:
    pass


def counts() -> Iterator[int]:
    yield 1


def test_a_task_is_called_as_its_function_and_keeps_its_name_and_its_words(shop: Shop) -> None:
    task = shared_task(remind)
    assert task(17, loud=True) == "17 True"
    assert (task.name, task.__name__, task.__doc__) == (f"{__name__}.remind", "remind", "Remind somebody.")
    assert repr(task) == f"<@task: {__name__}.remind>"


@pytest.mark.parametrize("declare", [shared_task, shared_task()])
def test_the_decorator_works_with_and_without_brackets(declare: Any, shop: Shop) -> None:
    assert declare(remind).name == f"{__name__}.remind"


def test_a_task_that_says_nothing_has_the_defaults_of_celery(shop: Shop) -> None:
    task = shared_task(remind)
    assert (task.max_retries, task.default_retry_delay) == (3, 180)
    assert (task.options.retry_backoff_max, task.options.retry_jitter) == (600, True)


@pytest.mark.parametrize("name", sorted(not_offered.OPTIONS))
def test_an_option_that_is_not_here_is_refused_by_name_with_a_sentence(name: str) -> None:
    with pytest.raises(TypeError, match=rf"^{name}: .{{20,}}"):
        shared_task(**{name: "anything"})


@pytest.mark.parametrize("name", sorted(not_offered.OPTIONS))
def test_an_option_that_is_not_here_may_be_none_as_it_is_with_celery(name: str) -> None:
    assert options.read({name: None}) == Options()


def test_an_option_that_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"^max_retires: there is no such option"):
        shared_task(max_retires=3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("acks_late", True),
        ("reject_on_worker_lost", True),
        ("acks_on_failure", True),
        ("track_started", False),
        ("store_errors_even_if_ignored", True),
        ("trail", False),
        ("send_events", False),
        ("serializer", "json"),
        ("typing", True),
    ],
)
def test_an_option_that_says_what_holds_anyway_is_taken(name: str, value: Any) -> None:
    assert options.read({name: value}) == Options()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("acks_late", False),
        ("reject_on_worker_lost", False),
        ("acks_on_failure", False),
        ("acks_on_timeout", True),
        ("acks_on_failure_or_timeout", True),
        ("serializer", "pickle"),
        ("typing", False),
        ("time_limit", 600),
        ("time_limit", 0),
        ("time_limit", "ten"),
        ("time_limit", float("nan")),
        ("priority", 10),
        ("priority", -1),
        ("priority", True),
        ("autoretry_for", ConnectionError),
        ("autoretry_for", ("ConnectionError",)),
        ("dont_autoretry_for", (int,)),
        ("throws", (3,)),
        ("max_retries", "three"),
        ("max_retries", True),
        ("default_retry_delay", "soon"),
        ("retry_kwargs", {"queue": "slow"}),
        ("retry_kwargs", {"countdown": "soon"}),
        ("retry_kwargs", {"max_retries": 1.5}),
        ("name", ""),
        ("queue", "a b"),
        ("expires", "soon"),
    ],
)
def test_a_value_that_cannot_be_is_refused_while_the_module_is_imported(name: str, value: Any, shop: Shop) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"^{name}"):
        shared_task(**{name: value})(remind)


def test_no_time_limit_is_as_long_as_the_service_waits_and_one_is_what_it_says(shop: Shop) -> None:
    declared(remind, time_limit=None).delay(1)
    assert shop.last["timeout"] == 300
    with opened() as other:
        declared(remind, time_limit=20).delay(1)
        assert other.last["timeout"] == 20


def test_unlimited_retries_and_none_at_all_can_be_asked_for() -> None:
    assert options.read({"max_retries": None}).max_retries is None
    assert options.read({"max_retries": 0}).max_retries == 0


@pytest.mark.parametrize(("given", "seconds"), [(True, 1), (False, 0), (None, 0), (3, 3), (0.5, 1), (2.9, 2), (0, 0)])
def test_retry_backoff_is_read_as_celery_reads_it(given: Any, seconds: int) -> None:
    assert options.read({"retry_backoff": given}).retry_backoff == seconds


@pytest.mark.parametrize("function", [waits, counts])
def test_a_coroutine_and_a_generator_are_refused_by_name(function: Any) -> None:
    with pytest.raises(TypeError, match=r"is no plain function; .*Tasks\.task"):
        shared_task(function)


def test_bind_needs_a_parameter_for_the_task() -> None:
    with pytest.raises(TypeError, match="with bind=True its first parameter is the task"):
        declared(lambda: None, bind=True)


def test_two_functions_of_one_name_are_refused_and_one_that_is_loaded_again_is_not(shop: Shop) -> None:
    shared_task(name="shop.one")(remind)
    shared_task(name="shop.one")(remind)
    with pytest.raises(ValueError, match=r"shop\.one: there is a task of this name already"):
        shared_task(name="shop.one")(len)


@pytest.mark.parametrize("name", sorted(not_offered.NAMES))
@pytest.mark.parametrize("module", ["timer_service.tasks.celery", "timer_service.tasks.celery.exceptions"])
def test_a_name_of_celery_that_is_not_here_is_refused_where_it_is_imported(name: str, module: str) -> None:
    with pytest.raises(ImportError, match=rf"^{name}: .{{20,}}"):
        exec(f"from {module} import {name}")


def test_a_name_that_nobody_has_is_missing_as_from_any_module() -> None:
    assert not hasattr(importlib.import_module("timer_service.tasks.celery"), "no_such_name")
    assert not hasattr(importlib.import_module("timer_service.tasks.celery.exceptions"), "no_such_name")


@pytest.mark.parametrize("name", sorted(not_offered.ATTRIBUTES))
def test_canvas_and_other_methods_of_a_task_that_are_not_here_say_so(name: str, shop: Shop) -> None:
    task = shared_task(remind)
    with pytest.raises(NotOffered, match=rf"^a task\.{name}: .{{20,}}"):
        getattr(task, name)
    assert not hasattr(task, name)
    assert not hasattr(task, "no_such_name")


def test_what_pickle_brings_back_is_the_task_itself(shop: Shop) -> None:
    import pickle

    task = shared_task(remind)
    assert pickle.loads(pickle.dumps(task)) is task
