"""How many bytes large requests may take of this process at once: others wait a moment, then get a 503."""

from __future__ import annotations

import ctypes
import platform
from typing import Literal

from flask import Flask, current_app, g

from timer_service.web.input.budget import Budget
from timer_service.web.present import present_notes
from timer_service.web.problems import RETRY_AFTER, Problem

#: What bytes are held for. Two budgets: if what is read took what parsing needs, nobody would get on.
Purpose = Literal["reading", "parsing"]
#: Bytes that large requests hold together: six bodies of a batch, and one that is parsed, with the most values.
TOTALS: dict[Purpose, int] = {"reading": 48 * 2**20, "parsing": 72 * 2**20}
#: Bytes of a body that are not counted: in 32 threads they are 2 MiB.
UNCOUNTED = 64 * 1024
#: More copies of a body that exist at once: as text, in what it is parsed to, in what is stored, in the answer.
COPIES = 4
#: Bytes that one parsed value takes at worst: an object with one member.
VALUE = 150
#: Seconds for which a request waits for its bytes: the largest batch takes one or two.
_PATIENCE = 5.0
#: mallopt() of glibc: blocks of that many bytes and more go back to the system once they are freed. Left to itself it
#: keeps blocks of up to 32 MiB, for each thread its own.
_M_MMAP_THRESHOLD, _LARGE_BLOCK = -3, 2**20


def register(app: Flask) -> None:
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)
    ours = app.extensions["budgets"] = {name: Budget(total, _PATIENCE) for name, total in TOTALS.items()}

    @app.teardown_request
    def _give_back(_error: BaseException | None) -> None:
        for purpose, count in present_notes().pop("bytes_held", {}).items():
            ours[purpose].give_back(count)


def hold(purpose: Purpose, count: int) -> None:
    """Count these bytes as this request's until it is answered. Raises Problem where they do not become free soon."""
    if not current_app.extensions["budgets"][purpose].take(count):
        raise Problem(
            503,
            "Too many large requests at once. Nothing was done; send it again.",
            headers={"Retry-After": str(RETRY_AFTER)},
        )
    held = g.setdefault("bytes_held", dict.fromkeys(TOTALS, 0))
    held[purpose] += count
