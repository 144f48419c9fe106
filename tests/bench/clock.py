"""A test marked `clock` fails only if it fails three times: once, whatever else the machine did may have held it up.

A plugin of pytest, which tests/conftest.py takes in.
"""

from __future__ import annotations

import pytest
from _pytest.runner import runtestprotocol

TIMES = 3
_HELD_UP = pytest.StashKey[list[str]]()


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    if item.get_closest_marker("clock") is None:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for time in range(TIMES):
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        failed = [report for report in reports if report.failed]
        if not failed or time == TIMES - 1:
            break
        first = failed[0].longreprtext.splitlines()[-1]
        item.config.stash.setdefault(_HELD_UP, []).append(f"{item.nodeid}: {first}")
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def told(config: pytest.Config) -> list[str]:
    """Each time that a test failed and was tried again."""
    return config.stash.get(_HELD_UP, [])
