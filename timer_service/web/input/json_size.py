"""How many values a JSON text can hold, told from its bytes before anything is built of them."""

from __future__ import annotations

import re

# Possessive (`++`): nothing is looked at twice. A string may be cut by the end of the text.
_STRING_PATTERN = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
_STRING = re.compile(_STRING_PATTERN, re.DOTALL)
#: So many strings and what is between them, that what is made of them is small.
_PIECE = re.compile(rb'(?:[^"]++|' + _STRING_PATTERN + rb"){1,10000}+", re.DOTALL)


def holds_more_than(most: int, raw: bytes) -> bool:
    """Whether there may be more values than that: never no where there are, yes only where there are or it is no JSON.

    A value is the first of its array or object, or a comma stands before it. 2 ms a MiB; where strings have to be taken
    out first, which may hold commas too, 30.
    """
    if _separators(raw) < most:
        return False
    # Each string is a value or the name of one. Escaped quotes are taken off, so that these are too few, not too many.
    if (raw.count(b'"') - raw.count(b'\\"')) // 2 > 2 * most:
        return True
    found, at = 0, 0
    while found < most and (piece := _PIECE.match(raw, at)):
        found += _separators(_STRING.sub(b"", piece[0]))
        at = piece.end()
    return found >= most


def _separators(raw: bytes) -> int:
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{")
