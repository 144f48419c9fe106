"""Django's own tests of backends for tasks, against ours: `make django-suite`. Needs Django 6.

Their sources are fetched from Django's sdist into build/django-suite and run as they stand: DummyBackend and
ImmediateBackend are ours there (suite_backends.py), which a real service calls. What does not apply is listed, and why.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import django
from django.conf import settings

from tests.bench.processes import Service
from tests.bench.receiver import SECRET

FOLDER = Path(__file__).parents[2] / "build/django-suite"
_IMMEDIATE = "test_immediate_backend.ImmediateBackendTestCase"
_DUMMY = "test_dummy_backend.DummyBackendTestCase"
#: Django's name of a test -> why it is none of ours.
DOES_NOT_APPLY: Mapping[str, str] = {
    f"{_IMMEDIATE}.test_cannot_get_result": "this backend has results: supports_get_result",
    f"{_IMMEDIATE}.test_cannot_refresh_result": "this backend has results: supports_get_result",
    f"{_IMMEDIATE}.test_cannot_pass_run_after": "this backend has run_after: supports_defer",
    f"{_IMMEDIATE}.test_throws_keyboard_interrupt": "it is thrown in the web server that is called, not where enqueued",
    f"{_DUMMY}.test_refresh_result": "it changes what DummyBackend has in memory: here that is the service's",
    f"{_DUMMY}.test_refresh_result_async": "it changes what DummyBackend has in memory: here that is the service's",
    f"{_DUMMY}.test_clear": "clear() is of DummyBackend: the service forgets what has ended after some days",
}
#: test_custom_backend is not run: the backends that it tries are its own.
MODULES = ("tasks.test_tasks", "tasks.test_dummy_backend", "tasks.test_immediate_backend")


def sources() -> Path:
    """The folder `tests` of the Django that is installed."""
    version = django.get_version()
    folder = FOLDER / f"django-{version}" / "tests"
    if not (folder / "tasks").exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", "django"]
        command = [sys.executable, "-m", "pip", "download", *options, f"django=={version}", "--dest", str(FOLDER)]
        subprocess.run(command, check=True)
        with tarfile.open(FOLDER / f"django-{version}.tar.gz") as archive:
            wanted = [it for it in archive.getmembers() if it.name.startswith(f"django-{version}/tests/tasks/")]
            archive.extractall(FOLDER, wanted, filter="data")
    return folder


def main() -> int:
    if django.VERSION < (6, 0):
        print("Django 6 is needed, and so Python 3.12 or later; name it: make django-suite PYTHON=python3.12")
        return 1
    sys.path.insert(0, str(sources()))
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder))
        try:
            service.api()
            service.poller()
            return _run(service.url)
        finally:
            service.remove()


def _run(service_url: str) -> int:
    settings.configure(
        SECRET_KEY="of the suite",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="tests.django.suite_urls",
        USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        TASKS={"default": {"BACKEND": "timer_service.tasks.django.TimerBackend", "QUEUES": []}},
    )
    django.setup()
    from django.tasks.backends import dummy, immediate
    from django.test.runner import DiscoverRunner

    from tests.django.serving import serving
    from tests.django.suite_backends import AtOnce, InNoHurry

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    dummy.DummyBackend, immediate.ImmediateBackend = InNoHurry, AtOnce
    left_out: dict[str, str] = {}

    class Runner(DiscoverRunner):
        def build_suite(self, *args: Any, **kwargs: Any) -> Any:
            suite = super().build_suite(*args, **kwargs)
            tests = list(_each(suite))
            left_out.update({it.id(): why for it in tests if (why := _why_not(it))})
            return type(suite)(it for it in tests if it.id() not in left_out)

    with serving() as url:
        os.environ |= {"TIMER_URL": service_url, "TIMER_TASKS_URL": url, "TIMER_SIGNING_SECRETS": SECRET}
        failed: int = Runner(verbosity=1).run_tests(list(MODULES))
    print(f"Django {django.get_version()}: {failed} failed. What does not apply:")
    for id, why in sorted(left_out.items()):
        print(f"  {id}: {why}")
    unknown = len(DOES_NOT_APPLY) - len(left_out)
    if unknown:
        print(f"{unknown} of the tests that do not apply are not there")
    return 1 if failed or unknown else 0


def _each(suite: Any) -> Iterator[Any]:
    for it in suite:
        if isinstance(it, unittest.TestSuite):
            yield from _each(it)
        else:
            yield it


def _why_not(test: Any) -> str | None:
    return DOES_NOT_APPLY.get(test.id().removeprefix("tasks."))


if __name__ == "__main__":
    sys.exit(main())
