"""Which files `apply` takes, and how it says what is wrong with others."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from timer_service.terminal.apply_file import FileError, place, read

HEAD = '[schedules.a]\ncron = "@daily"\n'
TIMER = '[schedules.a.timer]\nurl = "http://h/"\n'


def file(tmp_path: Path, text: str | bytes) -> str:
    path = tmp_path / "timers.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def test_a_file_gives_the_fields_of_each_schedule_and_says_whose_they_are(tmp_path: Path) -> None:
    text = (
        f'{HEAD}starts_at = 2027-01-01T09:00:00+01:00\n{TIMER}body = {{ a = [1.10, true] }}\nmetadata = {{ b = "c" }}'
    )
    found = read(file(tmp_path, text))
    assert found.name == "timers"
    assert found.schedules == {
        "a": {
            "cron": "@daily",
            "starts_at": "2027-01-01T09:00:00+01:00",
            "timer": {
                "url": "http://h/",
                "body": {"a": [Decimal("1.10"), True]},
                "metadata": {"b": "c", "applied_from": "timers"},
            },
        }
    }
    assert str(found.schedules["a"]["timer"]["body"]["a"][0]) == "1.10"


def test_a_file_may_have_a_name_of_its_own_and_no_schedule(tmp_path: Path) -> None:
    assert read(file(tmp_path, 'name = "shop"')).name == "shop"
    assert read(file(tmp_path, "")).schedules == {}


def test_a_file_may_begin_with_the_mark_that_windows_writes(tmp_path: Path) -> None:
    assert read(file(tmp_path, b"\xef\xbb\xbf" + b'name = "shop"')).name == "shop"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[schedules.a\n", "not TOML: .*line 1"),
        (b"\xff", "not UTF-8"),
        ("a = 2026-13-45", "not TOML"),
        (f"a = {'9' * 5000}", "not TOML"),
        (f"a = {'[' * 100_000}", "not TOML"),
        ("x = 1", "x: unknown; a file has name, schedules and destinations"),
        (f'{HEAD}name = "b"\n{TIMER}', r"\[schedules.a\] name: no schedule has this"),
        (f"{HEAD}only_new = true\n{TIMER}", r"\[schedules.a\] only_new: no schedule has this"),
        (f"{HEAD}{TIMER}body = {'[' * 120}{']' * 120}", r"\[schedules.a.timer\] body: nested deeper than 100 levels"),
        (f"{HEAD}{TIMER}[schedules.a.timer.body.{'.'.join('x' * 900)}]", r"\[schedules.a.timer\] body: nested deeper"),
        ("schedules = 1", r"schedules: must be tables"),
        ("destinations = 1", r"destinations: must be tables"),
        ('[destinations."https://h/x"]', r'\[destinations."https://h/x"\]: write it as https:h:443'),
        ('[destinations."HTTP:H"]', r'\[destinations."HTTP:H"\]: write it as http:h:80'),
        ('[destinations."h:80"]', r'\[destinations."h:80"\]: no destination, such as https:'),
        ('[destinations."http:[x"]', r'\[destinations."http:\[x"\]: no destination, such as https:'),
        ('destinations."http:h:80" = 1', r'\[destinations."http:h:80"\]: must be a table'),
        ('[destinations."http:h:80"]\nrates = 1', r'\[destinations."http:h:80"\] rates: no destination has this field'),
        ('[destinations."http:h:80"]\nconcurrency = nan', r'\[destinations."http:h:80"\] concurrency: JSON has no'),
        ('name = ""', "name: must be text"),
        ("name = 5", "name: must be text"),
        ('name = "a\\u0000"', "name: must be text"),
        ("schedules.a = 1", r"\[schedules.a\]: must be a table"),
        (HEAD.replace("a]", '"."]') + TIMER.replace(".a.", '.".".'), r'\[schedules."."\]: a name has'),
        (HEAD.replace("a]", '"é"]') + TIMER.replace(".a.", '."é".'), r'\[schedules."é"\]: a name has'),
        (HEAD.replace("a]", "preview]"), r"\[schedules.preview\]: a name has"),
        (HEAD, r"\[schedules.a\] timer: missing"),
        (f"{HEAD}timer = 1", r"\[schedules.a\] timer: missing, or no table"),
        (f"{HEAD}{TIMER}metadata = 1", r"\[schedules.a.timer\] metadata: must be a table"),
        (
            f'{HEAD}{TIMER}metadata = {{ applied_from = "x" }}',
            r"\[schedules.a.timer.metadata\] applied_from: is written",
        ),
        (f"{HEAD}starts_at = 2027-01-01\n{TIMER}", r"\[schedules.a\] starts_at: 2027-01-01 is no moment: .* offset"),
        (f"{HEAD}starts_at = 09:00:00\n{TIMER}", r"\[schedules.a\] starts_at: 09:00:00 is no moment"),
        (f"{HEAD}{TIMER}body = [1, {{ b = 2027-01-01T09:00:00 }}]", r"\[schedules.a.timer.body.1\] b: 2027-"),
        (f"{HEAD}{TIMER}body = [1, nan]", r"\[schedules.a.timer\] body\[1\]: JSON has no form for NaN"),
    ],
    ids=range(34),
)
def test_what_is_wrong_is_named_by_file_table_and_key(text: str | bytes, said: str, tmp_path: Path) -> None:
    path = file(tmp_path, text)
    with pytest.raises(FileError, match=f"^{path}: .*{said}") as caught:
        read(path)
    assert len(str(caught.value)) < 300


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(FileError, match=f"^{path}: "):
            read(str(path))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ((), "[schedules.a]"),
        (("cron",), "[schedules.a] cron"),
        (("timer", "url"), "[schedules.a.timer] url"),
        (("timer", "backoff", "0"), "[schedules.a.timer] backoff[0]"),
        (("timer", "headers", "X Y"), '[schedules.a.timer.headers] "X Y"'),
        (("timer", "body", "0", "1"), "[schedules.a.timer] body[0][1]"),
    ],
)
def test_a_place_reads_as_in_the_file(keys: tuple[str, ...], said: str) -> None:
    assert place("schedule", "a", *keys) == said
    assert place("schedule", "a.b").startswith('[schedules."a.b"')
