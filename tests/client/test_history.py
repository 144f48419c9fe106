"""Ended timers that the store has forgotten, from Python and on a terminal."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from scheduler import Reason, Status
from tests.bench.processes import COMMAND, Service
from tests.client.both import new_client
from tests.history.ended import MARCH, attempt, ended, timer_id
from timer_service.cli import main
from timer_service.client import NotFound, TimerClient
from timer_service.history.database import open_history

LAST = datetime.fromtimestamp(MARCH / 1000, UTC) + timedelta(milliseconds=3)

pytestmark = pytest.mark.usefixtures("both")


@pytest.fixture(scope="module")
def url(service: Service, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A second API, which has a history of four timers."""
    database = f"sqlite:///{tmp_path_factory.mktemp('history')}/history.sqlite"
    history = open_history(database)
    failed: dict[str, Any] = {"status": Status.FAILED, "reason": Reason.PERMANENT, "key": "k"}
    for number in range(4):
        timer = ended(number, at=MARCH + number, tags=("customer-17",), **(failed if number == 1 else {}))
        history.write([(timer, [attempt(1, final=True)])])
    history.close()
    first = service.url
    service.api(TIMER_HISTORY_URL=database)
    service.url, url = first, service.url
    return url


@pytest.fixture
def historian(url: str) -> Iterator[TimerClient]:
    with new_client(url) as it:
        yield it


def run(url: str, *words: str) -> Result:
    return CliRunner().invoke(main, ["timer", *words], env={"TIMER_URL": url})


def test_a_history_is_walked_page_by_page_the_latest_end_first(historian: TimerClient) -> None:
    found = list(historian.history(tag="customer-17", page_size=1))
    assert [it.id for it in found] == [timer_id(number) for number in (3, 2, 1, 0)]
    assert {it.from_history for it in found} == {True}
    assert found[0].ended_at == LAST


def test_a_reader_on_a_terminal_may_have_enough_of_it(url: str) -> None:
    command = f"{COMMAND} timer history --output json --url {url} | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_its_filters_go_together(historian: TimerClient) -> None:
    (found,) = historian.history(status="failed", reason="permanent", key="k", destination="https://api.example.com")
    assert (found.id, found.reason) == (timer_id(1), "permanent")
    assert list(historian.history(schedule="nightly")) == []
    page = historian.history_page(from_=LAST - timedelta(milliseconds=2), to=LAST, limit=1)
    assert ([it.id for it in page.timers], page.next_cursor is None) == ([timer_id(2)], False)


def test_a_timer_and_its_attempts_are_told_though_the_store_has_forgotten_them(historian: TimerClient) -> None:
    timer = historian.get(timer_id(2))
    assert (timer.status, timer.from_history, timer.ended) == ("delivered", True, True)
    assert [it.number for it in historian.attempts(timer.id)] == [1]


def test_a_service_without_a_history_says_so(client: TimerClient) -> None:
    with pytest.raises(NotFound, match="TIMER_HISTORY_URL"):
        client.history_page()


def test_a_terminal_shows_it_as_a_table_as_json_or_as_ids(url: str, service: Service) -> None:
    table = run(url, "history", "--limit", "2")
    assert (table.exit_code, table.stdout.count("delivered")) == (0, 2)
    assert "there are more" in table.stderr
    assert run(url, "history", "--all", "-o", "id").stdout.split() == [timer_id(number) for number in (3, 2, 1, 0)]
    told = run(url, "history", "--status", "failed", "--from", "2025-03-01T00:00:00Z", "-o", "json")
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["reason"] == "permanent"
    assert "the store has forgotten it" in run(url, "show", timer_id(1)).stdout
    nothing = run(service.url, "history")
    assert (nothing.exit_code, "TIMER_HISTORY_URL" in nothing.output) == (3, True)
