"""A Django project for the tests. Import it before anything of timer_service.tasks.django: it configures Django."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.test import override_settings
from django.urls import path

from scheduler import Signer
from tests.bench.receiver import SECRET

URL = "http://shop.example/timer-tasks/"
BACKEND = "timer_service.tasks.django.TimerBackend"
OPTIONS: Mapping[str, Any] = {"TIMER_TASKS_URL": URL, "TIMER_SIGNING_SECRETS": SECRET}
#: What `from django.tasks import ...` is on this version of Django.
TASKS = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"
APPS = ["tests.django.shop", *(["django_tasks"] if TASKS == "django_tasks" else [])]

if not settings.configured:
    settings.configure(
        SECRET_KEY="of the tests",
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=APPS,
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        TIME_ZONE="Europe/Berlin",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "/nonexistent"}},
        MIDDLEWARE=["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"],
        TASKS={"default": {"BACKEND": BACKEND, "OPTIONS": OPTIONS, "QUEUES": ["default", "slow"]}},
    )
    django.setup()

from timer_service.tasks.django import run_task  # noqa: E402

application = get_wsgi_application()
urlpatterns = [path("timer-tasks/", run_task)]
#: The module of Django's tasks, and its signals and exceptions.
tasks: Any = import_module(TASKS)
signals: Any = import_module(f"{TASKS}.signals")


def backend(alias: str = "default") -> Any:
    return tasks.task_backends[alias]


@contextmanager
def options(**more: Any) -> Iterator[None]:
    """Another backend under the same name."""
    found = {"BACKEND": BACKEND, "OPTIONS": {**OPTIONS, **more}, "QUEUES": ["default", "slow"]}
    with override_settings(TASKS={"default": found}):
        yield


def payload(task: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """The body of a webhook for a task of the tests' shop."""
    told = {
        "backend": "default",
        "queue": "default",
        "priority": 0,
        "run_after": None,
        "enqueued_at": "2026-01-01T09:00:00+00:00",
    }
    return {"task": f"tests.django.shop.tasks.{task}", "args": list(args), "kwargs": kwargs, "v": 1, "django": told}


def signed(body: Any, *, attempt: int = 1, secret: str = SECRET, webhook_id: str = "0UjUGzXbEciYP34tRou4st") -> Any:
    """Keyword arguments for a request of Django's test client, as the service would send it."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    at = int(time.time())
    headers = {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(at),
        "webhook-signature": Signer(secret).sign(webhook_id, at, raw),
        "timer-id": webhook_id.partition("-")[0],
        "timer-attempt": str(attempt),
    }
    return {"data": raw, "content_type": "application/json", "headers": headers}
