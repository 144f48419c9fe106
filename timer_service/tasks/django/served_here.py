"""Whether this project serves the URL that the timer service is told to call."""

from __future__ import annotations

from urllib.parse import urlsplit

from django import conf
from django.urls import Resolver404, resolve

from timer_service.tasks.django.problems import Problem


def problems(tasks_url: str) -> list[Problem]:
    from timer_service.tasks.django.view import run_task

    if not tasks_url or not getattr(conf.settings, "ROOT_URLCONF", None):
        return []
    try:
        path = urlsplit(tasks_url).path or "/"
        served = resolve(path).func is run_task
    except (ValueError, Resolver404):
        served = False
    if served:
        return []
    hint = "Add path('timer-tasks/', run_task) to it, or silence this where another URLconf or a proxy serves it."
    return [
        Problem("W003", f"TIMER_TASKS_URL is {tasks_url!r}, whose path leads to no run_task by ROOT_URLCONF.", hint)
    ]
