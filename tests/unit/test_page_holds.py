"""What the page says of a hold, in the words that the engine gives it."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler.destinations import Break, DestinationSettings, Rate, Rule
from scheduler.holds.holding import hold_of
from scheduler.schedules import Pause
from timer_service.web.pages.words.holds import why

NOW = 1_000_000_000_000
FAILED = "10 attempts in a row failed, the last one: connect; probe 2 failed: 503"


@pytest.mark.parametrize(
    ("rule", "said", "short"),
    [
        ({"settings": DestinationSettings(Rate(10))}, "gets at most 10 a second", "gets at most 10 a second"),
        (
            {"settings": DestinationSettings(Rate(1_000_000, 86_400_000), 4)},
            "gets at most 1,000,000 a day, 4 at once",
            "gets at most 1,000,000 a day, 4 at once",
        ),
        ({"settings": DestinationSettings(Rate(3, 1500))}, "gets at most 3 in 1s500ms", "gets at most 3 in 1s500ms"),
        ({"settings": DestinationSettings(None, 4)}, "gets at most 4 at once", "gets only so many at once"),
        ({"slow_since": NOW}, "goes on slowly at first", "goes on slowly at first"),
        ({"retry_after": NOW + 5}, "has asked to be left alone", "has asked to be left alone"),
        ({"pause": Pause("10 in 1 s", "ann", NOW)}, "is paused by ann: 10 in 1 s", "is paused"),
        (
            {"broken": Break(NOW, FAILED, NOW + 5)},
            "is left alone, for 10 attempts in a row failed, the last one: no connection; probe 2 failed: answered 503",
            "fails, and is left alone",
        ),
    ],
)
def test_a_hold_is_told_in_a_sentence_and_in_few_words(rule: dict[str, Any], said: str, short: str) -> None:
    hold = hold_of(Rule("http:h:80", 1, NOW, **rule))
    assert hold is not None
    assert (why(hold).said, why(hold).short) == (said, short)
