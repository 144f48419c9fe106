"""Pure: how often receivers acted on each timer, from what they and the load have written down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Of one receiver."""

    receiver: str
    with_helper: bool
    timers_acknowledged: int
    #: Whose lease was lost three times: nobody promises an effect of these.
    ended_failed: int
    webhooks_received: int
    #: With a webhook-id that had been received before.
    repeats_sent: int
    #: Of these, those that had their effect already, and were not acted on.
    repeats_dropped: int
    effects: int
    effects_doubled: int
    effects_missing: int

    @property
    def as_it_should_be(self) -> bool:
        """None missing; none doubled where there were repeats, which without the helper must show."""
        if self.effects_missing or not self.repeats_sent:
            return False
        return not self.effects_doubled and self.repeats_dropped > 0 if self.with_helper else self.effects_doubled > 0


def outcome(
    receiver: str,
    acknowledged: Mapping[str, int],
    notes: Iterable[str],
    effects: Sequence[int],
    failed: set[str],
    *,
    with_helper: bool,
) -> Outcome:
    """`acknowledged`: the number of each timer by its id. `notes`: the lines of the receiver. `effects`: numbers."""
    words = [line.split() for line in notes]
    received = Counter(webhook_id for word, webhook_id in words if word == "received")
    acted = Counter(effects)
    expected = {number for timer_id, number in acknowledged.items() if timer_id not in failed}
    return Outcome(
        receiver=receiver,
        with_helper=with_helper,
        timers_acknowledged=len(acknowledged),
        ended_failed=len(failed & acknowledged.keys()),
        webhooks_received=received.total(),
        repeats_sent=received.total() - len(received),
        repeats_dropped=sum(word == "known" for word, _ in words),
        effects=len(effects),
        effects_doubled=sum(count - 1 for count in acted.values()),
        effects_missing=len(expected - acted.keys()),
    )


def table(outcomes: Sequence[Outcome]) -> str:
    """A column for each."""
    heads = [f"{it.receiver}{'' if it.with_helper else ', no helper'}" for it in outcomes]
    lines = [f"{'':<22}" + "".join(f"{head:>20}" for head in heads)]
    for field in fields(Outcome)[2:]:
        cells = "".join(f"{getattr(it, field.name):>20}" for it in outcomes)
        lines.append(f"{field.name.replace('_', ' '):<22}{cells}")
    return "\n".join(lines)
