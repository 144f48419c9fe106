"""What a task is called on the wire, where another process looks it up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from timer_service.tasks import NotConfigured, Tasks

_PROGRAM = """
from timer_service.tasks import Tasks
tasks = Tasks("http://127.0.0.1:9", "http://127.0.0.1:9/tasks", "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0")

@tasks.task
def invoice(): ...

print(invoice.name)
"""


def add(a: int, b: int) -> int:
    return a + b


class Shop:
    @staticmethod
    def invoice() -> None: ...


def test_a_task_is_called_as_its_module_and_function(tasks: Tasks) -> None:
    assert tasks.task(add).name == "tests.tasks.test_names.add"
    assert tasks.task(Shop.invoice).name == "tests.tasks.test_names.Shop.invoice"
    assert tasks.task(name="shop.add")(add).name == "shop.add"
    assert sorted(tasks.registry) == ["shop.add", "tests.tasks.test_names.Shop.invoice", "tests.tasks.test_names.add"]


def test_a_function_without_a_name_for_others_needs_one(tasks: Tasks) -> None:
    def inner() -> None: ...

    with pytest.raises(ValueError, match=r"made inside of another function.* say one, with name="):
        tasks.task(inner)
    with pytest.raises(ValueError, match="is a lambda"):
        tasks.task(lambda: 1)
    assert tasks.task(name="inner")(inner).name == "inner"


def test_a_name_is_given_once(tasks: Tasks) -> None:
    tasks.task(name="shop.add")(add)
    with pytest.raises(ValueError, match=r"^shop\.add: there is a task of this name already"):
        tasks.task(name="shop.add")(Shop.invoice)
    assert tasks.registry["shop.add"].function is add


@pytest.mark.parametrize("name", ["", " ", "a\nb", 17])
def test_a_name_is_text_that_can_be_read(tasks: Tasks, name: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="name: "):
        tasks.task(name=name)(add)


def test_a_module_that_is_loaded_once_more_brings_its_tasks_anew(tasks: Tasks, tmp_path: Path) -> None:
    for _ in range(2):
        spaces: dict[str, Any] = {"__name__": "shop"}
        exec(compile("def f(): ...", "shop.py", "exec"), spaces)
        tasks.task(spaces["f"])
    assert list(tasks.registry) == ["shop.f"]


@pytest.mark.parametrize(
    ("words", "name"), [(["shop.py"], "shop.invoice"), (["-m", "shop"], "shop.invoice"), (["-m", "a.b"], "a.b.invoice")]
)
def test_a_program_names_its_tasks_as_whoever_imports_it(tmp_path: Path, words: list[str], name: str) -> None:
    (tmp_path / "a").mkdir()
    for place in (tmp_path / "shop.py", tmp_path / "a" / "b.py"):
        place.write_text(_PROGRAM)
    done = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"{name}\n"


def test_a_program_that_has_no_such_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(_PROGRAM)
    (tmp_path / "__init__.py").write_text("")
    for words, text, why in (
        (["shop.py"], None, "run it by python -m, or say a name"),
        (["-"], _PROGRAM, "a task of an interactive session has no name for other processes"),
        (["-c", _PROGRAM], None, "a task of an interactive session has no name for other processes"),
    ):
        done = subprocess.run(
            [sys.executable, *words], cwd=tmp_path, input=text, capture_output=True, text=True, check=False
        )
        assert why in done.stderr


@pytest.mark.parametrize("missing", ["TIMER_URL", "TIMER_TASKS_URL", "TIMER_SIGNING_SECRETS"])
def test_what_the_environment_lacks_is_named(missing: str) -> None:
    environ = {
        "TIMER_URL": "http://127.0.0.1:8000",
        "TIMER_TASKS_URL": "http://127.0.0.1:9/tasks",
        "TIMER_SIGNING_SECRETS": "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0",
    }
    assert Tasks.from_env(environ).tasks_url == "http://127.0.0.1:9/tasks"
    for value in ({}, {missing: ""}):
        with pytest.raises(NotConfigured, match=f"^{missing}: not set in the environment$"):
            Tasks.from_env({name: it for name, it in environ.items() if name != missing} | value)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (("127.0.0.1", "http://a/tasks", "whsec_c2VjcmV0"), "url: '127.0.0.1' is no http"),
        (("http://a", "/tasks", "whsec_c2VjcmV0"), "tasks_url: '/tasks' is no http"),
        (("http://a", "http://a/tasks", "hunter2"), "signing secrets: whsec_ and base64"),
        (("http://a", "http://a/tasks", ""), "signing secrets: there is none"),
        (("http://a", "http://a/tasks", []), "signing secrets: there is none"),
    ],
)
def test_settings_that_cannot_be_are_refused_and_no_secret_is_told(given: Any, why: str) -> None:
    with pytest.raises(NotConfigured, match=f"^{why}") as raised:
        Tasks(*given)
    assert "hunter2" not in str(raised.value)
