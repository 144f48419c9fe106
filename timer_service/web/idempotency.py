"""Idempotency-Key: a repeated request gets the answer of the first, and sets nothing twice."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from flask import g, request

from scheduler import Begun, StoreUnavailable, TimerError, exact_numbers
from timer_service.web.present import sent_header
from timer_service.web.problems import Problem
from timer_service.web.services import store

HEADER = "Idempotency-Key"
PATTERN = r"[\x21-\x7e]{1,255}"
#: Says that an answer is that of an earlier request.
REPLAYED: Mapping[str, str] = {"Idempotent-Replayed": "true"}


def begin() -> Begun | None:
    """This request under its key; None if it has none. Raises Problem or KeyReused."""
    key = sent_header("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if not re.fullmatch(PATTERN, key, re.ASCII):
        raise Problem(400, f"{HEADER} must be 1 to 255 visible ASCII characters.")
    fields = g.request_fields
    if exact_numbers.has_written(fields):
        fields = exact_numbers.tagged(fields)
    scope = f"{g.get('credential', '')} {request.path.rstrip('/')}"
    return store().repeats.begin(scope, key, fields, may_add=store().capacity.check)


def keep(begun: Begun | None, answer: Any) -> None:
    """Keep what the request is answered with, if it has a key. A store that fails now is no reason to take the answer
    back: it is done, and a repeat that finds no answer makes the same ids again, and is told how they stand."""
    if begun is not None:
        with contextlib.suppress(StoreUnavailable):
            store().repeats.finish(begun, answer)


@contextlib.contextmanager
def undone_if_refused(begun: Begun | None) -> Iterator[None]:
    """Around what the request does: what it raises is the answer, and unless it may be done all the same, nothing is
    kept of it."""
    try:
        yield
    except (TimerError, Problem) as error:
        if not (isinstance(error, StoreUnavailable) and error.maybe_done):
            refused(begun)
        raise


def refused(begun: Begun | None) -> None:
    """Keep nothing of a request that did nothing: it is tried anew under its key."""
    if begun is not None and begun.answer is None:
        with contextlib.suppress(StoreUnavailable):
            store().repeats.refused(begun)


def new_id(begun: Begun | None, number: int, key: str | None) -> str:
    """The id of the timer with this number in the request: under an idempotency key always the same."""
    return store().timers.new_id(key) if begun is None else store().timers.id_from(begun.seed_of(number), key)
