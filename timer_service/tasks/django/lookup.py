"""From the path in a webhook or in a stored timer to the task.

Whoever may set timers writes these paths, so a path alone never makes this process import anything: a module counts
that is loaded already, is the `tasks` of an installed app (or is below it), or is named in OPTIONS["modules"].
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from importlib import import_module
from types import ModuleType

from django.apps import apps

from timer_service.tasks.django.framework import Task


class NoSuchTask(LookupError):
    """This project has no task of that path, or none where it is looked for."""


def find(path: str, modules: Collection[str]) -> Task:
    """`shop.tasks.invoice` -> the task. Raises NoSuchTask, or what the import of an allowed module raises."""
    module_name, _, name = path.rpartition(".")
    module = sys.modules.get(module_name)
    if module is None and _may_be_imported(module_name, modules):
        module = _imported(module_name)
    # Not by getattr: a module's __getattr__ may import, too.
    found = None if module is None else vars(module).get(name)
    if not isinstance(found, Task) or found.module_path != path:
        raise NoSuchTask(
            f"{path[:200]!r} is no task here: its module must be loaded, be the `tasks` of an installed app, or be "
            f"named in OPTIONS['modules']"
        )
    return found


def _may_be_imported(module: str, modules: Collection[str]) -> bool:
    if module in modules:
        return True
    return any(f"{module}.".startswith(f"{app.name}.tasks.") for app in apps.get_app_configs())


def _imported(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):  # it, or a package that it would be in
            return None
        raise
