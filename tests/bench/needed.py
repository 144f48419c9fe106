"""What a test needs of the machine beside Python packages. CI must have it; elsewhere the test is skipped."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def program(name: str, package: str) -> str:
    """Where it is installed."""
    return shutil.which(name) or missing(f"{name} is not installed: apt-get install {package}")


def missing(what: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"{what}; CI must have it")
    pytest.skip(what)
