"""Keys that stand in a file: added and taken back while the API runs, also for who has signed in to the page."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from scheduler import Settings, WatchedFile
from scheduler.signing_keys import new_secret
from tests.bench.store import Bench
from tests.bench.visitor import Visitor
from timer_service.web.access.api_keys import new_key
from timer_service.web.app import create_app

KEYS = {name: new_key(name, "write") for name in ("old", "new")}


class Guarded:
    """An API whose keys stand in a file."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.path = folder / "keys"
        self.secrets = folder / "secrets"
        self.secrets.write_text(new_secret())
        self.put("old")
        settings = Settings(api_keys_file=str(self.path), signing_secrets_file=str(self.secrets))
        self.app = create_app(settings, bench.link)
        self.http = self.app.test_client()

    def put(self, *names: str) -> None:
        """Written long ago, so that nothing waits for it to settle."""
        aside = self.path.with_name("aside")
        aside.write_text("".join(f"{KEYS[name][1]}  # {name}\n" for name in names))
        os.utime(aside, (0, 0))
        aside.rename(self.path)
        self.look()

    def look(self) -> None:
        """As if the second until the next look were over."""
        if hasattr(self, "app"):
            for file in self.app.extensions["settings_files"].files:
                file._look_at = 0.0

    def status(self, name: str) -> int:
        return self.http.get("/timers", headers=self.bearer(name)).status_code

    def bearer(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {KEYS[name][0]}"}


@pytest.fixture
def guarded(bench: Bench, tmp_path: Path) -> Guarded:
    return Guarded(bench, tmp_path)


def test_a_key_that_is_added_opens_and_one_that_is_taken_away_no_longer_does(guarded: Guarded) -> None:
    assert [guarded.status(name) for name in ("old", "new")] == [200, 401]
    guarded.put("new", "old")
    assert [guarded.status(name) for name in ("old", "new")] == [200, 200]
    guarded.put("new")
    assert [guarded.status(name) for name in ("old", "new")] == [401, 200]


def test_who_signed_in_with_a_key_is_out_with_it_at_once_and_not_back_in_with_another_of_its_name(
    guarded: Guarded,
) -> None:
    guarded.put("new", "old")
    visitor = Visitor(guarded.http)
    assert visitor.post("/ui/sign-in", {"key": KEYS["old"][0]}).status_code == 303
    assert visitor.get("/ui").status_code == 200
    guarded.put("new")
    answer = visitor.get("/ui")
    assert (answer.status_code, answer.location) == (303, "/ui/sign-in?to=/ui")
    renamed = KEYS["new"][1].replace("new:", "old:", 1)
    guarded.path.write_text(renamed)
    os.utime(guarded.path, (1, 1))
    guarded.look()
    assert visitor.get("/ui").status_code == 303


def test_a_broken_file_keeps_the_keys_and_is_told_by_readyz_and_metrics(guarded: Guarded) -> None:
    assert _ok(guarded) == {"TIMER_API_KEYS_FILE": 1, "TIMER_SIGNING_SECRETS_FILE": 1}
    assert not [it for it in _warnings(guarded) if "_FILE" in it]
    guarded.path.write_text("me:write:hunter2")
    os.utime(guarded.path, (1, 1))
    guarded.secrets.unlink()
    guarded.look()
    assert guarded.status("old") == 200
    said = [it for it in _warnings(guarded) if "is not read" in it]
    assert [it.partition(" ")[0] for it in said] == ["TIMER_SIGNING_SECRETS_FILE", "TIMER_API_KEYS_FILE"]
    assert "hunter2" not in str(said)
    assert _ok(guarded) == {"TIMER_API_KEYS_FILE": 0, "TIMER_SIGNING_SECRETS_FILE": 0}
    guarded.put("old")
    guarded.secrets.write_text(new_secret())
    os.utime(guarded.secrets, (0, 0))
    guarded.look()
    assert _ok(guarded) == {"TIMER_API_KEYS_FILE": 1, "TIMER_SIGNING_SECRETS_FILE": 1}


def test_with_keys_in_a_file_the_api_says_that_it_asks_for_one_and_that_it_signs(guarded: Guarded) -> None:
    assert "security" in guarded.http.get("/openapi.json").text
    assert not [it for it in _warnings(guarded) if "not signed" in it]
    assert guarded.http.get("/ui").status_code == 303


def test_files_are_looked_at_once_a_second_however_many_ask(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    monkeypatch.setattr(WatchedFile, "_look", lambda self: looks.append(self.variable))
    now = 1e9
    for file in guarded.app.extensions["settings_files"].files:
        file._clock = lambda: now
    for _ in range(50):
        assert guarded.status("old") == 200
    assert looks == ["TIMER_API_KEYS_FILE"]
    now += 1
    assert guarded.status("old") == 200
    assert looks == ["TIMER_API_KEYS_FILE"] * 2


def _warnings(guarded: Guarded) -> list[str]:
    answer = guarded.http.get("/readyz")
    assert answer.status_code == 200
    found: list[str] = answer.json["warnings"] if answer.json else []
    return found


def _ok(guarded: Guarded) -> dict[str, float]:
    text = guarded.http.get("/metrics", headers=guarded.bearer("old")).text
    (family,) = (it for it in text_string_to_metric_families(text) if it.name == "timer_settings_file_ok")
    return {sample.labels["setting"]: sample.value for sample in family.samples}
