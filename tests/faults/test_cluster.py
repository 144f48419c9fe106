"""A short run of the lab on a cluster: in `make faults-cluster` masters die and freeze too, and nodes come and go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.cluster.run import BOUNDS, run
from tests.faults.history import Verdict
from tests.faults.load import Mix
from tests.faults.scenarios import LATE

#: None has to wait until nodes take another for dead.
_KINDS = ("moved by MIGRATE", "moved atomically", "handed over")


@pytest.mark.timeout(600)
def test_while_slots_move_and_a_master_hands_over_nothing_is_lost_and_no_repeat_is_unmarked(tmp_path: Path) -> None:
    # A lease that a busy machine does not outlast, and nothing that has to be sent by some moment.
    bounds, mix = replace(BOUNDS, lease=10, late=LATE), Mix(rate=40, long=0, expiring=0)
    report = run(tmp_path, 1, 0, mix, kinds=_KINDS, bounds=bounds, pollers=2, pause=1)
    assert report.violations == [], str(report)
    assert {it.kind for it in report.history.faults} >= set(_KINDS)
    assert sum(it.verdict is Verdict.OK for it in report.history.creates) > 50
