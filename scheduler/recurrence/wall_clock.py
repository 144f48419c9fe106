"""What a clock on the wall of a time zone shows, and which moment it means. Moments are whole seconds here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from scheduler.schedule import Fold, Gap, Moment

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def wall(second: int, zone: ZoneInfo) -> datetime:
    """What the clock shows at a moment."""
    return (_EPOCH + timedelta(seconds=second)).astimezone(zone)


def moment_of(local: datetime, zone: ZoneInfo, fold: Fold = Fold.FIRST) -> int:
    """Milliseconds since the epoch, rounded up, of what a wall clock shows; negative before 1970.

    A time that a change of clocks leaves out means the first moment after it.
    """
    whole = local.replace(microsecond=0)
    found = resolve(whole, zone, Gap.RUN, fold)
    assert found is not None  # Gap.RUN leaves nothing out
    fraction = 0 if found.note == "gap" else -(-local.microsecond // 1000)
    return found.at * 1000 + fraction


def resolve(local: datetime, zone: ZoneInfo, gap: Gap, fold: Fold) -> Moment | None:
    """The moment in seconds that a local time without microseconds means; None if that is in a gap, and skipped."""
    first, last = _utc(local, zone, 0), _utc(local, zone, 1)
    if first == last:
        return Moment(first)
    if first < last:
        return Moment(first if fold is Fold.FIRST else last, "fold")
    # In a gap the two offsets change places: `last`, by the offset after the change, is before it.
    return Moment(first_after_change(last, first, zone), "gap") if gap is Gap.RUN else None


def is_repeated(shown: datetime) -> bool:
    """Whether the clock shows this twice."""
    return shown.replace(fold=0).utcoffset() != shown.replace(fold=1).utcoffset()


def first_after_change(before: int, after: int, zone: ZoneInfo) -> int:
    """The first second with another offset than `before` has; between the two is one change."""
    offset = wall(before, zone).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if wall(middle, zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def _utc(local: datetime, zone: ZoneInfo, fold: int) -> int:
    offset = local.replace(tzinfo=zone, fold=fold).utcoffset()
    assert offset is not None  # a ZoneInfo always has one
    apart = local.replace(tzinfo=UTC) - _EPOCH - offset
    return apart.days * 86_400 + apart.seconds
