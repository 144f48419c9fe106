"""docs/scaling.md, *Planning*: its figures are those that were measured, and its rows what its formulas give."""

from __future__ import annotations

import json
from math import ceil
from typing import Any

import pytest

from tests.bench.pages import ROOT, page, table

PAGE = page("scaling.md")
FIGURES = {row[0].strip("`"): float(row[1].replace(",", "")) for row in table(PAGE, "letter", "figure")}
PARTS: dict[str, Any] = json.loads((ROOT / "benchmarks/results.json").read_text())["parts"]
#: us of a webhook over TLS beside that of a plain one: on a connection that is kept, and on a new one each.
KEPT, NEW = 40, 590
#: Seconds of a poller or an API in a second.
BUSY = 0.6


def measured(part: str, **said: object) -> dict[str, Any]:
    found: dict[str, Any] = next(
        row for row in PARTS[part]["rows"] if all(row.get(name) == value for name, value in said.items())
    )
    return found


def number(text: str) -> float:
    return float(text.split()[0].replace(",", ""))


def share(partitions: int, masters: int) -> float:
    return ceil(partitions / masters) / partitions


def cores(us: float, rate: float, least: int = 2) -> int:
    return max(least, ceil(us * rate / 1e6 / BUSY))


def test_the_figures_are_those_of_the_benchmarks() -> None:
    full = {"server": "valkey", "each with": "neither", "pending": 1_000_000.0}
    memory, scale = measured("memory", **full), measured("scale", pending=10_000_000.0)
    assert FIGURES["b"] == round(memory["used_bytes"])
    assert FIGURES["r"] == round(memory["resident_bytes"] / memory["used_bytes"], 2)
    assert FIGURES["s"] == round(sum(scale[f"{it}_store_us"] for it in ("schedule", "claim", "settle")), 1)
    intake = measured("intake", what="POST /timers, 16 connections", workers=1.0)
    assert FIGURES["a"] == round(1000 * intake["api_cpu_s_per_1000"])
    drain = measured("drain", pollers=1, timers=50_000)
    assert FIGURES["p"] == round(1000 * drain["poller_cpu_s_per_1000"], 1)


@pytest.mark.parametrize("row", table(PAGE, "pending", "memory, all masters"), ids=lambda row: row[0])
def test_memory_is_what_the_formula_gives(row: tuple[str, ...]) -> None:
    pending, memory, way, each = row
    gigabytes = FIGURES["h"] * FIGURES["r"] * FIGURES["b"] * number(pending) / 1e9
    assert number(memory) == pytest.approx(gigabytes, rel=0.01)
    masters = 1 if way.startswith("one") else int(way.split()[0])
    partitions = 64 if "=64" in way else 16 if masters > 1 else 1
    of_each = gigabytes * share(partitions, masters)
    assert number(each) == pytest.approx(of_each, rel=0.02)
    assert of_each <= number(way.partition(" of ")[2])


@pytest.mark.parametrize("row", table(PAGE, "timers a second", "cores of the store"), ids=lambda row: row[0])
def test_cores_are_what_the_formulas_give(row: tuple[str, ...]) -> None:
    rate, store, masters, pollers, apis, written = row
    of_store = FIGURES["s"] * number(rate) / 1e6
    assert number(store) == pytest.approx(of_store, rel=0.02)
    least = int(masters.partition(",")[0])
    assert of_store * (share(16, least) if least > 1 else 1) <= 0.5
    assert least == 1 or of_store * share(16, least - 1) > 0.5
    plain = FIGURES["p"]
    assert [int(it) for it in pollers.split(",")] == [
        cores(us, number(rate)) for us in (plain, plain + KEPT, plain + NEW)
    ]
    batches = (
        1000 * measured("intake", what="POST /timers/batch, 500 each, 4 connections", workers=1.0)["api_cpu_s_per_1000"]
    )
    assert [int(it) for it in apis.split(",")] == [cores(us, number(rate)) for us in (FIGURES["a"], batches)]
    assert number(written) == pytest.approx(FIGURES["w"] * number(rate) / 1e6, rel=0.02)
