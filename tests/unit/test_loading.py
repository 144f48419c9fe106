"""What is loaded for good is not looked at for garbage; what is made later is, as ever."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from timer_service.loading import loading


class _Loop:
    """Holds itself: only the collector takes it away."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _collecting() -> Iterator[None]:
    """Whatever a test has left. What it froze stays so, for what was collected of the suite is frozen too."""
    yield
    gc.enable()


def test_nothing_is_collected_while_a_part_is_loaded() -> None:
    with loading():
        assert not gc.isenabled()


def test_what_was_loaded_is_not_looked_at_again() -> None:
    with loading():
        loaded = [_Loop() for _ in range(100)]
    assert not {id(it) for it in loaded} & {id(it) for it in gc.get_objects()}


def test_what_is_made_later_is_collected_also_after_a_package_was_missing() -> None:
    with pytest.raises(ModuleNotFoundError), loading():
        raise ModuleNotFoundError
    assert gc.isenabled()
    gone = weakref.ref(_Loop())
    gc.collect()
    assert gone() is None
