"""What goes into the path, the headers and the body of a call. Pure; raises ValueError for what they cannot carry."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from decimal import Decimal
from itertools import chain, zip_longest
from typing import Any
from urllib.parse import quote

#: Of changes that leave what they do not name.
MERGE_PATCH: Mapping[str, str] = {"Content-Type": "application/merge-patch+json"}


def check(name: str, value: str) -> None:
    """What goes into a header as one word."""
    if not re.fullmatch(r"[\x21-\x7e]{1,255}", value):
        raise ValueError(f"{name}: 1 to 255 visible ASCII characters, without spaces and line ends")


def idempotency_header(idempotency_key: str) -> dict[str, str]:
    check("idempotency_key", idempotency_key)
    return {"Idempotency-Key": idempotency_key}


def if_match_header(version: str | None) -> dict[str, str]:
    if version is None:
        return {}
    check("if_version", version)
    return {"If-Match": f'"{version}"'}


def segment(text: str) -> str:
    """An id or a key as one part of a path."""
    if text in ("", ".", ".."):
        raise ValueError(f"{text!r} is no id or key that a URL can name")
    return quote(text, safe="")


#: Stands in JSON where the digits of a Decimal are put.
_PLACE = os.urandom(16).hex()


def encode(value: Any) -> bytes:
    """A Decimal goes in its own digits. Raises ValueError or TypeError for what JSON cannot say."""
    numbers: list[str] = []

    def place(value: Any) -> str:
        if not isinstance(value, Decimal):
            raise TypeError(f"JSON has no form for {value!r}")
        if not value.is_finite():
            raise ValueError(f"JSON has no form for {value}")
        numbers.append(str(value))
        return _PLACE

    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=place)
    return "".join(chain.from_iterable(zip_longest(text.split(f'"{_PLACE}"'), numbers, fillvalue=""))).encode()
