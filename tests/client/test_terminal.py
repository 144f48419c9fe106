"""`timer-service timer ...` against a real API: what people read, what scripts get."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import requests
from click.testing import CliRunner, Result

from tests.bench.processes import Service, free_port
from tests.bench.receiver import Receiver
from tests.client.test_retries import answering, problem
from timer_service.cli import main
from timer_service.client import TimerClient

HOOK = "http://127.0.0.1:2/hook"

Run = Callable[..., Result]


@pytest.fixture
def run(service: Service, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command in this process; a test of the command line itself starts a process."""
    monkeypatch.delenv("TIMER_API_KEY", raising=False)

    def call(*words: str, url: str = service.url, stdin: bytes | None = None) -> Result:
        result = CliRunner().invoke(main, ["timer", *words], env={"TIMER_URL": url}, input=stdin)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


def only(result: Result) -> Any:
    """The one JSON line of a success."""
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    return json.loads(line)


@pytest.fixture
def name() -> str:
    return uuid4().hex


def test_set_takes_everything_that_a_timer_can_have(run: Run, name: str) -> None:
    # fmt: off
    timer = only(run(
        "set", "10m", HOOK, "--json", '{"a": [1, null]}', "-X", "PUT", "-H", "X-Mine: 1", "--header", "X-Empty:",
        "--key", name, "--tag", "a", "--tag", "b", "--timeout", "500ms", "--max-attempts", "3", "--backoff", "5,30,2m",
        "--delivery", "at_most_once", "--metadata", "who=me", "--metadata", "why=a=b", "--idempotency-key", name,
        "--priority", "30", "--output", "json",
    ))
    # fmt: on
    assert 590 <= timer["time_left"] <= 600
    assert (timer["url"], timer["method"], timer["body"]) == (HOOK, "PUT", {"a": [1, None]})
    assert timer["headers"] == {"X-Mine": "1", "X-Empty": ""}
    assert (timer["key"], timer["tags"], timer["timeout"], timer["max_attempts"]) == (name, ["a", "b"], 0.5, 3)
    assert (timer["backoff"], timer["delivery"]) == ([5, 30, 120], "at_most_once")
    assert (timer["metadata"], timer["priority"]) == ({"who": "me", "why": "a=b"}, 30)


def test_set_says_for_people_when_it_will_be(run: Run) -> None:
    result = run("set", "10m", HOOK)
    said = r"set \w{22}, due \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+, in (10m00s|9m5\ds)\n"
    assert re.fullmatch(said, result.stdout), result.output


def test_set_gives_a_script_the_id_alone(run: Run, client: TimerClient) -> None:
    result = run("set", "1h", HOOK, "-o", "id")
    assert client.get(result.stdout.strip()).url == HOOK


def test_set_takes_when_it_is_too_late_as_a_moment_or_a_length(run: Run, client: TimerClient) -> None:
    said = only(run("set", "1h", HOOK, "--expires-at", "2999-03-01T09:00:00+01:00", "-o", "json"))
    assert client.get(said["id"]).expires_at == datetime(2999, 3, 1, 8, tzinfo=UTC)
    assert "not later than  2999-03-01" in run("show", said["id"]).stdout
    said = only(run("set", "1h", HOOK, "--max-lateness", "1m30s", "-o", "json"))
    assert client.get(said["id"]).max_lateness == timedelta(seconds=90)
    assert "at most 1m30s, else it is not sent" in run("show", said["id"]).stdout
    assert client.update(said["id"], max_lateness=None).max_lateness is None
    refused = run("set", "1h", HOOK, "--expires-at", "30m")
    assert (refused.exit_code, "expires_at" in refused.output) == (2, True)


def test_set_takes_a_moment_too(run: Run) -> None:
    timer = only(run("set", "2999-03-01T09:00:00+01:00", HOOK, "-o", "json"))
    assert timer["due_at"] == "2999-03-01T08:00:00.000Z"


def test_a_script_gets_numbers_in_the_digits_in_which_the_service_has_them(run: Run) -> None:
    body = '{"a":1.10,"b":1E+2,"c":12345678901234567890.5,"d":-0,"e":100}'
    assert f'"body":{body},' in run("set", "1h", HOOK, "--json", body, "-o", "json").stdout


def test_a_body_may_be_null_or_text_or_a_file_or_what_comes_in(run: Run, tmp_path: Any) -> None:
    file = tmp_path / "body"
    file.write_bytes(b"\xff")
    assert only(run("set", "1h", HOOK, "--json", "null", "-o", "json"))["body"] is None
    assert only(run("set", "1h", HOOK, "--data", "hé", "-o", "json"))["body_base64"] == "aMOp"
    assert only(run("set", "1h", HOOK, "--data-file", str(file), "-o", "json"))["body_base64"] == "/w=="
    assert only(run("set", "1h", HOOK, "--data-file", "-", "-o", "json", stdin=b"ab"))["body_base64"] == "YWI="


def test_json_may_come_from_a_file_or_from_stdin_and_keeps_its_digits(
    run: Run, service: Service, tmp_path: Any
) -> None:
    """Also tried: no such file, a folder, bytes that are no text, what is no JSON, a file name that is none."""
    text = '{"a":[0.1000000000000000000055,1.50,-0,1e2,12345678901234567890123]}'
    file = tmp_path / "body.json"
    file.write_text(text)
    for word, stdin in ((f"@{file}", None), ("@-", text.encode()), (text, None)):
        timer = only(run("set", "1h", HOOK, "--json", word, "-o", "json", stdin=stdin))
        raw = requests.get(f"{service.url}/timers/{timer['id']}", timeout=5).text
        assert f'"body":{text.replace("1e2", "1E+2")}' in raw
    file.write_bytes(b'"\xff"')
    for word in ("@/nowhere", f"@{tmp_path}", f"@{file}", "@", "{", "1e99999999999999999999", "[" * 100_000):
        result = run("set", "1h", HOOK, "--json", word)
        assert (result.exit_code, "Traceback" in result.output) == (2, False)


def test_a_moment_is_taken_as_it_was_printed_or_in_local_time_and_that_is_said(run: Run) -> None:
    timer = only(run("set", "10m", HOOK, "-o", "json"))
    shown = run("show", timer["id"]).stdout
    (printed,) = re.findall(r"^due +(\S+ \S+ \S+)", shown, re.MULTILINE)
    again = run("set", printed, HOOK, "-o", "json")
    assert json.loads(again.stdout)["due_at"][:19] == timer["due_at"][:19]
    assert "local time" in again.stderr
    tomorrow = datetime.now().date() + timedelta(days=1)
    nine = datetime(tomorrow.year, tomorrow.month, tomorrow.day, 9).astimezone(UTC)
    for word in ("tomorrow 9:00", f"{tomorrow}T09:00", f"{tomorrow} 9:00:00"):
        result = run("set", word, HOOK, "-o", "json")
        assert json.loads(result.stdout)["due_at"] == f"{nine:%Y-%m-%dT%H:%M:%S.000Z}"
        assert "local time" in result.stderr
        moved = run("reschedule", timer["id"], word, "-o", "json")
        assert json.loads(moved.stdout)["due_at"] == f"{nine:%Y-%m-%dT%H:%M:%S.000Z}"
    assert run("list", "--due-after", "tomorrow 9:00", "--due-before", f"{tomorrow} 9:01").exit_code == 0
    assert "local" not in run("set", "2999-03-01T09:00:00+01:00", HOOK).stderr
    for word in (
        "2026-13-01T09:00",
        "2026-02-30 09:00",
        "tomorrow 25:00",
        "2026-12-01 09:00:00 XYZ",
        "9999-12-31 23:59 XYZ",
    ):
        assert run("set", word, HOOK).exit_code == 2


def test_backoff_may_be_three_numbers_by_name(run: Run) -> None:
    timer = only(run("set", "1h", HOOK, "--backoff", "initial=500ms,factor=2,max=1m", "-o", "json"))
    assert timer["backoff"] == {"initial": 0.5, "factor": 2, "max": 60}


def test_a_key_that_is_taken_is_a_conflict_unless_it_is_to_be_replaced(run: Run, name: str) -> None:
    first = only(run("set", "1h", HOOK, "--key", name, "-o", "json"))
    taken = run("set", "1h", HOOK, "--key", name)
    assert taken.exit_code == 4
    assert first["id"] in taken.stderr
    again = only(run("set", "2h", HOOK, "--key", name, "--replace", "-o", "json"))
    assert (again["id"], again["due_at"] > first["due_at"]) == (first["id"], True)


def test_show_tells_everything_about_one_timer(run: Run, name: str) -> None:
    timer = only(
        run("set", "1h", HOOK, "--json", '{"a":1}', "--key", name, "--tag", "t", "--metadata", "w=m", "-o", "json")
    )
    for result in (run("show", timer["id"]), run("show", "--key", name)):
        rows = dict(re.split(r" {2,}", line, maxsplit=1) for line in result.stdout.splitlines())
        assert result.exit_code == 0
        assert (rows["id"], rows["status"], rows["request"]) == (timer["id"], "scheduled", f"POST {HOOK}")
        assert (rows["body"], rows["key"], rows["tags"], rows["metadata"]) == ('{"a": 1}', name, "t", '{"w": "m"}')
        assert timer["due_at"] in rows["due"]
    assert only(run("show", timer["id"], "-o", "json"))["id"] == timer["id"]


def test_show_has_a_line_for_each_attempt(run: Run, receiver: Receiver) -> None:
    timer_id = run("set", "0s", f"{receiver.url}/status/410", "-o", "id").stdout.strip()
    assert run("watch", timer_id).exit_code == 10
    lines = run("show", timer_id).stdout.splitlines()
    assert re.fullmatch(r"1 +\S+ \S+ \S+ +\S+ +\S+ +permanent +410 +final", lines[-1]), lines


def test_list_is_a_table_soonest_first(run: Run, name: str) -> None:
    late, soon = (run("set", when, HOOK, "--tag", name, "-o", "id").stdout.strip() for when in ("2h", "1h"))
    head, *rows = run("list", "--tag", name).stdout.splitlines()
    assert head.split() == ["ID", "STATUS", "DUE", "LEFT", "ATTEMPTS", "KEY", "TAGS", "REQUEST"]
    assert [row.split()[0] for row in rows] == [soon, late]
    assert rows[0].index("POST") == head.index("REQUEST")
    assert [line.split()[0] for line in run("list", "--tag", name, "--order", "desc", "-o", "id").stdout.split()] == [
        late,
        soon,
    ]
    assert [json.loads(line)["id"] for line in run("list", "--tag", name, "-o", "json").stdout.splitlines()] == [
        soon,
        late,
    ]


def test_list_says_that_there_are_more(run: Run, name: str) -> None:
    for _ in range(3):
        run("set", "1h", HOOK, "--tag", name)
    assert "there are more" in run("list", "--tag", name, "--limit", "2").stderr
    for enough in (["--limit", "3"], ["--all"]):
        result = run("list", "--tag", name, *enough)
        assert (len(result.stdout.splitlines()), result.stderr) == (4, "")
    assert run("list", "--tag", f"{name}-none", "-o", "json").stdout == ""


def test_bounds_of_a_list_may_be_lengths_from_now(run: Run, name: str) -> None:
    soon = run("set", "1h", HOOK, "--tag", name, "-o", "id").stdout
    late = run("set", "3h", HOOK, "--tag", name, "-o", "id").stdout
    assert run("list", "--tag", name, "--due-before", "2h", "-o", "id").stdout == soon
    assert run("list", "--tag", name, "--due-after", "2h", "-o", "id").stdout == late
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert run("list", "--tag", name, "--due-before", tomorrow, "-o", "id").stdout == soon + late


def test_count_says_how_many(run: Run, name: str) -> None:
    for _ in range(2):
        run("set", "1h", HOOK, "--tag", name)
    assert run("count", "--tag", name).stdout == "2\n"
    assert only(run("count", "--tag", name, "--status", "any", "--output", "json")) == {"count": 2, "exact": True}
    assert run("count", "--tag", name, "--status", "failed").stdout == "0\n"


def test_cancel_goes_on_after_one_that_fails_and_exits_as_it_did(run: Run, client: TimerClient) -> None:
    ids = [client.create(HOOK, delay=3600).id for _ in range(2)]
    result = run("cancel", ids[0], "nonsense", ids[1])
    assert result.exit_code == 3
    assert result.stdout == f"cancelled {ids[0]}\ncancelled {ids[1]}\n"
    assert result.stderr.startswith("Error: nonsense: ")
    assert {client.get(timer_id).status for timer_id in ids} == {"cancelled"}


def test_cancel_by_key_disarms(run: Run, client: TimerClient, name: str) -> None:
    client.put(name, HOOK, delay=3600)
    assert run("cancel", "--key", name).stdout == f"cancelled {name}\n"
    assert run("cancel", "--key", name).exit_code == 3


def test_cancel_by_filters_says_how_many(run: Run, client: TimerClient, name: str) -> None:
    client.create_many([{"url": HOOK, "delay": 3600, "tags": [name]} for _ in range(3)])
    assert run("cancel", "--tag", name, "--yes").stdout == "matched 3, cancelled 3, skipped 0\n"
    one = client.create(HOOK, delay=3600, tags=[f"{name}-2"])
    assert only(run("cancel", "--tag", f"{name}-2", "-o", "json", "-y")) == {"matched": 1, "cancelled": 1, "skipped": 0}
    assert client.get(one.id).status == "cancelled"


@pytest.mark.parametrize("action", ["cancel", "replay"])
@pytest.mark.parametrize("filters", [["--status", "scheduled"], ["--destination", HOOK], ["--due-after", "0s"]])
def test_where_nobody_can_be_asked_nothing_is_done_without_a_yes(
    run: Run, client: TimerClient, name: str, action: str, filters: list[str]
) -> None:
    """Tried: cancel and replay, each kind of filter, empty and closed input, output of each kind."""
    timer = client.create(HOOK, delay=3600, tags=[name])
    for words in ([*filters], [*filters, "-o", "json"], ["--tag", name]):
        result = run(action, *words, stdin=b"")
        assert (result.exit_code, result.stdout) == (2, "")
        (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        assert "--yes" in line
    assert client.get(timer.id).status == "scheduled"


def test_a_dry_run_says_how_many_and_which_and_changes_nothing(run: Run, client: TimerClient, name: str) -> None:
    ids = [client.create(HOOK, delay=3600 + n, tags=[name]).id for n in range(7)]
    client.cancel(ids[6])  # no longer to be cancelled
    first = ids[:5]
    said = run("cancel", "--tag", name, "--dry-run").stdout
    assert said == f"6 timers would be cancelled, first {', '.join(first)}\n"
    told = only(run("cancel", "--tag", name, "--dry-run", "--yes", "-o", "json"))
    assert told == {"dry_run": True, "count": 6, "exact": True, "first": first}
    assert run("cancel", "--tag", name, "--dry-run", "-o", "id").stdout.split() == first
    assert run("replay", "--tag", name, "--dry-run").stdout == "0 timers would be replayed\n"
    assert run("cancel", ids[0], "--dry-run").exit_code == 2
    assert {client.get(timer_id).status for timer_id in ids[:6]} == {"scheduled"}


def test_a_time_zone_makes_when_what_a_clock_shows_there(run: Run) -> None:
    timer = only(run("set", "2097-10-27T02:30", HOOK, "--time-zone", "Europe/Berlin", "-o", "json"))
    assert timer["due_at"] == "2097-10-27T00:30:00.000Z"
    last = ("--time-zone", "Europe/Berlin", "--fold", "last")
    moved = only(run("reschedule", timer["id"], "2097-10-27T02:30", *last, "-o", "json"))
    assert moved["due_at"] == "2097-10-27T01:30:00.000Z"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["10m", HOOK, "--time-zone", "UTC"], "local_due_at: Must be a date and a time of day"),
        (["2097-03-28T02:30", HOOK, "--time-zone", "europe/berlin"], "did you mean Europe/Berlin?"),
        (["2097-03-28T02:30", HOOK, "--fold", "last"], "--fold needs --time-zone"),
        (["soon", HOOK], "Invalid value for 'WHEN': 'soon' is neither a length"),
    ],
)
def test_a_when_that_makes_no_sense_is_refused_with_what_would(run: Run, words: list[str], said: str) -> None:
    result = run("set", *words)
    assert result.exit_code == 2
    assert said in re.sub(r"\s+", " ", result.output)


def test_reschedule_and_fire_move_it_and_watch_sees_it_arrive(run: Run, receiver: Receiver, name: str) -> None:
    timer = only(run("set", "1h", f"{receiver.url}/hook", "--key", name, "-o", "json"))
    moved = run("reschedule", name, "2h", "--key")
    assert re.fullmatch(rf"{timer['id']} is now due .*, in (2h00m|1h59m)\n", moved.stdout)
    assert run("fire", timer["id"]).stdout == f"{timer['id']} is due now\n"
    assert run("watch", timer["id"]).exit_code == 0
    assert run("fire", timer["id"]).exit_code == 4
    assert run("replay", timer["id"]).stdout == f"replayed {timer['id']}\n"
    receiver.wait_for(2, 20)


def test_replay_by_filters(run: Run, receiver: Receiver, name: str) -> None:
    timer_id = run("set", "0s", f"{receiver.url}/status/410", "--tag", name, "-o", "id").stdout.strip()
    assert run("watch", timer_id).exit_code == 10
    assert run("replay", "--tag", name, "--yes").stdout == "matched 1, replayed 1, skipped 0\n"


def test_watch_prints_plain_lines_where_nobody_looks(run: Run, receiver: Receiver) -> None:
    timer_id = run("set", "200ms", f"{receiver.url}/status/503", "--backoff", "0.2", "--max-attempts", "2", "-o", "id")
    result = run("watch", timer_id.stdout.strip())
    assert result.exit_code == 10
    assert "\x1b" not in result.stdout
    *attempts, last = [line for line in result.stdout.splitlines() if not re.search("delivering|scheduled", line)]
    when = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+"
    assert len(attempts) == 2
    assert re.fullmatch(rf"attempt 1  {when}  retryable  503  \S+ late, took \S+  next {when}", attempts[0])
    assert re.fullmatch(rf"attempt 2  {when}  retryable  503  \S+ late, took \S+  \(retry\)  final", attempts[1])
    assert last == f"{timer_id.stdout.strip()}  failed (attempts-exhausted), attempts: 2"


def test_watch_gives_programs_a_json_object_a_line(run: Run, receiver: Receiver) -> None:
    timer_id = run("set", "0s", f"{receiver.url}/hook", "-o", "id").stdout.strip()
    lines = [json.loads(line) for line in run("watch", timer_id, "-o", "json").stdout.splitlines()]
    assert {tuple(line) for line in lines} == {("timer",), ("attempt",)}
    assert lines[-1]["timer"]["status"] == "delivered"
    assert [line["attempt"]["status_code"] for line in lines if "attempt" in line] == [204]


def test_watch_tells_a_cancelled_timer_by_its_exit_code(run: Run) -> None:
    timer_id = run("set", "1h", HOOK, "-o", "id").stdout.strip()
    run("cancel", timer_id)
    assert run("watch", timer_id).exit_code == 11


USAGE = [
    (["set", "5", HOOK], "'WHEN': '5' is neither a length such as 90s"),
    (["set", "tomorrow", HOOK], "'WHEN': 'tomorrow' is neither"),
    (["set", "2026-03-01T09:00:00 XYZ", HOOK], "'WHEN': '2026-03-01T09:00:00 XYZ' is neither"),
    (["set", "1h", HOOK, "--json", "{a}"], "'--json': this is not JSON"),
    (["set", "1h", HOOK, "--json", "NaN"], "Out of range float values are not JSON"),
    (["set", "1h", HOOK, "--json", "1", "--data", "1"], "give one of --json, --data and --data-file"),
    (["set", "1h", HOOK, "--data-file", "/nowhere"], "'--data-file': /nowhere: No such file"),
    (["set", "1h", HOOK, "-H", "nothing"], "'nothing' is not NAME:VALUE"),
    (["set", "1h", HOOK, "-H", "a:1", "-H", "a:2"], "the same name is given twice"),
    (["set", "1h", HOOK, "--timeout", "soon"], "'--timeout': 'soon' is no time such as 10"),
    (["set", "1h", HOOK, "--backoff", "1,soon"], "'--backoff': 'soon' is no time"),
    (["set", "1h", HOOK, "--replace"], "--replace needs --key"),
    (["set", "1h", "nonsense"], "Error: /url: "),
    (["set", "1h", HOOK, "--tag", "a b"], "Error: /tags/0: "),
    (["list", "--due-before", "soon"], "'--due-before': 'soon' is neither"),
    (["cancel"], "say which timers are to be cancelled"),
    (["cancel", "a", "--tag", "t"], "say which timers are to be cancelled"),
    (["show", ""], "'' is no id or key"),
    (["list", "--url", "localhost:8000"], "--url: 'localhost:8000' is no http"),
]


@pytest.mark.parametrize(("words", "said"), USAGE, ids=[" ".join(words[2:] or words) for words, _ in USAGE])
def test_a_mistake_is_one_line_that_names_what_is_wrong_and_exits_2(run: Run, words: list[str], said: str) -> None:
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert said in line


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (problem(400), 2),
        (problem(401), 6),
        (problem(403), 6),
        (problem(404), 3),
        (problem(409), 4),
        (problem(413), 2),
        (problem(422), 2),
        (problem(429, retry_after=60), 7),
        (problem(500), 1),
        (problem(503, retry_after=60), 5),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 1),
    ],
)
def test_each_kind_of_failure_has_an_exit_code(run: Run, answer: bytes, code: int) -> None:
    with answering(answer) as (_, service):
        result = run("show", "00abc", url=service.url)
    assert (result.exit_code, result.stdout) == (code, "")
    assert re.fullmatch("Error: .*\n", result.stderr)


@pytest.mark.parametrize(
    ("key", "said"), [("", "it is not set"), ("tk_other", "the key in it is not one of the service's")]
)
def test_without_a_right_key_it_is_said_where_the_key_is_taken_from(
    run: Run, monkeypatch: pytest.MonkeyPatch, key: str, said: str
) -> None:
    monkeypatch.setenv("TIMER_API_KEY", key)
    with answering(problem(401)) as (_, service):
        result = run("show", "00abc", url=service.url)
    assert result.stderr.endswith(f" It is taken from TIMER_API_KEY: {said}.\n")


def test_every_exit_code_is_in_the_help(run: Run) -> None:
    listed = re.findall(r"^ +(\d+)  ", run("--help").stdout, re.MULTILINE)
    assert listed == ["0", "1", "2", "3", "4", "5", "6", "7", "10", "11", "130"]


def test_a_service_that_is_not_there_exits_5(run: Run) -> None:
    result = run("list", url=f"http://127.0.0.1:{free_port()}")
    assert result.exit_code == 5
    assert re.fullmatch(r"Error: no answer from http://127.0.0.1:\d+: Connection refused\n", result.stderr)


def test_the_key_comes_from_the_environment(keys: dict[str, str], run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("list", url=keys["url"]).exit_code == 6
    monkeypatch.setenv("TIMER_API_KEY", keys["read"])
    assert run("list", url=keys["url"]).exit_code == 0
    assert run("set", "1h", HOOK, url=keys["url"]).exit_code == 6
    monkeypatch.setenv("TIMER_API_KEY", f"{keys['read']}\n")
    result = run("list", url=keys["url"])
    assert (result.exit_code, "TIMER_API_KEY: " in result.stderr, keys["read"] in result.stderr) == (2, True, False)


def test_what_comes_from_elsewhere_does_not_move_the_cursor(run: Run, name: str) -> None:
    timer = only(run("set", "1h", HOOK, "--json", '"\\u001b[2J\\u202e"', "--key", name, "-o", "json"))
    shown = run("show", timer["id"]).stdout
    assert "\x1b" not in shown
    assert "\\u001b[2J\\u202e" in shown
    assert "\u202e" not in shown
    evil = problem(404, detail="\x1b[2Jgone")
    with answering(evil) as (_, service):
        assert "\x1b" not in run("show", "00abc", url=service.url).stderr
