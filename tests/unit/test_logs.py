"""What our processes say: JSON for machines, text for people, and one line for one record in both."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys

import pytest

from timer_service.logs import Json, Text, fields

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def record(message: str, error: Exception | None = None, **named: object) -> logging.LogRecord:
    failure = (type(error), error, None) if error else None
    it = logging.LogRecord("timer_service.x", logging.WARNING, "", 0, message, (), failure)
    it.__dict__.update(fields(**named))
    return it


def test_a_json_line_has_time_level_logger_message_and_its_fields() -> None:
    said = json.loads(Json().format(record("hello", status=200, path="/é")))
    assert MOMENT.fullmatch(said.pop("time"))
    expected = {"level": "warning", "logger": "timer_service.x", "message": "hello", "status": 200, "path": "/é"}
    assert said == expected


@pytest.mark.parametrize("text", ["a\nb", "a\u2028b", "a\x1b[31mb", 'a "b"', "\ud800"])
@pytest.mark.parametrize("form", [Json(), Text()], ids=["json", "text"])
def test_no_value_of_a_client_ends_a_line_or_moves_the_cursor(form: logging.Formatter, text: str) -> None:
    line = form.format(record("request", path=text))
    assert line.isascii()
    assert line.isprintable()


def test_a_failure_is_one_json_line_with_its_traceback() -> None:
    line = Json().format(record("it broke", ValueError("why")))
    assert "\n" not in line
    assert "ValueError: why" in json.loads(line)["exception"]


def test_text_reads_as_a_sentence_with_its_fields_behind() -> None:
    line = Text().format(record("request", status=200, path="/a b"))
    assert MOMENT.sub("T", line) == 'T WARNING timer_service.x: request status=200 path="/a b"'


def test_what_ends_a_process_unforeseen_is_a_line_too() -> None:
    code = "from timer_service import logs; logs.configure('info', 'auto'); 1 / 0"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "ZeroDivisionError" in json.loads(line)["exception"]
