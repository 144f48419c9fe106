"""Which way the parts may know each other."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LUA = sorted((ROOT / "scheduler/store/lua").glob("*.lua"))


def test_the_engine_runs_without_flask() -> None:
    heavy = ("flask", "timer_service", "marshmallow")
    code = f"import sys, scheduler.public; sys.exit(any(name in sys.modules for name in {heavy}))"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_api_without_a_history_needs_no_sql() -> None:
    code = "import sys, timer_service.web.app; sys.exit('sqlalchemy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_face_knows_the_store_by_the_engines_public_names_only() -> None:
    texts = {path: path.read_text() for path in (ROOT / "timer_service").rglob("*.py")}
    assert [path for path, text in texts.items() if re.search(r"(from|import) scheduler\.", text)] == []
    with_redis = {path.name for path, text in texts.items() if re.search(r"(from|import) redis", text)}
    # The first must ask the server that it starts whether it answers; the second is for receivers, and their Redis.
    assert with_redis == {"embedded_store.py", "redis.py"}


@pytest.mark.parametrize("path", LUA, ids=lambda path: path.name)
def test_every_script_opens_with_its_contract(path: Path) -> None:
    text = path.read_text()
    head = text.split("\n\n")[0]
    assert head.startswith("#!lua")
    assert re.search(r"^-- KEYS\[1\] timers:(\{p\}:scheduled|destination:\{<tag>\}) ", head, re.MULTILINE)
    for word in ("-- Computes ", "-- ARGV ", "-- Returns "):
        assert word in head


_WALL_CLOCK = re.compile(
    r"\btime\.(time|time_ns|localtime|gmtime|clock_gettime)\b|\b(datetime|date)\.(now|today|utcnow)\b"
)


def test_the_engines_own_time_is_never_this_machines_wall_clock() -> None:
    """But the store's, by the one class that knows it: a virtual clock can stand behind that."""
    of_files = {ROOT / "scheduler/watched_file.py"}  # which compares it with when a file was written
    for path in {*(ROOT / "scheduler").rglob("*.py")} - of_files:
        assert not _WALL_CLOCK.search(path.read_text()), path


def test_scripts_ask_one_function_for_the_time() -> None:
    texts = [path.read_text() for path in (ROOT / "scheduler/store/lua").rglob("*.lua")]
    asked = [text for text in texts for _ in re.findall(r"call\(\s*['\"]TIME['\"]", text, re.IGNORECASE)]
    assert len(asked) == 2  # of a real clock, and of one that can be turned
    assert all("local function now_us()\n  local time = redis.call('TIME')\n" in text for text in asked)


def _private_of_the_standard_library(path: Path) -> Iterator[str]:
    """What a file takes from a module of the standard library under a name that begins with one underscore."""
    tree = ast.parse(path.read_text())
    imported: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {(it.asname or it.name).partition(".")[0]: it.name for it in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imported |= {it.asname or it.name: f"{node.module}.{it.name}" for it in node.names}
            yield from (f"{node.module}.{it.name}" for it in node.names if _is_private(node.module, it.name))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            origin = imported.get(node.value.id, "")
            if _is_private(origin, node.attr):
                yield f"{origin}.{node.attr}"


def _is_private(module: str, name: str) -> bool:
    return (
        module.partition(".")[0] in sys.stdlib_module_names
        and name.startswith("_")
        and not name.startswith("__")
        and name not in ("_fields", "_replace", "_asdict", "_make", "_exit")  # documented, underscore and all
    )


@pytest.mark.parametrize("package", ["scheduler", "timer_service", "tests", "benchmarks"])
def test_nothing_leans_on_what_another_python_may_have_changed(package: str) -> None:
    """What begins with an underscore is the standard library's own."""
    found = {
        str(path): names
        for path in (ROOT / package).rglob("*.py")
        if (names := [*_private_of_the_standard_library(path)])
    }
    assert found == {}
