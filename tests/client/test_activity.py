"""What the service tells of itself, in the client and on a terminal.

Tried: each member of another type or left out, names and errors that would move a cursor, no poller, a store that tells
nothing, timers that cannot be read, the year 9999.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from marshmallow import Schema

from tests.bench import activity as told
from tests.client.test_retries import Call, answer, answering, problem
from timer_service.cli import main
from timer_service.client import TimerClient, TimerServiceError
from timer_service.web import activity_answers as answers
from timer_service.web import pages
from timer_service.web.json_provider import JsonProvider

START = datetime(2026, 1, 1, tzinfo=UTC)


def as_sent(schema: Schema, noun: Any) -> Any:
    """As the API writes it."""
    return json.loads(JsonProvider(Flask(__name__)).dumps(schema.dump(noun)))


ANSWERS: dict[str, tuple[Call, Any]] = {
    "pollers": (lambda client: client.pollers(), as_sent(answers.PollersOut(), told.POLLERS)),
    "store": (lambda client: client.store(), as_sent(answers.StoreOut(), told.STORE)),
    "minutes": (lambda client: client.minutes(), as_sent(answers.MinutesOut(), told.MINUTES)),
    "forecast": (lambda client: client.forecast(), as_sent(answers.ForecastOut(), told.FORECAST)),
    "failures": (lambda client: client.failures(), as_sent(answers.FailuresOut(), told.FAILURES)),
}


def received(name: str, said: Any = None) -> Any:
    call, usual = ANSWERS[name]
    with answering(answer(200, usual if said is None else said)) as (client, _):
        return call(client)


def shown(name: str, *words: str, said: Any = None) -> Result:
    """The command's output, where the service says this."""
    with answering(answer(200, ANSWERS[name][1] if said is None else said)) as (_, service):
        return CliRunner().invoke(main, [name, *words], env={"TIMER_URL": service.url, "TZ": "UTC"})


def test_pollers_are_as_their_last_claim_showed_them() -> None:
    found = received("pollers")
    assert found.read_at == START
    one, two = found.pollers
    assert (one.name, one.seen_at, one.in_flight, one.slots) == ("a", START - timedelta(seconds=1.2), 3, 2048)
    assert two.in_flight == 0


def test_minutes_have_counts_and_lengths_and_nothing_where_nothing_happened() -> None:
    busy, quiet = received("minutes").minutes
    assert (busy.at, busy.set, busy.attempts, busy.failed_attempts) == (START, 12_345, 6, 2)
    assert (busy.delivered, busy.failed, busy.cancelled) == (4, 1, 3)
    worst = timedelta(seconds=1.234)
    assert (busy.lateness_p50, busy.lateness_p99) == (timedelta(milliseconds=1), timedelta(milliseconds=20))
    assert (busy.lateness_worst, quiet.lateness_worst, quiet.attempts) == (worst, None, 0)


def test_a_forecast_has_a_count_for_each_bucket() -> None:
    found = received("forecast")
    assert found.by == "minute"
    assert [(it.at, it.count, it.held) for it in found.buckets] == [(START, 2, 0), (START + timedelta(minutes=1), 0, 3)]
    assert (found.held_undated, found.exact) == (1200, False)


def test_a_forecast_of_a_service_that_tells_nothing_of_holds_has_none() -> None:
    said = {
        "read_at": "2026-01-01T00:00:00.000Z",
        "by": "hour",
        "data": [{"at": "2026-01-01T00:00:00.000Z", "count": 2}],
    }
    found = received("forecast", said)
    assert (found.buckets[0].held, found.held_undated, found.exact) == (0, 0, True)


def test_failures_name_their_destination_and_hold_their_newest_timer() -> None:
    found = received("failures")
    assert (found.looked, found.more) == (2000, True)
    known, unreadable = found.groups
    assert (known.destination, known.reason, known.error, known.status_code, known.count) == (
        *("https:api.example.com:443", "attempts-exhausted", None, 503, 1999),
    )
    assert known.newest.url == "https://api.example.com/hook?key=s3cr3t"
    assert (len(known.ids), known.ids[0]) == (1999, known.newest.id)
    assert known.oldest_ended_at == START - timedelta(seconds=5)
    assert (unreadable.destination, unreadable.newest.unreadable) == (None, True)
    down, slow = found.failing
    assert (down.destination, down.failures, down.error, down.waiting) == ("http:[2001:db8::1]:80", 7, "timeout", 12)
    assert down.failing_since == START - timedelta(minutes=1)
    assert (slow.destination, slow.failing_since, slow.last_failed_at, slow.failures) == ("http:slow:81", None, None, 0)


def test_the_store_says_how_it_is() -> None:
    found = received("store")
    assert (found.server, found.write_ok, found.write_problem) == ("valkey 9.0", True, None)
    assert found.write_time == timedelta(milliseconds=0.4)
    assert (found.used_bytes, found.max_bytes, found.when_full) == (12_345_678, 100_000_000, "refuses")
    assert (found.append_only, found.append_fsync, found.append_ok) == (True, "everysec", True)
    assert found.warnings == ("webhooks are not signed",)
    down = replace(told.STORE, write_ms=None, write_problem="MISCONF", may_evict=True)
    found = received("store", as_sent(answers.StoreOut(), down))
    assert (found.write_ok, found.write_time, found.write_problem) == (False, None, "MISCONF")
    assert found.when_full == "evicts"


@pytest.mark.parametrize("name", ANSWERS)
def test_what_a_later_service_adds_is_kept_and_compares_as_nothing(name: str) -> None:
    said = ANSWERS[name][1]
    found = received(name, {**said, "of_tomorrow": 1})
    assert found.raw["of_tomorrow"] == 1
    assert found == received(name)


@pytest.mark.parametrize("wrong", [[], {}, 1.5, True, None, "x"], ids=repr)
@pytest.mark.parametrize("name", ANSWERS)
def test_a_member_of_another_type_is_an_error_of_the_tree_or_what_it_says(name: str, wrong: Any) -> None:
    call, usual = ANSWERS[name]
    spoilt = [it for path in places(usual) if "newest" not in path for it in spoil(usual, path, wrong)]
    with answering(*(answer(200, each) for each in spoilt)) as (client, _):
        for each in spoilt:
            try:
                found = call(client)
            except TimerServiceError as error:
                assert "\n" not in str(error)  # noqa: PT017
            else:
                assert found.raw == each


def places(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """Where each member of a JSON value stands, and each first item."""
    steps = value.items() if isinstance(value, dict) else list(enumerate(value))[:1] if isinstance(value, list) else ()
    for step, inner in steps:
        yield (*path, step)
        yield from places(inner, *path, step)


def spoil(value: Any, path: tuple[Any, ...], wrong: Any) -> Iterator[Any]:
    """The value with another in that place, and without it."""
    for is_there in (True, False):
        spoilt = at = copy.deepcopy(value)
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = wrong
        if not is_there:
            del at[path[-1]]
        yield spoilt


def test_what_is_asked_stands_in_the_query() -> None:
    usual = [answer(200, ANSWERS[name][1]) for name in ("forecast", "forecast", "minutes")]
    with answering(*usual) as (client, service):
        client.forecast()
        client.forecast(from_=START, to="2026-01-02T00:00:00Z", by="hour")
        client.minutes(5)
    asked = [request.split(b" ", 2)[1].decode() for request in service.requests]
    assert asked == [
        "/forecast?by=minute",
        "/forecast?from=2026-01-01T00%3A00%3A00Z&to=2026-01-02T00%3A00%3A00Z&by=hour",
        "/stats/minutes?minutes=5",
    ]
    with TimerClient() as client, pytest.raises(ValueError, match=r"from: .* has no time zone"):
        client.forecast(from_=datetime(2026, 1, 1))


# On a terminal.


def test_a_program_gets_the_answer_as_it_came_as_one_line() -> None:
    for name, (_, usual) in ANSWERS.items():
        said = {**usual, "of_tomorrow": "\x1b"}
        result = shown(name, "-o", "json", said=said)
        assert result.exit_code == 0, result.output
        (line,) = result.stdout.splitlines()
        assert json.loads(line) == said
        assert line.isprintable()


def test_ids_are_names_of_pollers_and_the_newest_timers_of_the_groups() -> None:
    assert shown("pollers", "-o", "id").stdout.split() == ["a", "b"]
    assert shown("failures", "-o", "id").stdout.split() == ["00BfxO8cgeyAn5BALQF0jZ"] * 2
    for name in ("store", "minutes", "forecast", "stats"):
        assert CliRunner().invoke(main, [name, "-o", "id"]).exit_code == 2


def test_tables_have_a_line_for_each_with_lengths_and_thousands() -> None:
    assert re.fullmatch(r"a +3 of 2,048 +1\.2s ago +2025-12-31 23:59:58 UTC", shown("pollers").stdout.splitlines()[1])
    busy = shown("minutes").stdout.splitlines()[1].split()[3:]
    assert busy == ["12,345", "6", "2", "4", "1", "3", "1ms", "20ms", "1.2s"]
    lines = shown("failures").stdout.splitlines()
    assert [lines[1].split()[0], lines[1].split()[-1]] == ["1,999", "https:api.example.com:443"]
    assert [lines[2].split()[0], lines[2].split()[-1]] == ["1", "-"]
    assert lines[5].split()[-1] == "http:[2001:db8::1]:80"
    assert "Of the newest 2,000 failed timers; there are older ones." in shown("failures").stderr


def test_the_longest_bar_is_that_of_the_most_timers_and_one_timer_has_some() -> None:
    counts = [0, 1, 5_000_000, 2_500_000]
    buckets = [{"at": "2026-01-01T00:00:00.000Z", "count": count} for count in counts]
    lines = shown("forecast", said={**ANSWERS["forecast"][1], "data": buckets}).stdout.splitlines()
    assert [line.count("#") for line in lines[1:]] == [0, 1, 40, 20]


def test_what_is_held_is_the_other_part_of_a_bar_and_what_no_bar_tells_is_said() -> None:
    buckets = [
        {"at": "2026-01-01T00:00:00.000Z", "count": due, "held": held} for due, held in ((30, 10), (0, 2), (4, 0))
    ]
    result = shown("forecast", said={**ANSWERS["forecast"][1], "data": buckets})
    bars = [line.split()[-1] for line in result.stdout.splitlines()[1:]]
    assert bars == ["#" * 30 + "=" * 10, "==", "####"]
    assert result.stderr.splitlines() == [
        "1,200 more are due and held, nobody knows until when.",
        "More destinations are held than were looked at, and so perhaps more timers.",
    ]
    assert shown("forecast", said={**ANSWERS["forecast"][1], "held_undated": 0, "exact": True}).stderr == ""


def test_the_state_of_the_store_is_told_in_words() -> None:
    text = shown("store").stdout
    assert "answered in 0ms" in text
    assert "12.3 MB of 100.0 MB" in text
    assert "kept, brought to the disk: everysec, the last write went well" in text
    assert text.splitlines()[-1].split(maxsplit=1) == ["warning", "webhooks are not signed"]
    told_nothing = {
        "server": "redis 7.0",
        "write": {"ok": False, "ms": None, "problem": "MISCONF: no disk"},
        "memory": {"used_bytes": None, "max_bytes": None, "when_full": None},
        "append_only": {"enabled": None, "fsync": None, "ok": None},
        "warnings": [],
    }
    result = shown("store", said=told_nothing)
    assert (shown("store").exit_code, result.exit_code) == (0, 5)
    lines = result.stdout.splitlines()
    assert [line.split(maxsplit=1)[1] for line in lines[1:3]] == ["refused: MISCONF: no disk", "not told"]
    told_nothing["append_only"] = {"enabled": False, "fsync": None, "ok": None}
    assert "none: a restart loses timers" in shown("store", said=told_nothing).stdout


def test_counts_have_thousands_and_say_what_is_late() -> None:
    names = ("scheduled", "overdue", "tried_before", "delivering", "delivered", "failed", "cancelled")
    lateness = {"oldest_overdue_ms": 38_000, "lateness_ms": {"p50": 1, "p99": 20}}
    said = {**{name: 1000 + at for at, name in enumerate(names)}, **lateness}
    assert [line.split(maxsplit=1)[1] for line in shown("stats", said=said).stdout.splitlines()] == [
        *("1,000", "the oldest 38.0s, of 1,001 that are due", "to be sent again  1,002"),
        *("1,003", "1,004", "1,005", "1,006"),
        *("half within 1ms, 99 % within 20ms", "not told"),
    ]
    assert "lateness" not in shown("stats", said={**said, "lateness_ms": {"p50": None, "p99": None}}).stdout


def test_what_is_due_within_the_last_second_is_not_late() -> None:
    counts = dict.fromkeys(("scheduled", "delivering", "delivered", "failed", "cancelled"), 7)
    for overdue, oldest, words in ((0, 0, "none"), (3, 1000, "none; 3 due within the last second")):
        said = {**counts, "overdue": overdue, "oldest_overdue_ms": oldest, "lateness_ms": {"p50": None, "p99": None}}
        assert shown("stats", said=said).stdout.splitlines()[1].split(maxsplit=1) == ["late", words]


def test_a_terminal_has_the_words_of_the_page() -> None:
    page = (Path(pages.__file__).parent / "templates" / "pages" / "now.html").read_text()
    for name, words in (
        ("minutes", ("Sent", "Half within", "99 % within", "Worst")),
        ("pollers", ("Name", "In flight", "Seen")),
        ("failures", ("Waiting", "Oldest")),
    ):
        for word in words:
            assert word in page
            assert word.upper() in shown(name).stdout, (name, word)


def test_nothing_to_tell_is_said() -> None:
    none = {"read_at": "2026-01-01T00:00:00.000Z", "data": [], "failing": [], "looked": 0, "more": False}
    assert "No poller was seen" in shown("pollers", said=none).stdout
    assert shown("failures", said=none).stdout == "No timer has failed, of those that are kept.\n"
    assert (shown("pollers", "-o", "id", said=none).stdout, shown("failures", "-o", "id", said=none).stdout) == ("", "")


HOSTILE = "\x1b[2J\r\n\u202e" + "x" * 100


def test_whatever_names_and_errors_hold_a_terminal_is_not_told_to_do_anything() -> None:
    for name, (_, usual) in ANSWERS.items():
        said = hostile(usual)
        for words in ([], ["-o", "json"]):
            result = shown(name, *words, said=said)
            assert result.exit_code == 0, result.output
            assert all(line.isprintable() for line in result.output.split("\n"))
            written_out = "\\x1b[2J" in result.output or "\\u001b[2J" in result.output
            assert written_out or name == "minutes" or (name == "forecast" and not words)  # they show no text
    names = shown("pollers", "-o", "id", said=hostile(ANSWERS["pollers"][1])).stdout.splitlines()
    assert len(names) == 2
    assert all(name.isprintable() for name in names)


def hostile(value: Any) -> Any:
    """With what is hostile behind every text that is no moment, and is not of the newest timer."""
    if isinstance(value, dict):
        return {name: inner if name == "newest" else hostile(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return list(map(hostile, value))
    return value + HOSTILE if isinstance(value, str) and not re.match(r"\d{4}-", value) else value


def test_the_last_moments_of_the_calendar_are_shown_in_any_zone() -> None:
    last = {"at": "9999-12-31T23:59:59.999Z", "count": 1}
    result = shown("forecast", said={**ANSWERS["forecast"][1], "data": [last]})
    assert (result.exit_code, "9999-12-31" in result.stdout or "10000" in result.stdout) == (0, True)


def test_a_store_that_is_away_is_one_line_and_its_exit_code() -> None:
    for name in (*ANSWERS, "stats"):
        with answering(problem(503, retry_after=60)) as (_, service):
            result = CliRunner().invoke(main, [name], env={"TIMER_URL": service.url})
        assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (5, "", 1)


@pytest.mark.parametrize(
    "words", ["minutes --minutes 0", "minutes --minutes x", "forecast --by week", "forecast --from nonsense"]
)
def test_wrong_usage_is_told_before_the_service_is_asked(words: str) -> None:
    result = CliRunner().invoke(main, words.split(), env={"TIMER_URL": "http://127.0.0.1:1"})
    assert (result.exit_code, result.stdout) == (2, "")
