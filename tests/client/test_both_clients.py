"""TimerClient and AsyncTimerClient have the same methods, which are described once."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from timer_service.client import AsyncTimerClient, TimerClient

METHODS = [name for name in dir(TimerClient) if not name.startswith("_")]
#: These go through pages.
ITERATORS = ["destinations", "history", "list", "schedule_runs", "schedules"]


def test_both_have_the_same_methods() -> None:
    """Add a call to both: `name = blocking(...)` here, `name = awaited(...)` there."""
    assert [name for name in dir(AsyncTimerClient) if not name.startswith("_")] == METHODS


@pytest.mark.parametrize("name", [*METHODS, "__init__"])
def test_a_method_has_the_same_arguments_and_says_the_same_of_itself(name: str) -> None:
    one, other = getattr(TimerClient, name), getattr(AsyncTimerClient, name)
    assert without_types_of_libraries(one) == without_types_of_libraries(other)
    if name not in ("__init__", "close"):
        assert one.__doc__ == other.__doc__
        assert one.__name__ == other.__name__ == name
        assert str(inspect.signature(one).return_annotation).removeprefix("Iterator[") == str(
            inspect.signature(other).return_annotation
        ).removeprefix("AsyncIterator[")


def without_types_of_libraries(method: Callable[..., Any]) -> list[inspect.Parameter]:
    """Of a session it is another library in each."""
    parameters = inspect.signature(method).parameters.values()
    return [it.replace(annotation=None) if it.name == "session" else it for it in parameters]


def test_all_is_awaited_but_what_goes_through_pages() -> None:
    walked = [name for name in METHODS if inspect.isasyncgenfunction(getattr(AsyncTimerClient, name))]
    awaited = [name for name in METHODS if inspect.iscoroutinefunction(getattr(AsyncTimerClient, name))]
    assert walked == ITERATORS == [name for name in METHODS if inspect.isgeneratorfunction(getattr(TimerClient, name))]
    assert sorted([*walked, *awaited]) == METHODS


def test_what_the_help_shows_is_what_is_returned() -> None:
    returned = {name: inspect.signature(getattr(TimerClient, name)).return_annotation for name in METHODS}
    assert returned["create"] == "Timer"
    assert returned["create_many"] == "list[Timer | TimerServiceError]"
    assert returned["list"] == "Iterator[Timer]"
    assert returned["cancel"] == "None"
    assert not [name for name, it in returned.items() if "Call" in it or "Walk" in it or "Page, " in it]
    assert list(inspect.signature(TimerClient().get).parameters) == ["timer_id"]


def test_httpx_is_loaded_once_an_asynchronous_client_is_made_and_not_before() -> None:
    code = """
import sys
from timer_service.client import AsyncTimerClient, TimerClient
TimerClient()
assert not {"httpx", "anyio", "asyncio"} & sys.modules.keys()
AsyncTimerClient()
assert "httpx" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_without_httpx_it_says_what_to_install() -> None:
    code = """
import sys
sys.modules["httpx"] = None
from timer_service.client import AsyncTimerClient
AsyncTimerClient()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.stderr.endswith(
        "AsyncTimerClient needs httpx, which is not installed: pip install 'timer-service[async]'\n"
    )
