"""Where a new version of a library breaks what we override or take from inside it, the row that broke is named."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

import scheduler
import timer_service
from tests.packaging.declared import distribution, files, requirements
from tests.packaging.overrides import CALLED, OVERRIDDEN, READ

_OURS = ("scheduler", "timer_service")
#: Put into each class by a metaclass, not by us.
_MADE = {"_abc_impl", "_declared_fields", "_hooks", "_is_protocol", "Meta", "opts"}
#: Documented, underscore and all.
_DOCUMENTED = {"_asdict", "_exit", "_field_defaults", "_fields", "_get_current_object", "_make", "_replace"}


def found(dotted: str) -> Any:
    """What has this name; as it stands in its class, and not as an instance sees it."""
    module, rest = dotted, ""
    while True:
        try:
            it: Any = importlib.import_module(module)
            break
        except ModuleNotFoundError:
            module, _, name = module.rpartition(".")
            rest = f"{name}.{rest}" if rest else name
    for name in filter(None, rest.split(".")):
        it = inspect.getattr_static(it, name)
    return it


def source(it: Any) -> str:
    """Without its first line, which has its own name."""
    return repr(it) if isinstance(it, dict) else inspect.getsource(it).split("\n", 1)[1]


@cache
def overriding() -> dict[str, list[type]]:
    """What our classes override of libraries' classes, by the library's name of it, and the classes."""
    rows: dict[str, list[type]] = {}
    for kind in set(_our_classes()):
        libraries = [base for base in kind.__mro__ if not _is_ours(base) and _is_watched(base)]
        for name in vars(kind).keys() - _MADE:
            base = next((base for base in libraries if name in vars(base)), None)
            if base and not name.startswith("__"):
                rows.setdefault(f"{base.__module__}.{base.__qualname__}.{name}", []).append(kind)
    return rows


def _our_classes() -> Iterator[type]:
    for package in (scheduler, timer_service):
        for it in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not it.name.endswith("__main__"):
                module = importlib.import_module(it.name)
                yield from (kind for kind in vars(module).values() if inspect.isclass(kind) and _is_ours(kind))


def _is_ours(kind: type) -> bool:
    return kind.__module__.partition(".")[0] in _OURS


def _is_watched(kind: type) -> bool:
    return distribution(kind.__module__) is not None


def test_the_table_names_all_that_we_override() -> None:
    assert overriding().keys() == OVERRIDDEN.keys()


@pytest.mark.parametrize("row", OVERRIDDEN)
def test_what_we_override_is_there_and_the_library_reads_it(row: str) -> None:
    found(row)
    name, reader = row.rpartition(".")[2], OVERRIDDEN[row]
    assert not reader or re.search(rf"\b{name}\b", source(found(reader))), f"{reader} has no {name}"


@pytest.mark.parametrize("row", OVERRIDDEN)
def test_what_we_override_takes_what_the_library_gives_it(row: str) -> None:
    theirs = found(row)
    if not inspect.isfunction(theirs):
        return
    given = [
        it for it in inspect.signature(theirs).parameters.values() if it.kind not in (it.VAR_POSITIONAL, it.VAR_KEYWORD)
    ]
    for kind in overriding()[row]:
        ours = inspect.signature(inspect.getattr_static(kind, theirs.__name__))
        by_place = [it.name for it in given if it.kind is not it.KEYWORD_ONLY]
        ours.bind(*by_place, **{it.name: it for it in given if it.kind is it.KEYWORD_ONLY})


@pytest.mark.parametrize(("row", "names"), READ.items(), ids=READ)
def test_what_we_read_inside_of_libraries_is_there(row: str, names: str) -> None:
    text = source(found(row))
    assert [name for name in names.split() if not re.search(rf"\b{name}\b", text)] == []


@pytest.mark.parametrize(("row", "names"), CALLED.items(), ids=CALLED)
def test_what_we_call_inside_of_libraries_takes_what_it_gets(row: str, names: str) -> None:
    parameters = list(inspect.signature(found(row)).parameters.values())
    given = names.split()
    assert [it.name for it in parameters[: len(given)]] == given
    assert [it.name for it in parameters[len(given) :] if it.default is it.empty and "VAR" not in it.kind.name] == []


def test_no_private_name_is_used_that_is_not_in_the_table() -> None:
    ours: set[str] = set()
    used: set[str] = set()
    modules: set[str] = set()
    for path in files(*_OURS):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    ours.add(name)
                case ast.Attribute(attr=name, ctx=ast.Store()) | ast.Name(id=name, ctx=ast.Store()):
                    ours.add(name)
                case ast.Attribute(attr=name):
                    used.add(name)
                case ast.ImportFrom(module=str(module), names=names, level=0) if not module.startswith(_OURS):
                    modules |= {f"{module}.{it.name}" for it in names if _is_private(f"{module}.{it.name}")}
    rows = {*CALLED, *OVERRIDDEN, *(name for names in READ.values() for name in names.split())}
    assert {name for name in used - ours if _is_private(name)} - _DOCUMENTED <= rows
    assert modules <= rows


def _is_private(dotted: str) -> bool:
    return any(it.startswith("_") and not it.startswith("__") for it in dotted.split("."))


def test_every_library_of_the_table_has_an_upper_bound() -> None:
    declared = {name: it for extra in requirements().values() for name, it in extra.items()}
    for library in {distribution(row) for row in (*OVERRIDDEN, *READ, *CALLED)}:
        assert library in declared
        assert any(it.operator == "<" for it in declared[library].specifier), library


def test_redis_says_in_the_words_that_we_look_for_that_it_never_connected() -> None:
    with (
        redis.Redis(port=1, retry=Retry(NoBackoff(), 0)) as nobody,
        pytest.raises(redis.ConnectionError, match="connecting to"),
    ):
        nobody.ping()
