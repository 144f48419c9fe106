"""The plugin of pytest. What it needs is imported once a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from timer_service.testing.one_process import OneProcess
    from timer_service.testing.service import TimerService


@pytest.fixture(scope="session")
def _timer_service_process() -> Iterator[OneProcess]:
    """One a run, and one for each worker of pytest-xdist; started by the first test that wants it."""
    from timer_service.testing.one_process import OneProcess

    process = OneProcess()
    yield process
    process.close()


@pytest.fixture
def timer_service(_timer_service_process: OneProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[TimerService]:
    """The whole timer service, empty, on a clock that the test turns: `.client`, `.advance(by)`, `.received`."""
    from timer_service import webhooks
    from timer_service.testing.service import TimerService

    with _timer_service_process.emptied_after_use() as started, TimerService(started.url, started.signing_secret) as it:
        monkeypatch.setattr(webhooks, "clock", lambda: it.now().timestamp())
        yield it
