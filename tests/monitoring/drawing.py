"""Panels of lines as one page of HTML with SVG in it, laid out as a dashboard of Grafana's is. Pure."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

#: px of a panel; three stand side by side.
WIDTH, HEIGHT = 430, 210
#: px of the lines' field: left, top, right, bottom.
_FIELD = (52, 34, WIDTH - 14, HEIGHT - 46)
_COLOURS = (
    "#3a7d44",
    "#c98a00",
    "#2f6fb3",
    "#c2402f",
    "#7b4fa3",
    "#1c8c8c",
    "#8a6d3b",
    "#c4509a",
    "#5b6573",
    "#99a51d",
)
_SHOWN = len(_COLOURS)
_STYLE = f"""
body {{ margin: 0; padding: 12px; background: #f4f5f5; font: 10.5px Inter, sans-serif; width: {3 * (WIDTH + 10)}px; }}
main {{ display: grid; grid-template-columns: repeat(3, {WIDTH}px); gap: 10px; }}
svg {{ background: #fff; border: 1px solid #dcdfe3; display: block; }}
"""


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    #: Unix seconds, and the value then.
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    #: As Grafana names it: s, ops, bytes, short.
    unit: str
    lines: Sequence[Line]


def page(panels: Sequence[Panel], start: float, end: float) -> str:
    """All panels, over the same time."""
    drawn = "".join(_panel(it, start, end) for it in panels)
    return f"<!doctype html><meta charset=utf-8><style>{_STYLE}</style><main>{drawn}</main>"


def _panel(panel: Panel, start: float, end: float) -> str:
    left, top, right, bottom = _FIELD
    lines = sorted(panel.lines, key=_peak, reverse=True)[:_SHOWN]
    most = _round_up(max(map(_peak, lines), default=0.0))
    parts = [f'<text x="12" y="20" font-weight="600" font-size="13">{html.escape(panel.title)}</text>']
    for part in range(5):
        y = bottom - (bottom - top) * part / 4
        parts.append(f'<path d="M{left} {y:.0f}H{right}" stroke="#e6e8eb"/>')
        said = _said(most * part / 4, panel.unit)
        parts.append(f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end" fill="#5b6573">{said}</text>')
    for minute in range(int(end - start) // 60 + 1):
        x = left + (right - left) * 60 * minute / (end - start)
        parts.append(f'<text x="{x:.0f}" y="{bottom + 15}" text-anchor="middle" fill="#5b6573">{minute} min</text>')
    at = 12.0
    for line, colour in zip(lines, _COLOURS, strict=False):
        path = _path(line, start, end, most)
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        if at < WIDTH - 70:
            name = line.name if len(line.name) < 44 else f"{line.name[:42]}…"
            parts.append(f'<path d="M{at:.0f} {HEIGHT - 14}h10" stroke="{colour}" stroke-width="3"/>')
            parts.append(f'<text x="{at + 14:.0f}" y="{HEIGHT - 10}">{html.escape(name)}</text>')
            at += 24 + 5.4 * len(name)
    return f'<svg width="{WIDTH}" height="{HEIGHT}">{"".join(parts)}</svg>'


def _path(line: Line, start: float, end: float, most: float) -> str:
    left, top, right, bottom = _FIELD
    found, last = [], -math.inf
    for at, value in line.points:
        if math.isfinite(value):
            x, y = left + (right - left) * (at - start) / (end - start), bottom - (bottom - top) * value / most
            found.append(f"{'L' if at - last < 10 else 'M'}{x:.1f} {y:.1f}")
            last = at
    return "".join(found)


def _peak(line: Line) -> float:
    return max((value for _, value in line.points if math.isfinite(value)), default=0.0)


def _round_up(value: float) -> float:
    """To one, two or five of its power of ten; at least a thousandth."""
    power = 10.0 ** math.floor(math.log10(max(value, 1e-3)))
    return next(it * power for it in (1, 2, 5, 10) if it * power >= max(value, 1e-3))


def _said(value: float, unit: str) -> str:
    if unit == "bytes":
        return f"{value / 2**20:.0f} MiB" if value >= 2**20 else f"{value / 1024:.0f} KiB"
    if unit == "s":
        return f"{value:g} s" if value >= 1 or not value else f"{value * 1000:g} ms"
    return f"{value:g}/s" if unit == "ops" else f"{value:g}"
