"""A path that somebody has written into a timer imports nothing but modules that this project has for tasks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.django import project
from tests.django.shop.tasks import add
from timer_service.tasks.django import lookup

assert project.application


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that can be imported, and notes that it was."""
    (tmp_path / "imported_by_a_path.py").write_text(
        f"from {project.TASKS} import task\n@task\ndef there():\n    return 1\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "imported_by_a_path", raising=False)
    return "imported_by_a_path"


def test_a_task_is_found_by_its_path() -> None:
    assert lookup.find("tests.django.shop.tasks.add", ()) is add


def test_no_module_is_imported_because_a_path_names_it(elsewhere: str) -> None:
    """Red with import_string(), which imports whatever it is told."""
    for path in (f"{elsewhere}.there", "antigravity.fly", "this.s", f"{elsewhere}.tasks.there"):
        with pytest.raises(lookup.NoSuchTask):
            lookup.find(path, ())
    assert not {elsewhere, "antigravity", "this"} & sys.modules.keys()


def test_a_module_that_the_options_name_is_imported(elsewhere: str) -> None:
    assert lookup.find(f"{elsewhere}.there", [elsewhere]).func() == 1


def test_the_tasks_of_an_installed_app_are_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tests.django.shop.tasks")
    assert lookup.find("tests.django.shop.tasks.add", ()).func(2, 3) == 5


@pytest.mark.parametrize(
    "path",
    [
        "tests.django.shop.models.add",
        "tests.django.shop.tasksandmore.add",
        "tests.django.shop.tasks.more.add",
        "tasks.add",
    ],
)
def test_nothing_else_of_an_app_is_imported(path: str) -> None:
    with pytest.raises(lookup.NoSuchTask):
        lookup.find(path, ())


def test_an_import_that_fails_for_another_reason_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lacks_a_module.py").write_text("import no_such_module\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        lookup.find("lacks_a_module.there", ["lacks_a_module"])


@pytest.mark.parametrize(
    "path",
    [
        *("", ".", "..", "add", "os.system", "builtins.eval", "sys.exit", "a" * 100_000, "tests.django.shop.tasks."),
        *("tests.django.shop.tasks.not_a_task", "tests.django.shop.tasks.alias", "tests.django.shop.tasks.add.func"),
        *("tests.django.shop.tasks.seen.append", "tests\0.django", "tests.django.shop.tasks.é"),
    ],
)
def test_what_is_no_task_by_its_own_name_is_none(path: str) -> None:
    with pytest.raises(lookup.NoSuchTask):
        lookup.find(path, ())
