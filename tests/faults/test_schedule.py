"""Each kind of fault once, under load, in an order that the seed gives; `make faults` does it for longer.

It takes two minutes in which the machine has little to do: of several workers one begins with it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults import runs
from tests.faults.history import Verdict
from tests.faults.load import Mix
from tests.faults.nemesis import KINDS
from tests.faults.run import BOUNDS, run
from tests.faults.scenarios import LATE


@pytest.mark.timeout(900)
def test_whatever_goes_wrong_nothing_is_lost_early_or_sent_again_without_a_fault_that_explains_it(
    tmp_path: Path,
) -> None:
    report = run(tmp_path, seed=20261125, seconds=0, mix=Mix(rate=100), bounds=replace(BOUNDS, late=LATE, free=LATE))
    print(report)
    assert report.violations == [], str(report)
    # On a busy machine a poller may get no CPU for a while, which nobody planned.
    assert {fault.kind for fault in report.history.faults} - {"starved"} == set(KINDS)
    assert sum(create.verdict is Verdict.OK for create in report.history.creates) > 2000
    assert runs.totals(report.history).made > 300
    assert len(report.history.pauses) > 5
    assert any(outage.broken_at for outage in report.history.outages)
