"""ROWS.md has a test, or a reason, for each failure; each test that it names exists."""

from __future__ import annotations

import re
from pathlib import Path

TEXT = (Path(__file__).parent / "ROWS.md").read_text()
ROOT = Path(__file__).parents[2]


def test_every_row_is_shown_or_says_why_not() -> None:
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|")) for line in TEXT.splitlines() if line[:2] == "| "
    ]
    shown = {int(row): what for row, _, what in rows if row.isdigit()}
    assert shown.keys() == {*range(1, 51), 61, *range(71, 77)}
    assert all("::" in what or re.fullmatch(r"none: .{20,}", what) for what in shown.values())


def test_every_test_that_is_named_exists() -> None:
    named = set(re.findall(r"(tests/\S+\.py)::(test_\w+)", TEXT))
    assert len(named) > 40
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text(), f"{path}::{name}"
