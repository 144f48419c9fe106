from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bench.processes import Up


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def start(*words: str, **environ: str) -> Up:
        it = Up(tmp_path / "up", *words, **environ)
        started.append(it)
        return it

    yield start
    for it in started:
        if it.process.poll() is None:
            it.stop()
