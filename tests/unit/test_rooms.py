"""Which room may know which: an arrow that is not in the table is red."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: Where a module lives, by the longest beginning of its path.
ROOMS: Mapping[str, str] = {
    "scheduler/": "data",
    "scheduler/settings.py": "settings",
    "scheduler/public.py": "engine",
    "scheduler/__init__.py": "engine",
    "scheduler/store/": "store",
    "scheduler/store/store.py": "whole store",
    "scheduler/store/open_link.py": "whole store",
    "scheduler/store/moving/": "moving",
    "scheduler/delivery/": "delivery",
    "scheduler/delivery/open_transport.py": "choice of transport",
    "scheduler/delivery/sockets/": "sockets",
    "scheduler/poller/": "poller",
    "timer_service/": "words",
    "timer_service/__init__.py": "start",
    "timer_service/__main__.py": "start",
    "timer_service/start.py": "start",
    "timer_service/cli.py": "start",
    "timer_service/move_command.py": "start",
    "timer_service/secret_commands.py": "start",
    "timer_service/process/": "process",
    "timer_service/web/": "answers",
    "timer_service/web/app.py": "application",
    "timer_service/web/problems.py": "problems",
    "timer_service/web/json_text.py": "problems",
    "timer_service/web/present.py": "problems",
    "timer_service/web/access/": "access",
    "timer_service/web/input/": "input",
    "timer_service/web/resources/": "resources",
    "timer_service/web/pages/": "pages",
    "timer_service/web/pages/words/": "page's words",
    "timer_service/web/pages/frame/": "page's frame",
    "timer_service/web/pages/sign_in/": "view sign-in",
    "timer_service/web/pages/figures/": "page's figures",
    "timer_service/web/pages/now/": "view Now",
    "timer_service/web/pages/timer/": "view Timer",
    "timer_service/web/pages/timers/": "view Timers",
    "timer_service/web/pages/failed/": "view Failed",
    "timer_service/web/pages/destinations/": "view Destinations",
    "timer_service/web/pages/schedules/": "view Schedules",
    "timer_service/web/pages/try_it/": "view Try it",
    "timer_service/web/pages/history/": "view History",
    "timer_service/client/": "client",
    "timer_service/terminal/": "terminal",
    "timer_service/testing/": "testing",
    "timer_service/testing/received.py": "words",
    "timer_service/testing/memory_store.py": "memory",
    "timer_service/testing/memory_service.py": "memory",
    "scheduler/one_by_one.py": "one by one",
    "timer_service/tasks/": "tasks",
    "timer_service/tasks/django/": "tasks in Django",
    "timer_service/tasks/celery/": "tasks by Celery's names",
    "timer_service/once/": "once",
    "timer_service/history/": "history",
    "timer_service/tracing/": "tracing",
}
_DATA = {"data", "words"}
_ENGINE = {
    "settings",
    "store",
    "whole store",
    "moving",
    "delivery",
    "sockets",
    "choice of transport",
    "poller",
}
_WEB = {"problems", "input", "access", "answers", "resources"}
_BEHIND_PAGES = {*_DATA, "engine", "history", "problems", "input", "access", "answers"}
_VIEWS = {
    *("view sign-in", "view Now", "view Timer", "view Timers", "view Failed"),
    *("view Destinations", "view Schedules", "view Try it", "view History"),
}
_BEHIND_VIEWS = {*_BEHIND_PAGES, "page's words", "page's frame", "page's figures"}
#: Room -> the rooms that it may know. `engine`: the public names of scheduler.
MAY_KNOW: Mapping[str, set[str]] = {
    "data": set(),
    "settings": {"data"},
    "store": {"data"},
    "whole store": {"data", "settings", "store"},
    "moving": {"data", "settings", "store", "whole store"},
    "delivery": {"data"},
    "sockets": {"data", "delivery"},
    "choice of transport": {"data", "settings", "delivery", "sockets"},
    "poller": {"data", "store", "delivery"},
    "one by one": {"data", "store", "whole store", "delivery", "poller"},
    "engine": {"data", "one by one", *_ENGINE},
    "words": {"data"},
    "problems": {*_DATA, "engine", "history"},
    "input": {*_DATA, "engine", "history", "problems"},
    "access": {*_DATA, "engine", "problems", "input"},
    "answers": {*_DATA, "engine", "history", "problems", "input", "access"},
    "resources": {*_DATA, "engine", "history", *_WEB},
    "page's words": {*_DATA, "engine", "problems", "input"},
    "page's frame": {*_BEHIND_PAGES, "page's words"},
    "page's figures": {*_DATA, "engine", "page's frame"},
    "view sign-in": {*_BEHIND_PAGES, "page's frame"},
    "view Now": _BEHIND_VIEWS,
    "view Timer": _BEHIND_VIEWS,
    "view Timers": {*_BEHIND_VIEWS, "view Timer"},
    "view Failed": {*_BEHIND_VIEWS, "view Timers"},
    "view Destinations": {*_BEHIND_VIEWS, "view Timer"},
    "view Schedules": {*_BEHIND_VIEWS, "view Timer"},
    "view Try it": _BEHIND_VIEWS,
    "view History": {*_BEHIND_VIEWS, "view Timers"},
    "pages": {*_BEHIND_VIEWS, *_VIEWS},
    "application": {*_DATA, "engine", "history", "tracing", *_WEB, "page's frame", "pages"},
    "history": {*_DATA, "engine"},
    "tracing": {*_DATA, "engine"},
    "process": {*_DATA, "engine", *_WEB, "application", "client", "history", "tracing"},
    "client": {*_DATA},
    "terminal": {*_DATA, "client"},
    "tasks": {*_DATA, "client"},
    "memory": {*_DATA, "engine", "application"},
    "testing": {*_DATA, "client", "tasks", "memory"},
    "tasks in Django": {*_DATA, "client", "tasks"},
    "tasks by Celery's names": {*_DATA, "client", "tasks"},
    "once": set(),
    "start": {*_DATA, "engine", "access", "application", "process", "terminal"},
}


def test_no_room_knows_another_than_the_table_allows() -> None:
    found = {
        (path, known) for path, known in arrows() if room_of(known) not in {room_of(path), *MAY_KNOW[room_of(path)]}
    }
    told = [f"{path} ({room_of(path)}) knows {known} ({room_of(known)})" for path, known in sorted(found)]
    assert told == []


def test_no_two_rooms_may_know_each_other_not_even_by_way_of_others() -> None:
    left = {room: known - {room} for room, known in MAY_KNOW.items()}
    while free := {room for room, known in left.items() if not known & left.keys()}:
        left = {room: known for room, known in left.items() if room not in free}
    assert left == {}


def arrows() -> Iterator[tuple[str, str]]:
    """A file, and another of ours that it imports, also in a function or for types alone."""
    for package in ("scheduler", "timer_service"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for module in _imported(path):
                yield str(path.relative_to(ROOT)), _file_of(module)


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (it.name for it in node.names if _is_ours(it.name))
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} has a relative import"
            if node.module and _is_ours(node.module):
                for it in node.names:
                    below = f"{node.module}.{it.name}"
                    yield below if _path_of(below) else node.module


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in ("scheduler", "timer_service")


def _path_of(module: str) -> Path | None:
    path = ROOT / module.replace(".", "/")
    return next((it for it in (path.with_suffix(".py"), path / "__init__.py") if it.exists()), None)


def _file_of(module: str) -> str:
    path = _path_of(module)
    assert path is not None, module
    return str(path.relative_to(ROOT))


def room_of(path: str) -> str:
    return ROOMS[max((it for it in ROOMS if path.startswith(it)), key=len)]
