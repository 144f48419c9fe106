"""A poller among receivers that do whatever one can do lives, says nothing, and brings every timer to its end.

`python -m tests.bench.hostile` is the same for longer, with the lateness of the honest timers as a bound.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.hostile import storm


@pytest.mark.parametrize(("transport", "timers", "rate"), [("curl", 900, 300), ("requests", 300, 100)])
def test_hostile_receivers_end_no_poller_and_no_honest_timer_is_sent_twice_or_lost(
    tmp_path: Path, transport: str, timers: int, rate: float
) -> None:
    outcome = storm(tmp_path, transport, timers, rate, seed=20261126)
    print(outcome)
    assert outcome.survived
    assert outcome.log == []
    assert sum(outcome.ends.values()) == timers
    assert outcome.ends.keys() == {"delivered", "failed"}
    assert outcome.reasons.keys() <= {"500", "protocol", "reset", "timeout", "connect"}
    assert len(outcome.lateness) == outcome.honest
