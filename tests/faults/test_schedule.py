"""Each kind of fault once, under load, in an order that the seed gives; `make faults` does it for longer.

It takes two minutes in which the machine has little to do: it begins with the first test of this folder (conftest.py).
"""

from __future__ import annotations

from concurrent.futures import Future

from tests.faults.history import Verdict
from tests.faults.nemesis import KINDS
from tests.faults.report import Report


def test_whatever_goes_wrong_nothing_is_lost_early_or_sent_again_without_a_fault_that_explains_it(
    schedule: Future[Report],
) -> None:
    report = schedule.result()
    print(report)
    assert report.violations == [], str(report)
    assert {fault.kind for fault in report.history.faults} == set(KINDS)
    assert sum(create.verdict is Verdict.OK for create in report.history.creates) > 2000
