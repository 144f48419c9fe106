"""libcurl is used only where it can be had and refuses what we refuse."""

from __future__ import annotations

import pycurl
import pytest

from scheduler import Settings, SettingsError, transport_name
from scheduler.delivery.open_transport import OLDEST_CURL


def old_curl(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if pycurl had been compiled against the libcurl of Debian 12."""
    number, text = OLDEST_CURL - 1, "7.88.1"
    monkeypatch.setattr(pycurl, "version_info", lambda: (0, text, number))


def test_the_libcurl_of_the_wheels_is_used() -> None:
    assert transport_name(Settings()) == transport_name(Settings(transport="curl")) == "curl"
    assert pycurl.version_info()[2] >= OLDEST_CURL


def test_a_libcurl_that_forgives_broken_answers_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    old_curl(monkeypatch)
    assert transport_name(Settings()) == "requests"
    with pytest.raises(SettingsError, match=r"curl is refused: libcurl 7\.88\.1 forgives broken answers"):
        transport_name(Settings(transport="curl"))


def test_where_it_is_missing_the_refusal_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert transport_name(Settings()) == "requests"
    with pytest.raises(SettingsError, match=r"pip install 'timer-service\[fast\]'"):
        transport_name(Settings(transport="curl"))
