"""Which webhook-ids and scopes are taken, and what the error of a driver means."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from datetime import timedelta

import pymysql
import pytest
from psycopg import errors

from timer_service.once import KEEP
from timer_service.once.contention import is_contention
from timer_service.once.marks import checked, cutoff


@pytest.mark.parametrize(
    "webhook_id", ["0123456789abcdefghijAB", "0123456789abcdefghijAB-10000", "msg_2KW.x", "x" * 255]
)
def test_an_id_of_this_service_or_another_is_taken_as_it_is(webhook_id: str) -> None:
    assert checked(webhook_id, "default") == ("default", webhook_id)


@pytest.mark.parametrize("webhook_id", ["", " ", "a b", "a\n", "a\0", "ä", "é", "\ud800", "x" * 256, "x" * 10_000_000])
def test_an_id_that_a_database_may_cut_trim_or_read_as_another_is_refused_without_showing_it(webhook_id: str) -> None:
    with pytest.raises(ValueError, match=r"webhook_id: 1 to 255 visible ASCII") as refused:
        checked(webhook_id, "default")
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("webhook_id", [None, b"abc", 7, ["a"]])
def test_what_is_no_text_is_a_mistake_of_the_program(webhook_id: str) -> None:
    with pytest.raises(TypeError, match=r"webhook_id: text is needed, as verify\(\) returns it"):
        checked(webhook_id, "default")


@pytest.mark.parametrize("scope", ["", "a:b", "a b", "x" * 65, "ä"])
def test_a_scope_is_short_and_has_no_colon_so_that_no_two_scopes_and_ids_make_one_key(scope: str) -> None:
    with pytest.raises(ValueError, match="scope: 1 to 64"):
        checked("abc", scope)


def test_a_scope_that_is_no_text_is_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError, match="scope: text is needed"):
        checked("abc", None)  # type: ignore[arg-type]


def test_marks_outlast_the_time_in_which_a_failed_timer_can_be_replayed_with_its_id() -> None:
    assert timedelta(days=30) + timedelta(days=7) < KEEP


@pytest.mark.parametrize(("older_than", "limit"), [(timedelta(0), 1), (timedelta(days=-1), 1), (KEEP, 0)])
def test_nothing_is_forgotten_by_a_length_or_a_limit_that_means_nothing(older_than: timedelta, limit: int) -> None:
    with pytest.raises(ValueError, match=r"older_than: a positive|limit: at least 1"):
        cutoff(0, older_than, limit)


def _sqlite(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    "error",
    [
        errors.SerializationFailure(),
        errors.DeadlockDetected(),
        errors.LockNotAvailable(),
        errors.QueryCanceled(),
        _sqlite(sqlite3.SQLITE_BUSY),
        _sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT),
        _sqlite(sqlite3.SQLITE_LOCKED_SHAREDCACHE),
        pymysql.err.OperationalError(1205, "Lock wait timeout exceeded"),
        pymysql.err.OperationalError(1213, "Deadlock found"),
    ],
    ids=str,
)
def test_an_error_of_a_driver_that_says_that_others_were_in_the_way_is_known_as_such(error: Exception) -> None:
    assert is_contention(error)


@pytest.mark.parametrize(
    "error",
    [
        errors.UndefinedTable(),
        errors.UniqueViolation(),
        _sqlite(sqlite3.SQLITE_READONLY),
        sqlite3.OperationalError("no such table"),
        pymysql.err.ProgrammingError(1146, "Table doesn't exist"),
        Exception(),
        None,
    ],
    ids=str,
)
def test_another_is_not(error: Exception | None) -> None:
    assert not is_contention(error)


def test_the_package_loads_no_database_library_and_nothing_of_the_engine() -> None:
    code = """
import sys, timer_service.once
print(*{"redis", "sqlalchemy", "django", "scheduler", "requests"} & sys.modules.keys())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "\n"
