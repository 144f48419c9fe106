"""Makes a Claim of what the store tells of a timer that was claimed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scheduler.claim import Claim
from scheduler.store.progress import Progress, read_progress
from scheduler.store.reading import read_callback
from scheduler.store.record import decode, names, schedule_of
from scheduler.store.scripts import SUSPECT_LOSSES
from scheduler.timer import Redelivery


class ClaimRow(NamedTuple):
    """What claim.lua tells of each timer."""

    id: bytes
    record: bytes
    #: ms.
    due: bytes
    #: Under this claim; b"" of a timer that is claimed for the first time.
    progress: bytes


#: The progress of one that is claimed for the first time.
_FIRST = Progress(attempts=1)


def read_claim(fence: str, claimed_at: float, partition: int, now_us: int, row: tuple[bytes, ...]) -> Claim:
    """The claim of a ClaimRow's values. `claimed_at`: seconds of the monotonic clock, before the store was asked;
    `now_us`: us of the store's clock, when it answered. To make one takes 0.3 us.

    Raises one of UNREADABLE for what this version cannot read.
    """
    timer_id, record, due, progress = row
    words, webhook = decode(record)
    due_at = int(due)
    it = read_progress(progress) if progress else _FIRST
    if webhook.metadata:  # the client's notes are not sent, and take ten times their bytes as objects
        webhook = webhook._replace(metadata={})
    # By position, as for every attempt: names would take twice as long, 0.3 us.
    claim = Claim(
        timer_id.decode(),
        fence,
        webhook,
        words[1],
        it.attempts,
        it.attempts - it.base,
        due_at,
        due_at if it.planned is None else it.planned,
        _redelivery(it.why) if it.why else None,
        it.lost >= SUSPECT_LOSSES,
        claimed_at,
        partition,
        it.occurrence,
        it.reschedules,
        None,
        len(record),
    )
    return claim if len(words) == 2 else _with_words(claim, now_us, words)


def _with_words(claim: Claim, now_us: int, words: Sequence[str]) -> Claim:
    """What a first line of more than two words says of a timer."""
    callback_for, webhook = read_callback(words, claim.webhook)
    claim = claim._replace(key=names(words)[0], callback_for=callback_for, webhook=webhook)
    if (expires_at := webhook.expiry(claim.due_at)) is not None:
        # The store's clock was read after the claim was sent, so that this is no later than its expires_at.
        send_by = claim.claimed_at + (1000 * expires_at - now_us) / 1_000_000
        claim = claim._replace(expires_at=expires_at, send_by=send_by)
    schedule, missed = schedule_of(words)
    return claim._replace(schedule=schedule, missed=missed) if schedule else claim


def _redelivery(why: str) -> Redelivery:
    """What only a later version knows is sent again for some reason: that must be said, and it must not wait."""
    try:
        return Redelivery(why)
    except ValueError:
        return Redelivery.RETRY
