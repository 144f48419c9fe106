"""Two pictures of `results.json`: how late webhooks arrive, and how fast a heap drains and at what cost.

python -m benchmarks.plots
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import matplotlib

from benchmarks import results

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # after the choice of a backend that needs no display

_OURS = "timer-service"
_COLOURS = ("#0b5fa5", "#d1495b", "#edae49", "#66a182", "#8d6a9f", "#7f7f7f", "#3a3a3a")
_INK = "#333333"


def draw(path: Path) -> list[Path]:
    """Next to the results, whichever pictures they are enough for."""
    whole = results.load(path)
    parts, made = whole.get("parts", {}), []
    note = _note(whole, [parts[name] for name in ("lateness", "against") if name in parts])
    if "lateness" in parts:
        made.append(_save(path.with_name("lateness.png"), _lateness(parts["lateness"], parts.get("against"), note)))
    if "against" in parts:
        made.append(_save(path.with_name("drain.png"), _drain(parts["against"]["rows"], note)))
    return made


def shares(histogram: Mapping[str, int]) -> tuple[list[float], list[float]]:
    """x and percent of what arrived within x ms. Lateness is rounded down: what is written as 0 arrived within 1."""
    total = sum(histogram.values())
    return [float(ms) + 1 for ms in histogram], [100 * count / total for count in accumulate(histogram.values())]


def _lateness(ours: Mapping[str, Any], against: Mapping[str, Any] | None, note: str) -> Any:
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True)
    for colour, (what, histogram) in zip(_COLOURS, ours["lateness_ms"].items(), strict=False):
        _steps(left, histogram, what, colour, start=0)
    left.set_xlim(0, 8)
    left.set_title("timer-service, by load", loc="left")
    left.set_ylabel("% of timers arrived within x ms of due_at")
    left.set_xlabel("ms (whole, rounded up)")
    left.legend(loc="lower right", frameon=False)
    for colour, (peer, histogram) in zip(_COLOURS, (against or {}).get("lateness_ms", {}).items(), strict=False):
        early = 100 * sum(count for ms, count in histogram.items() if float(ms) < 0) / sum(histogram.values())
        _steps(right, histogram, f"{peer} ({early:.0f} % early)" if early else peer, colour, start=0.8)
    right.set_xscale("log")
    right.set_xlim(0.8, 20_000)
    right.set_title("beside the peers: 50 a second for 10 s", loc="left")
    right.set_xlabel("ms (logarithmic)")
    right.legend(loc="lower right", frameon=False)
    figure.text(0.01, 0.01, note, fontsize=7, color="#777777")
    return figure


def _steps(axes: Any, histogram: Mapping[str, int], label: str, colour: str, start: float) -> None:
    x, percent = shares(histogram)
    axes.step([start, *x, 1e6], [0, *percent, 100], where="post", label=label, color=colour, linewidth=1.8)


def _drain(rows: Sequence[Mapping[str, Any]], note: str) -> Any:
    present = sorted((row for row in rows if "per_second" in row), key=lambda row: row["per_second"])
    names = [f"{row['peer']} {row['version']}" for row in present]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 0.9 + 0.55 * len(present)), sharey=True)
    colours = [_COLOURS[0] if row["peer"] == _OURS else "#9bb3c7" for row in present]
    bars = left.barh(names, [row["per_second"] for row in present], color=colours)
    left.bar_label(bars, [f"{row['per_second']:,.0f}" for row in present], padding=4, color=_INK)
    left.set_title("POSTs a second, all due at once, one worker", loc="left")
    worker = [row["worker_cpu_s_per_1000"] for row in present]
    store = [row["store_cpu_s_per_1000"] for row in present]
    right.barh(names, worker, color=colours, label="worker")
    bars = right.barh(names, store, left=worker, color="#d1495b", label="store")
    texts = [f"{one:.2f} + {other:.2f}" for one, other in zip(worker, store, strict=True)]
    right.bar_label(bars, texts, padding=4, color=_INK)
    # One that forks for every job would make all others invisible: its bar leaves the picture, its figure stays.
    usual = sorted(one + other for one, other in zip(worker, store, strict=True))
    limit = 1.35 * max(value for value in usual if value <= 10 * usual[len(usual) // 2])
    right.set_xlim(0, limit)
    for place, (one, other) in enumerate(zip(worker, store, strict=True)):
        if one + other > limit:
            right.text(0.98 * limit, place, f"{texts[place]} \u2192", ha="right", va="center", color="white")
    right.set_title("CPU seconds per 1,000: worker + store (red)", loc="left")
    left.margins(x=0.18)
    figure.text(0.01, 0.01, note, fontsize=7, color="#777777")
    return figure


def _note(whole: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> str:
    machine, versions = whole.get("machine", {}), whole.get("versions", {})
    quick = (
        "  QUICK RUN, one small round: shows that it works, not how fast." if any(it["quick"] for it in parts) else ""
    )
    busy = max((it.get("busy_before_percent", 0) for it in parts), default=0)
    quick += f"  {busy} % of the machine was in use by others." if busy > 5 else ""
    return (
        f"{machine.get('cpu')}, {machine.get('cores')} cores shared by worker, store, sink and client; Linux "
        f"{machine.get('kernel')}; Python {versions.get('python')}, Valkey {versions.get('valkey-server')}, "
        f"Redis {versions.get('redis-server') or '(absent: Valkey)'} for the peers.{quick}"
    )


def _save(path: Path, figure: Any) -> Path:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="x", color="#e5e5e5", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.title.set_fontsize(10)
    figure.tight_layout(rect=(0, 0.04, 1, 1))
    figure.savefig(path, dpi=130)
    plt.close(figure)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=results.PATH, help="read, and draw next to (%(default)s)")
    for picture in draw(parser.parse_args().results):
        print(picture)
