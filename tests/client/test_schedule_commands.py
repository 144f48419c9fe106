"""`timer-service schedule ...` and `apply` against a real API: what people read, what scripts get."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from tests.bench.processes import Service
from tests.client.test_shell import complete
from timer_service.cli import main
from timer_service.client import NotFound, TimerClient

HOOK = "http://127.0.0.1:2/hook"
Run = Callable[..., Result]


@pytest.fixture
def run(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """The command in this process, in New York."""
    monkeypatch.delenv("TIMER_API_KEY", raising=False)
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()

    def call(*words: str, stdin: bytes | None = None) -> Result:
        result = CliRunner().invoke(main, list(words), env={"TIMER_URL": service.url}, input=stdin)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    yield call
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def name(client: TimerClient) -> Iterator[str]:
    """The beginning of names that no other test has; those schedules are gone afterwards."""
    it = uuid4().hex
    yield it
    for each in client.schedules():
        if each.name.startswith(it):
            client.delete_schedule(each.name)


def lines(result: Result) -> list[Any]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_set_takes_everything_that_a_schedule_can_have(run: Run, name: str) -> None:
    # fmt: off
    (made,) = lines(run(
        "schedule", "set", name, HOOK, "--cron", "0 9 * * MON-FRI", "--time-zone", "Europe/Berlin",
        "--starts-at", "2027-01-01T00:00:00Z", "--ends-at", "2028-01-01T00:00:00Z", "--gap", "skip", "--fold", "last",
        "--overlap", "skip", "--catch-up", "all", "--catch-up-window", "2h", "--spread", "5m", "--max-runs", "9",
        "--pause-after-failures", "3", "--json", '{"a":1.10}', "-X", "PUT", "-H", "X-Mine: 1", "--tag", "a",
        "--timeout", "500ms", "--max-attempts", "3", "--metadata", "who=me", "-o", "json",
    ))
    # fmt: on
    assert (made["cron"], made["time_zone"], made["gap"], made["fold"]) == (
        *("0 9 * * MON-FRI", "Europe/Berlin"),
        *("skip", "last"),
    )
    assert (made["starts_at"], made["ends_at"]) == ("2027-01-01T00:00:00.000Z", "2028-01-01T00:00:00.000Z")
    assert (made["overlap"], made["catch_up"], made["catch_up_window"]) == ("skip", "all", "2h")
    assert (made["spread"], made["max_runs"], made["pause_after_failures"]) == ("5m", 9, 3)
    timer = made["timer"]
    assert (timer["url"], timer["method"], timer["headers"], timer["tags"]) == (HOOK, "PUT", {"X-Mine": "1"}, ["a"])
    assert (timer["timeout"], timer["max_attempts"], timer["metadata"]) == (0.5, 3, {"who": "me"})


def test_a_schedule_needs_one_plan(run: Run, name: str) -> None:
    for plan in ([], ["--cron", "@daily", "--every", "1h"]):
        for command in (["schedule", "set", name, HOOK], ["schedule", "preview"]):
            result = run(*command, *plan)
            assert (result.exit_code, "either --cron or --every" in result.stderr) == (2, True)
    assert run("schedule", "set", name, HOOK, "--every", "5").exit_code == 2


def test_people_read_each_moment_here_in_its_zone_and_in_utc(run: Run, name: str) -> None:
    words = ("--cron", "30 2 * * *", "--time-zone", "Europe/Berlin")
    said = run("schedule", "set", name, HOOK, *words).stdout
    assert re.match(rf"created {name}: at 02:30, in Europe/Berlin.*; next \S+ \S+ \S+, \S+ \S+ UTC$", said)
    table = run("schedule", "preview", *words, "--from", "2027-03-27T00:00:00Z", "--count", "2").stdout
    assert re.search(r"^IN Europe/Berlin +HERE +UTC +NOTE$", table, re.MULTILINE)
    moved = "Sun 2027-03-28 03:00:00  2027-03-27 21:00:00 EDT  2027-03-28 01:00:00 UTC  the clock leaves this time out"
    assert moved in table.splitlines()
    shown = run("schedule", "show", name).stdout
    assert re.search(r"^skipped +none$", shown, re.MULTILINE)
    assert shown.count(" UTC") >= 5
    listed = run("schedule", "list", "--all").stdout
    assert re.search(rf"^{name} +active .* UTC +0 +0 +- +at 02:30", listed, re.MULTILINE)


def test_set_says_whether_it_created_changed_or_left_the_schedule_and_what_of_it(run: Run, name: str) -> None:
    words = ("schedule", "set", name, HOOK, "--cron", "0 9 * * *")
    assert run(*words).stdout.startswith(f"created {name}: at 09:00, in UTC, from ")
    assert run(*words).stdout.startswith(f"unchanged {name}: at 09:00, in UTC, from ")
    said, *fields = run(*words, "--overlap", "skip", "--tag", "a").stdout.splitlines()
    assert said.startswith(f"changed {name}: at 09:00, in UTC, from ")
    assert fields == ['    overlap: "allow" -> "skip"', '    timer.tags: [] -> ["a"]']
    other = (*words, "--overlap", "skip", "--tag", "a", "-H", "Authorization: Bearer a")
    run(*other)
    said, *fields = run(*other[:-1], "Authorization: Bearer b").stdout.splitlines()
    assert (said.split()[0], fields) == ("changed", ["    a value that is not shown"])


def test_pause_resume_and_fire_say_what_they_did(run: Run, name: str) -> None:
    run("schedule", "set", name, HOOK, "--every", "1h")
    paused = run("schedule", "pause", name, "--reason", "a release", "--until", "2h")
    assert re.fullmatch(rf"paused {name}, until \S+ \S+ \S+, \S+ \S+ UTC\n", paused.stdout)
    assert re.search(r"^reason +a release$", run("schedule", "show", name).stdout, re.MULTILINE)
    assert run("schedule", "resume", name).stdout.startswith(f"resumed {name}; next ")
    fired = run("schedule", "fire", name, "-o", "id").stdout.strip()
    assert run("schedule", "runs", name, "-o", "id").stdout.split() == [fired]
    assert [it["id"] for it in lines(run("timer", "list", "--schedule", name, "--status", "any", "-o", "json"))] == [
        fired
    ]


def test_delete_asks_and_needs_a_yes_where_nobody_can_be_asked(run: Run, name: str, client: TimerClient) -> None:
    for each in (f"{name}a", f"{name}b"):
        run("schedule", "set", each, HOOK, "--every", "1h")
    refused = run("schedule", "delete", f"{name}a")
    assert (refused.exit_code, "--yes" in refused.stderr) == (2, True)
    assert client.schedule(f"{name}a").name
    result = run("schedule", "delete", f"{name}a", f"{name}c", f"{name}b", "--yes")
    assert (result.exit_code, result.stdout) == (3, f"deleted {name}a\ndeleted {name}b\n")
    assert f"{name}c: " in result.stderr


def test_another_version_is_a_conflict_and_an_unknown_name_is_not_found(run: Run, name: str) -> None:
    (made,) = lines(run("schedule", "set", name, HOOK, "--every", "1h", "-o", "json"))
    run("schedule", "set", name, HOOK, "--every", "2h")
    assert run("schedule", "set", name, HOOK, "--every", "3h", "--if-version", made["version"]).exit_code == 4
    refused = run("schedule", "set", name, HOOK, "--every", "3h", "--new")
    assert (refused.exit_code, "There is a schedule of this name." in refused.stderr) == (4, True)
    assert run("schedule", "show", f"{name}x").exit_code == 3


def test_bash_completes_the_names_of_schedules(run: Run, name: str, service: Service) -> None:
    run("schedule", "set", name, HOOK, "--every", "1h")
    assert complete(f"timer-service schedule show {name[:12]}", TIMER_URL=service.url) == [name]
    assert complete("timer-service schedule show x", TIMER_URL="http://127.0.0.1:1") == []


@pytest.fixture
def write(tmp_path: Path, name: str) -> Callable[[str], str]:
    """Writes a file of schedules whose names begin as this test's do, and gives its path."""

    def write(text: str) -> str:
        path = tmp_path / "timers.toml"
        path.write_text(f'name = "{name}"\n{text.replace("NAME", name).replace("HOOK", HOOK)}')
        return str(path)

    return write


TWO = """
[schedules.NAMEa]
every = "1h"
timer = { url = "HOOK", headers = { authorization = "Bearer a" }, body = { a = 1.10 } }
[schedules.NAMEb]
cron = "0 9 * * MON-FRI"
time_zone = "Europe/Berlin"
timer = { url = "HOOK" }
"""


def test_apply_creates_then_leaves_then_changes_and_says_so(run: Run, write: Any, name: str) -> None:
    path = write(TWO)
    assert run("apply", path).stdout == (
        f"create {name}a\ncreate {name}b\n2 created, 0 changed, 0 unchanged, 0 deleted\n"
    )
    assert run("apply", path).stdout.endswith("0 created, 0 changed, 2 unchanged, 0 deleted\n")
    path = write(TWO.replace('"1h"', '"2h"').replace('url = "HOOK" }', 'url = "HOOK", tags = ["x"] }'))
    said = run("apply", path).stdout
    assert said == (
        f'change {name}a\n    every: "1h" -> "2h"\nchange {name}b\n    timer.tags: [] -> ["x"]\n'
        "0 created, 2 changed, 0 unchanged, 0 deleted\n"
    )


def test_a_field_that_the_file_no_longer_has_gets_its_default(run: Run, write: Any, name: str) -> None:
    run("apply", write(TWO))
    said = run("apply", write(TWO.replace('time_zone = "Europe/Berlin"\n', ""))).stdout
    assert f'change {name}b\n    time_zone: "Europe/Berlin" -> "UTC"\n' in said


def test_a_secret_that_changed_is_told_once_it_has(run: Run, write: Any, name: str) -> None:
    run("apply", write(TWO))
    said = run("apply", write(TWO.replace("Bearer a", "Bearer b"))).stdout
    assert said.splitlines() == [
        f"unchanged {name}a",
        f"unchanged {name}b",
        f"change {name}a",
        "    a value that is not shown",
        "0 created, 1 changed, 1 unchanged, 0 deleted",
    ]


def test_what_the_settings_of_the_service_decide_is_told_once_it_has_changed(run: Run, write: Any, name: str) -> None:
    run("apply", write(TWO.replace('url = "HOOK" }', 'url = "HOOK", timeout = 30 }')))
    said = run("apply", write(TWO)).stdout
    assert f"unchanged {name}b\nchange {name}b\n    timer.timeout: 30.0 -> 15.0\n" in said


def test_a_dry_run_does_nothing(run: Run, write: Any, name: str, client: TimerClient) -> None:
    result = run("apply", write(TWO), "--dry-run")
    assert result.stdout.endswith("2 would be created, 0 would be changed, 0 unchanged, 0 would be deleted\n")
    with pytest.raises(NotFound):
        client.schedule(f"{name}a")
    told = lines(run("apply", write(TWO), "--dry-run", "-o", "json"))
    assert [(it["schedule"], it["done"], it["dry_run"]) for it in told] == [
        (f"{name}a", "created", True),
        (f"{name}b", "created", True),
    ]


BAD = (
    '[schedules.NAMEc]\ncron = "0 9 31 4 *"\ntime_zone = "Mars"\noverlap = "often"\n'
    'timer = { url = "ftp://h/", max_attempts = 0 }\n'
)


def test_a_dry_run_tells_whatever_the_service_refuses_by_table_and_key(run: Run, write: Any, name: str) -> None:
    path = write(BAD + TWO)
    result = run("apply", path, "--dry-run")
    assert result.exit_code == 2
    for place in ("c] cron", "c] time_zone", "c] overlap", "c.timer] url", "c.timer] max_attempts"):
        assert f"Error: {path}: [schedules.{name}{place}: " in result.stderr
    assert result.stdout.endswith("2 would be created, 0 would be changed, 0 unchanged, 0 would be deleted\n")
    assert run("schedule", "show", f"{name}a").exit_code == 3


def test_a_dry_run_changes_none_that_stands_and_tells_what_is_refused_where_no_change_is_seen(
    run: Run, write: Any, name: str, client: TimerClient
) -> None:
    run("apply", write(TWO))
    before = [client.schedule(f"{name}{each}").version for each in "ab"]
    assert run("apply", write(TWO.replace('"1h"', '"2h"')), "--dry-run").exit_code == 0
    mark = write(TWO.replace("Bearer a", "***"))
    result = run("apply", mark, "--dry-run")
    assert (result.exit_code, f"[schedules.{name}a.timer.headers] authorization: " in result.stderr) == (2, True)
    assert result.stdout.startswith(f"unchanged {name}a\n")
    assert [client.schedule(f"{name}{each}").version for each in "ab"] == before


def test_prune_deletes_what_the_file_had_and_nothing_else_and_asks_first(
    run: Run, write: Any, name: str, client: TimerClient
) -> None:
    run("schedule", "set", f"{name}hand", HOOK, "--every", "1h")
    run("apply", write(TWO))
    path = write(TWO.partition("[schedules.NAMEb]")[0].replace('"1h"', '"3h"'))
    assert "deleted" not in run("apply", path, "--dry-run").stdout.replace("0 would be deleted", "")
    refused = run("apply", path, "--prune")
    assert (refused.exit_code, f"--yes if {name}b is to be deleted" in refused.stderr) == (2, True)
    assert client.schedule(f"{name}a").every == "1h", "nothing is done before it may be"
    said = run("apply", path, "--prune", "--yes").stdout
    assert said.endswith(f"delete {name}b\n0 created, 1 changed, 0 unchanged, 1 deleted\n")
    assert [it.name for it in client.schedules() if it.name.startswith(name)] == [f"{name}a", f"{name}hand"]


def test_a_refusal_names_file_table_and_key_and_the_others_are_done(
    run: Run, write: Any, name: str, client: TimerClient
) -> None:
    bad = '[schedules.NAMEc]\ncron = "0 9 31 4 *"\noverlap = "often"\ntimer = { url = "ftp://h/" }\n'
    path = write(bad + TWO)
    result = run("apply", path)
    assert result.exit_code == 2
    for place in (f"[schedules.{name}c] cron", f"[schedules.{name}c] overlap", f"[schedules.{name}c.timer] url"):
        assert f"Error: {path}: {place}: " in result.stderr
    assert result.stdout.endswith("2 created, 0 changed, 0 unchanged, 0 deleted\n")
    assert client.schedule(f"{name}b").timer["metadata"] == {"applied_from": name}


def test_a_file_that_cannot_be_read_is_wrong_usage_and_nothing_is_done(run: Run, write: Any, name: str) -> None:
    result = run("apply", write(TWO + "[schedules.NAMEd]\nevery = 5\n"))
    assert (result.exit_code, f"[schedules.{name}d] timer: " in result.stderr) == (2, True)
    assert run("schedule", "show", f"{name}a").exit_code == 3
    piped = run("apply", "-", stdin=f'name = "{name}"\n{TWO}'.replace("NAME", name).replace("HOOK", HOOK).encode())
    assert piped.stdout.endswith("2 created, 0 changed, 0 unchanged, 0 deleted\n")


def test_a_key_that_may_only_read_sees_what_would_be_done_and_no_more(
    write: Any, name: str, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMER_API_KEY", keys["read"])
    command = ["apply", write(TWO), "--url", keys["url"]]
    assert CliRunner().invoke(main, [*command, "--dry-run"]).stdout.startswith(f"create {name}a\n")
    bad = CliRunner().invoke(main, ["apply", write(BAD), "--url", keys["url"], "--dry-run"])
    assert (bad.exit_code, f"[schedules.{name}c] cron: " in bad.stderr, "overlap" in bad.stderr) == (2, True, False)
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 6
    assert result.stdout.endswith("0 created, 0 changed, 0 unchanged, 0 deleted\n")


def test_what_somebody_changes_between_the_showing_and_the_doing_is_left_alone(
    run: Run, write: Any, name: str, client: TimerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("apply", write(TWO))
    path = write(TWO.replace('"1h"', '"2h"'))

    def change(*_: object) -> None:
        client.update_schedule(f"{name}a", every="5h")

    monkeypatch.setattr("timer_service.terminal.apply.ask_before_deleting", change)
    result = run("apply", path)
    assert (result.exit_code, f"{name}a: " in result.stderr) == (4, True)
    assert client.schedule(f"{name}a").every == "5h"


def test_what_somebody_creates_between_the_showing_and_the_doing_is_left_alone(
    run: Run, write: Any, name: str, client: TimerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create(*_: object) -> None:
        client.set_schedule(f"{name}a", every="5h", timer={"url": HOOK})

    monkeypatch.setattr("timer_service.terminal.apply.ask_before_deleting", create)
    result = run("apply", write(TWO))
    assert (result.exit_code, f"{name}a: " in result.stderr) == (4, True)
    assert client.schedule(f"{name}a").every == "5h"
