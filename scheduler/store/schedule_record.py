"""A schedule as it is stored: JSON of when and how (`plan`), and the record of its runs (`timer`), which scripts copy.

Every field is written down, so that a later version's other defaults do not change what is stored.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from functools import lru_cache
from typing import Any, NamedTuple

from scheduler.schedule import CatchUp, Fold, Gap, Overlap, Plan
from scheduler.schedules import ScheduleDraft
from scheduler.store.record import decode, encode, names
from scheduler.timer import Webhook

#: Stands where a record has not been read: whoever plans runs does not look at what they send.
_UNREAD = Webhook(url="")
#: What the JSON says; the rest is the schedule's name, and in the record of its runs.
_FIELDS = ScheduleDraft.__dataclass_fields__.keys() - {"name", "webhook", "tags"}


class Stored(NamedTuple):
    """The two fields of a schedule that say what was asked for."""

    plan: bytes
    timer: bytes


def encode_schedule(draft: ScheduleDraft) -> Stored:
    """Raises TimerTooLarge for its runs."""
    said: dict[str, Any] = {name: getattr(draft, name) for name in _FIELDS}
    said["plan"] = asdict(draft.plan)
    text = json.dumps(said, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    return Stored(text.encode(), encode(draft.webhook, None, draft.tags))


def decode_schedule(name: str, stored: Stored) -> ScheduleDraft:
    """Raises one of record.UNREADABLE."""
    words, webhook = decode(b"0 " + stored.timer)
    return replace(decode_plan(name, stored.plan), webhook=webhook, tags=names(words)[1])


@lru_cache(4096)  # 10 us, and one that runs each second is read again and again
def decode_plan(name: str, raw: bytes) -> ScheduleDraft:
    """The same without what its runs send. Raises one of record.UNREADABLE."""
    said: dict[str, Any] = json.loads(raw)
    plan: dict[str, Any] = said.pop("plan")
    known = {name: value for name, value in plan.items() if name in Plan.__dataclass_fields__}
    known["gap"], known["fold"] = Gap(known["gap"]), Fold(known["fold"])
    fields = {name: value for name, value in said.items() if name in _FIELDS}
    fields["overlap"], fields["catch_up"] = Overlap(fields["overlap"]), CatchUp(fields["catch_up"])
    return ScheduleDraft(name=name, plan=Plan(**known), webhook=_UNREAD, **fields)
