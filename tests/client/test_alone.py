"""What a program loads that only sets timers."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

from scheduler import Result, Status
from timer_service.client import answers


def test_the_client_loads_nothing_of_the_server() -> None:
    heavy = ("flask", "marshmallow", "redis", "gunicorn", "pycurl", "scheduler", "timer_service.app")
    code = f"""
import sys
from timer_service.client import TimerClient, verify
TimerClient("http://127.0.0.1:1")
sys.exit(", ".join(name for name in {heavy} if name in sys.modules) or None)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_still_gives_the_application() -> None:
    code = "import timer_service; from timer_service import create_app; timer_service.nothing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.endswith("AttributeError: module 'timer_service' has no attribute 'nothing'\n")


def test_its_words_are_the_engines() -> None:
    assert set(get_args(answers.Status)) == set(Status)
    assert set(get_args(answers.Outcome)) == set(Result)
