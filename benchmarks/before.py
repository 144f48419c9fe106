"""What this tree costs beside an earlier commit, by turns: a drain, and timers taken in one by one and in batches.

    python -m benchmarks.before --quick
    COMMIT=v0.2.0 python -m benchmarks.before

The earlier one is the parent commit, or HEAD where something is not committed. Both run on the same interpreter, each
as processes of its own; what sets the timers, the load and the receiver are of this tree. Timers one by one are also
beside a bare Flask application under the API's own worker. A ratio is the median of those of the rounds, of which there
are five at least: a machine changes its speed, and both of a pair with it.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import part
from benchmarks.drain import drain
from benchmarks.figures import Row, median, ratios
from benchmarks.intake import BATCHES, SINGLE, WAYS, served
from benchmarks.part import Options, Part, say, turns
from benchmarks.sink import sink

BEFORE, NOW, BARE = "before", "now", "bare Flask"
_ROOT = Path(__file__).parent.parent
_LEAST_ROUNDS = 5
#: What `make bench` itself writes.
_WRITTEN = (":!benchmarks/results.json", ":!benchmarks/*.png")
#: What starts the application that is bare, in place of the API's command.
_BARE_COMMAND = (sys.executable, "-m", "benchmarks.bare_flask")


def measure(options: Options) -> tuple[list[Row], dict[str, Any]]:
    rounds = options.size(max(_LEAST_ROUNDS, options.rounds), options.rounds)
    count, bare_count = options.size(50_000, 500), options.size(20_000, 1000)
    seconds = options.size(3000, 300) / 1000
    rows: list[Row] = []
    with _checked_out(_earlier()) as (commit, tree), sink() as there:
        trees = {BEFORE: {"PYTHONPATH": str(tree)}, NOW: {"PYTHONPATH": str(_ROOT)}}

        def beside(what: str, one: Callable[..., Row], more: Mapping[str, Callable[[], Row]]) -> None:
            ways = {name: partial(one, **environ) for name, environ in trees.items()}
            rows.extend({"what": what, **row} for row in _compared(turns({**ways, **more}, rounds)))

        beside(f"{count:,} due at once, one poller", partial(drain, there, 1, count, bare_count), {})
        one_by_one, batches = (partial(served, 1, WAYS[it], seconds) for it in (SINGLE, BATCHES))
        beside(SINGLE, one_by_one, {BARE: partial(one_by_one, command=_BARE_COMMAND)})
        beside(BATCHES, batches, {})
    return rows, {"commit": commit, "rounds": rounds}


def _compared(found: Mapping[str, Sequence[Row]]) -> Iterator[Row]:
    """The medians of each way, and what now costs of each other."""
    for name, rows in found.items():
        yield {"way": name, **median(rows)}
    for name in (it for it in found if it != NOW):
        yield {"way": f"{NOW} / {name}", **ratios(found[NOW], found[name])}


def _earlier() -> str:
    """What the parts before this one have measured and drawn is no change."""
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", *_WRITTEN).decode().strip()
    return os.environ.get("COMMIT") or ("HEAD" if changed else "HEAD~1")


@contextmanager
def _checked_out(commit: str) -> Iterator[tuple[str, Path]]:
    """Its short name, and a folder with its files in which this interpreter finds them first."""
    name = _git("rev-parse", "--short", commit).decode().strip()
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(_git("archive", commit))) as files:
            files.extractall(folder, filter="data")
        code = "import scheduler; print(scheduler.__file__)"
        asked = [sys.executable, "-P", "-c", code]
        used = subprocess.run(asked, env={**os.environ, "PYTHONPATH": folder}, capture_output=True, check=True).stdout
        assert used.decode().startswith(folder), f"{name} is not what runs: {used.decode()}"
        say(f"  before: {name}")
        yield name, Path(folder)


def _git(*words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=_ROOT, capture_output=True, check=True).stdout


PART = Part("before", __doc__, measure)

if __name__ == "__main__":
    part.main(PART)
