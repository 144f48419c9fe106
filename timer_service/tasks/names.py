"""What a task is called on the wire: the module and the name of its function. Pure but for a look at `__main__`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_LONGEST = 250


def name_of(function: Callable[..., Any]) -> str:
    """Raises ValueError for a function that another process would not find under a name."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if not module or not name:
        raise ValueError(f"{function!r} has no name of its own: say one, @tasks.task(name=...)")
    if "<" in name:
        kind = "a lambda" if name.endswith("<lambda>") else "made inside of another function"
        raise ValueError(f"{module}.{name} is {kind}, and so has no name for other processes: say one, with name=")
    return f"{_main() if module == '__main__' else module}.{name}"


def checked_name(name: object) -> str:
    """Raises TypeError or ValueError for what is no name."""
    if not isinstance(name, str):
        raise TypeError(f"name: {name!r} is no text; use @tasks.task without parentheses, or name=")
    if not name.isprintable() or not name.strip() or len(name) > _LONGEST:
        raise ValueError(f"name: {name[:_LONGEST]!r} is not 1 to {_LONGEST} printable characters")
    return name


def same_source(one: Any, other: Any) -> bool:
    """Whether two functions are one, of a module that is loaded once more, or runs as a program and is imported too."""
    codes = [getattr(it, "__code__", None) for it in (one, other)]
    return None not in codes and len({(code.co_filename, code.co_firstlineno) for code in codes if code}) == 1


def _main() -> str:
    """What the program that runs is called when it is imported, as the web application does."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:  # python -m shop.tasks
        return str(spec.name)
    path = Path(getattr(main, "__file__", None) or "")
    if path.suffix != ".py":
        raise ValueError("a task of an interactive session has no name for other processes: say one, with name=")
    if (path.parent / "__init__.py").exists():
        raise ValueError(
            f"{path.name} is part of a package but runs as a program, so that its tasks would have other names than "
            f"where it is imported: run it by python -m, or say a name, with name="
        )
    return path.stem
