from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import override_settings

from tests.bench.processes import Service
from tests.bench.receiver import SECRET
from tests.django import project
from tests.django.serving import serving
from timer_service.client import TimerClient


@dataclass(frozen=True, slots=True)
class Shop:
    """The tests' project on a real port, called by a real service."""

    #: Of TASKS.
    options: dict[str, Any]
    client: TimerClient
    service: Service


@pytest.fixture(scope="module")
def shop_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    service = Service(tmp_path_factory.mktemp("django"))
    service.api()
    # No machine is too busy to renew that lease, or to answer in that time: how often a task was called is counted.
    service.poller(TIMER_LEASE="300")
    with serving() as url, TimerClient(service.url) as client:
        names = {"TIMER_URL": service.url, "TIMER_TASKS_URL": url, "TIMER_SIGNING_SECRETS": SECRET}
        options = {**names, "timeout": 300}
        yield Shop(options, client, service)
    service.remove()


@pytest.fixture
def shop(shop_service: Shop) -> Iterator[Shop]:
    with override_settings(
        TASKS={
            "default": {"BACKEND": project.BACKEND, "OPTIONS": shop_service.options, "QUEUES": ["default", "slow"]},
            "other": {"BACKEND": project.BACKEND, "OPTIONS": {**shop_service.options, "timeout": 5, "max_attempts": 1}},
        }
    ):
        yield shop_service
