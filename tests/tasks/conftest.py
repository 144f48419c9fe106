from __future__ import annotations

import pytest

from tests.bench.receiver import SECRET
from timer_service.tasks import Tasks


@pytest.fixture
def tasks() -> Tasks:
    """Of a service that nobody listens for."""
    return Tasks("http://127.0.0.1:9", "http://127.0.0.1:9/tasks", SECRET)
