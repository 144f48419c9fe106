"""The arithmetic of the benchmarks. Pure."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

#: One line of a part's table: words and numbers under the same names in every round.
Figure = str | float | None
Row = Mapping[str, Figure]


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Nearest rank, of what is sorted already: a value that was measured, never one between two."""
    if not ordered:
        raise ValueError("nothing was measured")
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def per_thousand(seconds: float, count: int) -> float:
    """CPU seconds per 1,000."""
    return seconds / count * 1000


def late(ms: Sequence[float]) -> dict[str, float]:
    """The figures of a distribution of lateness."""
    ordered = sorted(ms)
    return {
        "p50_ms": percentile(ordered, 50),
        "p99_ms": percentile(ordered, 99),
        "max_ms": ordered[-1],
    }


def histogram(ms: Iterable[float]) -> dict[str, int]:
    """How often each whole ms was seen: all that a plot needs, in a file that can be read."""
    return {f"{value:g}": count for value, count in sorted(Counter(ms).items())}


def median(rounds: Sequence[Row]) -> dict[str, Figure]:
    """The median of each column of numbers, and the words of the first; None where a round has none."""
    found: dict[str, Figure] = {}
    for name, first in rounds[0].items():
        column = [row[name] for row in rounds]
        numbers = [value for value in column if isinstance(value, int | float)]
        if len(numbers) == len(rounds):
            found[name] = rounded(statistics.median(numbers))
        else:
            found[name] = None if numbers else first
    return found


def ratios(rounds: Sequence[Row], others: Sequence[Row]) -> dict[str, Figure]:
    """Of each column of numbers that both have, the median of the rounds' ratios; None where one is 0."""
    found: dict[str, Figure] = {}
    for name in (it for it in rounds[0] if it in others[0]):
        pairs = [(row[name], other[name]) for row, other in zip(rounds, others, strict=True)]
        numbers = [(a, b) for a, b in pairs if isinstance(a, int | float) and isinstance(b, int | float)]
        if len(numbers) == len(pairs):
            found[name] = rounded(statistics.median(a / b for a, b in numbers)) if all(b for _, b in numbers) else None
    return found


def spread(rounds: Sequence[Row], column: str) -> list[float]:
    """Smallest and largest of a column: what a median hides."""
    numbers = [value for row in rounds if isinstance(value := row[column], int | float)]
    return [rounded(min(numbers)), rounded(max(numbers))]


def rounded(value: float) -> float:
    """Four digits: more would be noise."""
    return float(f"{value:.4g}") if abs(value) < 1000 else round(value)


def table(rows: Sequence[Row]) -> str:
    """Rows as aligned text, a column for every name that any has."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names, *([_cell(row.get(name)) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in cells)


def _cell(value: Figure) -> str:
    if value is None:
        return "-"
    return f"{value:,g}" if isinstance(value, int | float) and abs(value) < 1000 else _large(value)


def _large(value: Figure) -> str:
    return f"{value:,.0f}" if isinstance(value, int | float) else str(value)
