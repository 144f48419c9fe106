"""What setup.cfg declares, and what the code imports."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from configparser import ConfigParser
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
OURS = {"scheduler", "timer_service", "tests", "benchmarks", "examples"}
#: Of distributions that are not installed for the tests.
_ELSEWHERE = {
    **{name: name for name in ("apscheduler", "croniter", "cronsim", "matplotlib")},
    "django_tasks": "django-tasks",  # where Django has tasks of its own
}


@cache
def requirements() -> dict[str, dict[str, Requirement]]:
    """By extra, "" for the bare install: the name of each distribution, and what is said of it."""
    config = ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg")
    texts = {"": config["options"]["install_requires"], **config["options.extras_require"]}
    return {
        extra: {canonicalize_name(it.name): it for it in map(Requirement, filter(None, text.splitlines()))}
        for extra, text in texts.items()
    }


def names(*extras: str) -> set[str]:
    """The distributions that these extras bring, those that an extra of ours brings included."""
    found = set(requirements()[""])
    for extra in extras:
        for name, requirement in requirements()[extra].items():
            found |= names(*requirement.extras) if name == "timer-service" else {name}
    return found


def imported(paths: Iterable[Path]) -> dict[str, set[str]]:
    """The distributions whose modules these files import, and which files do."""
    found: dict[str, set[str]] = {}
    for path in paths:
        for module in set(_modules(path)) - OURS - sys.stdlib_module_names:
            found.setdefault(distribution(module) or f"? {module}", set()).add(str(path.relative_to(ROOT)))
    return found


def files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def _modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (it.name.partition(".")[0] for it in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


_installed = cache(packages_distributions)


def distribution(dotted: str) -> str | None:
    """Which distribution has a module of this name, or a name in one."""
    module = dotted.partition(".")[0]
    if module == "opentelemetry":  # a namespace of many distributions: the one that brings those that we use
        return "opentelemetry-exporter-otlp-proto-http"
    return canonicalize_name(_installed()[module][0]) if module in _installed() else _ELSEWHERE.get(module)
