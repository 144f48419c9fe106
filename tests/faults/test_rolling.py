"""Two versions beside each other on one store. There is one release so far: it is rolled beside itself."""

from __future__ import annotations

from pathlib import Path

from tests.faults import runs
from tests.faults.load import Mix
from tests.faults.rolling import Plan, roll
from tests.faults.scenarios import LATE


def test_a_version_is_rolled_in_and_out_under_load_and_nothing_is_lost_doubled_failed_or_late(tmp_path: Path) -> None:
    """Among what is sent are timers that say what no version knows yet; those of a later format wait."""
    report = roll(tmp_path, Plan(pollers=1, apis=1, pause=0.5, late=LATE, later=5), Mix(rate=60, delay=1, long=0))
    assert not report.violations, report
    assert not report.history.reasons
    assert len({hit.poller for hit in report.history.hits}) >= 3
    assert report.history.callbacks
    assert runs.totals(report.history).made > 0
