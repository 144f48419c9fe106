"""Text from elsewhere made harmless for a terminal: what would move its cursor or turn its lines is written out.

That is control and format characters (C0, C1, DEL, bidi), and separators of lines and paragraphs.
"""

from __future__ import annotations

import json
import re

from scheduler import exact_numbers

#: All others are harmless; of these each is looked at.
_DOUBTFUL = re.compile(r"[^ -~]")


def printable(text: str) -> str:
    """With `\\x1b`, `\\u202e` and so on where they stood."""
    return _DOUBTFUL.sub(_escaped, text)


def printable_json(value: object) -> str:
    """One line that every parser reads as the same value; numbers that remember their digits in these."""
    return _DOUBTFUL.sub(_escaped_in_json, exact_numbers.dumps(value))


def _escaped(found: re.Match[str]) -> str:
    return found[0] if found[0].isprintable() else found[0].encode("unicode_escape").decode()


def _escaped_in_json(found: re.Match[str]) -> str:
    return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]
