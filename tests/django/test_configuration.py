"""What Django's checks say of the settings."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import checks
from django.test import override_settings

from tests.django import project
from tests.django.project import BACKEND, OPTIONS, URL
from timer_service.tasks.django import configuration


def said(**options: Any) -> list[tuple[str, str]]:
    with override_settings(TASKS={"default": {"BACKEND": BACKEND, "OPTIONS": options}}):
        return [(it.id, it.msg) for it in project.backend().check()]


def test_settings_that_are_whole_are_let_be() -> None:
    assert said(**OPTIONS) == []


@pytest.mark.parametrize(
    ("id", "named", "options"),
    [
        ("W001", "TIMER_TASKS_URL is missing", {"TIMER_TASKS_URL": ""}),
        ("W002", "TIMER_SIGNING_SECRETS is missing", {"TIMER_SIGNING_SECRETS": ""}),
        ("W003", "leads to no run_task", {"TIMER_TASKS_URL": "http://shop.example/elsewhere/"}),
        ("W003", "leads to no run_task", {"TIMER_TASKS_URL": "http://shop.example/timer-tasks"}),
        ("E001", "'time_out'", {"time_out": 5}),
        ("E002", "retry_exceptions", {"retry_exceptions": -1}),
        ("E002", "retry_exceptions", {"retry_exceptions": "3"}),
        ("E002", "retry_exceptions", {"retry_exceptions": True}),
        ("E003", "modules", {"modules": "shop.jobs"}),
        ("E004", "no URL", {"TIMER_TASKS_URL": "shop.example/timer-tasks/"}),
        ("E004", "no URL", {"TIMER_TASKS_URL": "http://[::1/timer-tasks/"}),
        ("E005", "TIMER_SIGNING_SECRETS", {"TIMER_SIGNING_SECRETS": "geheim"}),
        ("E006", "TIMER_URL is 'timers.example:8000'", {"TIMER_URL": "timers.example:8000"}),
    ],
)
def test_what_is_missing_or_wrong_is_named(id: str, named: str, options: dict[str, Any]) -> None:
    found = dict(said(**{**OPTIONS, **options}))
    assert named in found[f"timer_service.{id}"]


def test_no_message_has_a_secret_in_it() -> None:
    assert "geheim" not in str(said(**{**OPTIONS, "TIMER_SIGNING_SECRETS": "geheim,whsec_geheim"}))


def test_the_checks_of_the_project_are_those_of_its_backends() -> None:
    """As `manage.py check` asks."""
    with override_settings(TASKS={"default": {"BACKEND": BACKEND}}):
        assert {"timer_service.W001", "timer_service.W002"} <= {str(it.id) for it in checks.run_checks()}


def test_what_the_options_say_counts_before_the_environment() -> None:
    environ = {"TIMER_URL": "http://timer:8000", "TIMER_TASKS_URL": URL, "TIMER_API_KEY": "key"}
    found = configuration.read({"TIMER_URL": "http://other:8000", "timeout": 60}, environ)
    assert (found.service, found.tasks_url, found.api_key) == ("http://other:8000", URL, "key")
    assert dict(found.timer) == {"timeout": 60}


def test_without_any_settings_tasks_can_be_defined_but_not_enqueued(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.core.exceptions import ImproperlyConfigured

    from tests.django.shop.tasks import add

    monkeypatch.delenv("TIMER_TASKS_URL", raising=False)
    with override_settings(TASKS={"default": {"BACKEND": BACKEND}}):
        task = project.tasks.task(add.func)
        assert task.call(2, 3) == 5
        with pytest.raises(ImproperlyConfigured, match="TIMER_TASKS_URL"):
            add.enqueue(2)
        with pytest.raises(ImproperlyConfigured, match="TIMER_TASKS_URL"):
            add.get_result("0UjUGzXbEciYP34tRou4st")
