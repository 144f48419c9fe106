"""`timer-service apply` of destinations, against a real API."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.client.test_schedule_commands import Run, lines, run
from timer_service.client import NotFound, TimerClient
from timer_service.terminal.destination_steps import DEFAULTS, RATE_DEFAULTS, UNSET

__all__ = ["run"]

Write = Callable[[str], str]
LIMITED = '[destinations."ID"]\nrate = { requests = 10, per = "60s" }\nconcurrency = 5\n'
NOTHING = "0 created, 0 changed, 1 unchanged, 0 deleted\n"


@pytest.fixture
def there() -> str:
    """A destination that no other test has."""
    return f"https:{uuid4().hex}.example:443"


@pytest.fixture
def write(tmp_path: Path, there: str) -> Write:
    def write(text: str) -> str:
        path = tmp_path / "timers.toml"
        path.write_text(text.replace("ID", there))
        return str(path)

    return write


def test_apply_limits_then_leaves_then_changes_and_says_so(run: Run, write: Write, there: str) -> None:
    assert run("apply", write(LIMITED)).stdout == (
        f'change {there}\n    rate: - -> {{"requests":10,"per":"60s"}}\n    concurrency: - -> 5\n'
        "0 created, 1 changed, 0 unchanged, 0 deleted\n"
    )
    assert run("apply", write(LIMITED)).stdout == f"unchanged {there}\n{NOTHING}"
    changed = '[destinations."ID"]\nrate = { requests = 20, per = 60, burst = 3 }\nbreaker = { mode = "off" }\n'
    assert run("apply", write(changed)).stdout == (
        f"change {there}\n    rate.burst: - -> 3\n    rate.requests: 10 -> 20\n    concurrency: 5 -> -\n"
        '    breaker.mode: "auto" -> "off"\n0 created, 1 changed, 0 unchanged, 0 deleted\n'
    )
    (told,) = lines(run("apply", write('[destinations."ID"]\n'), "-o", "json"))
    assert (told["destination"], told["done"], [*told["fields"]]) == (there, "changed", ["rate", "breaker.mode"])


def test_what_a_file_leaves_out_is_not_limited(run: Run, write: Write, there: str, client: TimerClient) -> None:
    client.update_destination(there, rate={"requests": 5, "per": "1m", "burst": 3}, breaker={"mode": "off"})
    run("apply", write('[destinations."ID"]\nrate = { requests = 10 }\nbreaker = {}\n'))
    found = client.destination(there)
    assert (found.rate, found.concurrency, found.breaker) == (
        {"requests": 10, "per": "1s", "burst": None},
        None,
        {"mode": "auto"},
    )
    refused = run("apply", write('[destinations."ID"]\nrate = { per = "1m" }\n'))
    assert (refused.exit_code, f'[destinations."{there}".rate] requests: ' in refused.stderr) == (2, True)
    assert client.destination(there) == found


def test_a_dry_run_limits_nothing(run: Run, write: Write, there: str, client: TimerClient) -> None:
    said = run("apply", write(LIMITED), "--dry-run").stdout
    assert said.endswith(
        "concurrency: - -> 5\n0 would be created, 1 would be changed, 0 unchanged, 0 would be deleted\n"
    )
    with pytest.raises(NotFound):
        client.destination(there)


@pytest.mark.parametrize("stands", [False, True])
def test_a_dry_run_tells_whatever_the_service_refuses_by_table_and_key(
    run: Run, write: Write, there: str, client: TimerClient, stands: bool
) -> None:
    before = client.update_destination(there, concurrency=3).version if stands else ""
    bad = '[destinations."ID"]\nconcurrency = 0\nsigning = "mine"\nrate = { per = "2d" }\nbreaker = { mode = "no" }\n'
    path = write(bad)
    result = run("apply", path, "--dry-run")
    assert result.exit_code == 2
    for place in ("] concurrency", "] signing", ".rate] requests", ".rate] per", ".breaker] mode"):
        assert f'Error: {path}: [destinations."{there}"{place}: ' in result.stderr
    if stands:
        assert client.destination(there).version == before
    else:
        with pytest.raises(NotFound):
            client.destination(there)


def test_a_refusal_names_file_table_and_key_and_the_others_are_done(
    run: Run, write: Write, there: str, client: TimerClient
) -> None:
    path = write('[destinations."ID"]\nconcurrency = 5\n[destinations."http:ID.x:1"]\nrate = { requests = 0 }\n')
    path = write(Path(path).read_text().replace(f"http:{there}.x:1", "http:refused.example:1"))
    result = run("apply", path)
    place = f'Error: {path}: [destinations."http:refused.example:1".rate] requests: Must be'
    assert (result.exit_code, place in result.stderr) == (2, True)
    assert client.destination(there).concurrency == 5


@pytest.mark.parametrize("concurrency", [None, 3])
def test_what_somebody_sets_between_the_showing_and_the_doing_is_left_alone(
    run: Run, write: Write, there: str, client: TimerClient, monkeypatch: pytest.MonkeyPatch, concurrency: int | None
) -> None:
    if concurrency:
        client.update_destination(there, concurrency=concurrency)

    def change(*_: object) -> None:
        client.update_destination(there, concurrency=7)

    monkeypatch.setattr("timer_service.terminal.apply.ask_before_deleting", change)
    result = run("apply", write(LIMITED))
    assert (result.exit_code, f"{there}: " in result.stderr) == (4, True)
    assert client.destination(there).concurrency == 7


def test_a_pause_stays_and_one_that_the_file_no_longer_has_keeps_its_limits(
    run: Run, write: Write, there: str, client: TimerClient
) -> None:
    client.pause_destination(there, reason="a release")
    run("apply", write(LIMITED))
    assert client.destination(there).state == "paused"
    run("apply", write(""), "--prune", "--yes")
    assert client.destination(there).concurrency == 5


def test_the_defaults_are_those_of_the_service(there: str, client: TimerClient) -> None:
    paused = client.pause_destination(there)
    assert (paused.version, {name: paused.raw[name] for name in DEFAULTS}) == (UNSET, DEFAULTS)
    rate: Any = client.update_destination(there, rate={"requests": 1}).rate
    assert rate == {"requests": 1, **RATE_DEFAULTS}
