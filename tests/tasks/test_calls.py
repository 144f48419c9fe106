"""What is checked where a task is called, before anything is sent."""

from __future__ import annotations

import math
import uuid
from collections import OrderedDict
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

import pytest

from tests.tasks.sent import capture
from timer_service.tasks import Tasks


class _Pair(NamedTuple):
    a: int
    b: int


def _shop_invoice(order_id: int, *, remind: bool = False) -> dict[str, Any]:
    return {"order": order_id, "remind": remind}


def test_a_plain_call_is_the_function(tasks: Tasks) -> None:
    invoice = tasks.task(_shop_invoice)
    assert invoice(17, remind=True) == {"order": 17, "remind": True}
    assert (invoice.__name__, invoice.__wrapped__) == ("_shop_invoice", _shop_invoice)  # type: ignore[attr-defined]


def test_a_call_is_one_timer_with_its_arguments(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = capture(tasks, monkeypatch)
    invoice = tasks.task(_shop_invoice)
    handle = invoice.delay(17, remind=True)
    (call,) = sent.calls
    name = "tests.tasks.test_calls._shop_invoice"
    assert call["body"] == {"task": name, "args": [17], "kwargs": {"remind": True}, "v": 1}
    assert (call["url"], call["delay"]) == ("http://127.0.0.1:9/tasks", 0)
    assert handle.id == "1".rjust(22, "0")


@pytest.mark.parametrize(
    ("args", "kwargs", "why"),
    [
        ((), {}, "missing a required argument: 'order_id'"),
        ((1, 2), {}, "too many positional arguments"),
        ((1,), {"order_id": 1}, "multiple values for argument 'order_id'"),
        ((1,), {"remnd": True}, "got an unexpected keyword argument 'remnd'"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_and_the_task_is_named(
    tasks: Tasks, args: Any, kwargs: Any, why: str
) -> None:
    invoice = tasks.task(name="shop.invoice")(_shop_invoice)
    for call in (lambda: invoice.delay(*args, **kwargs), lambda: invoice.apply_async(args, kwargs)):
        with pytest.raises(TypeError, match=f"^shop.invoice: {why}$"):
            call()  # type: ignore[no-untyped-call]


class _Color(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ((1, 2), "argument 'it' is of type tuple: only JSON's values go; give a list"),
        ([{"a": (1,)}], "argument 'it'[0]['a'] is of type tuple"),
        (_Pair(1, 2), "Pair: only JSON's values go"),
        (b"x", "argument 'it' is of type bytes: only JSON's values go; give text, such as base64"),
        (bytearray(b"x"), "of type bytearray"),
        ({1: "a"}, "argument 'it' has the key 1 of type int: JSON's keys are text"),
        ({None: "a"}, "argument 'it' has the key None"),
        ({"a": {True: 1}}, "argument 'it'['a'] has the key True"),
        (datetime(2026, 1, 1, tzinfo=UTC), "of type datetime.datetime: only JSON's values go; give .isoformat()"),
        (date(2026, 1, 1), "of type datetime.date"),
        ({1, 2}, "of type set: only JSON's values go; give a list"),
        (Decimal("1.0"), "of type decimal.Decimal: only JSON's values go; give text"),
        (uuid.UUID(int=1), "of type uuid.UUID"),
        (1j, "of type complex"),
        (object(), "of type object: only JSON's values go; give what names it, such as an id"),
        (lambda: 1, "of type function"),
    ],
)
def test_what_json_would_change_or_cannot_say_is_refused(tasks: Tasks, value: Any, why: str) -> None:
    task = tasks.task(name="shop.f")(lambda it: it)
    with pytest.raises(TypeError) as raised:
        task.delay(value)
    assert str(raised.value).startswith("shop.f: argument 'it'")
    assert why in str(raised.value)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (math.nan, "argument 'it' is nan, which JSON has no form for"),
        ([-math.inf], "argument 'it'[0] is -inf"),
        (10**400, "argument 'it' is an integer of more than 300 digits"),
        ([10**5000], "argument 'it'[0] is an integer of more than 300 digits"),
        ("\ud800", "argument 'it' has half of a surrogate pair"),
        ({"\udfff": 1}, "argument 'it''s key has half of a surrogate pair"),
    ],
)
def test_numbers_and_text_beyond_json_are_refused(tasks: Tasks, value: Any, why: str) -> None:
    task = tasks.task(name="shop.f")(lambda it: it)
    with pytest.raises(ValueError, match=r"^shop\.f: argument") as raised:
        task.delay(value)
    assert why in str(raised.value)


def test_what_holds_itself_or_is_too_deep_is_refused(tasks: Tasks) -> None:
    task = tasks.task(name="shop.f")(lambda it: it)
    round_: list[Any] = []
    round_.append(round_)
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    for value in (round_, deep):
        with pytest.raises(ValueError, match="more than 80 lists and dicts within each other"):
            task.delay(value)


def test_arguments_are_named_also_among_many(tasks: Tasks) -> None:
    task = tasks.task(name="shop.f")(lambda *args, **kwargs: (args, kwargs))
    with pytest.raises(TypeError, match=r"argument args\[1\] is of type set"):
        task.delay(1, {2})
    with pytest.raises(TypeError, match=r"argument 'b' is of type set"):
        task.delay(1, a=1, b={2})


def test_what_json_brings_back_equal_is_taken(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = capture(tasks, monkeypatch)
    task = tasks.task(name="shop.f")(lambda it: it)
    values: list[Any] = [
        None,
        True,
        0,
        -1.5,
        "ä😀",
        [],
        {},
        [[{"a": [None]}]],
        OrderedDict(a=1),
        _Color.RED,
        10**300,
        2**53 + 1,
    ]
    for value in values:
        task.delay(value)
    assert len(sent.calls) == 12


def test_text_is_no_list_of_arguments(tasks: Tasks) -> None:
    task = tasks.task(name="shop.f")(lambda *args: args)
    with pytest.raises(TypeError, match=r"^shop\.f: args: a list or tuple of arguments is needed, not str$"):
        task.apply_async("17")


@pytest.mark.parametrize("name", ["__init__", "mro"])
def test_generators_and_what_is_no_function_are_refused(tasks: Tasks, name: str) -> None:
    def lines() -> Any:
        yield name

    async def more_lines() -> Any:
        yield name

    for function in (lines, more_lines):
        with pytest.raises(TypeError, match="generator, which has no result"):
            tasks.task(name="lines")(function)
    with pytest.raises(TypeError, match="is no function"):
        tasks.task(name="lines")(17)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="is a method: nothing here has its object"):
        tasks.task(name="method")(pytest.MonkeyPatch.setattr)
    with pytest.raises(TypeError, match="is a task already"):
        tasks.task(tasks.task(_shop_invoice))
