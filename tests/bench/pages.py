"""The pages that people read, as the tests see them: their text, their examples, their tables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
#: Those that somebody reads who uses, runs or changes the service.
PAGES = tuple(sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md")]))
README = ROOT / "README.md"


class Example(NamedTuple):
    """One fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str
    #: What the comment above it gives as the reason not to run it; empty if it is to be run.
    not_run: str


def page(name: str) -> Path:
    return ROOT / "docs" / name


def examples(of: Path) -> list[Example]:
    text = of.read_text()
    found = re.finditer(r"(?:^<!-- not run: ([^\n]+) -->\n)?^```(\S*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [Example(of, text.count("\n", 0, it.start()) + 1, it[2], it[3], (it[1] or "").strip()) for it in found]


def prose(of: Path) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", of.read_text(), flags=re.DOTALL | re.MULTILINE)


def table(of: Path, *heading: str) -> list[list[str]]:
    """The rows of all tables whose first line starts with these cells."""
    rows: list[list[str]] = []
    inside = False
    for line in of.read_text().splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if cells[: len(heading)] == list(heading):
            inside = True
        elif inside and not set(line) <= set("|- "):
            rows.append(cells)
    assert rows, f"{of.name} has no table {heading}"
    return rows


def quoted(text: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", text)


def anchors(of: Path) -> set[str]:
    """As GitHub makes them of headings: lower case, spaces to dashes, other marks away."""
    headings = re.findall(r"^#{1,6} (.+)$", prose(of), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
