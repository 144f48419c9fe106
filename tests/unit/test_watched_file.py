"""A setting in a file: read anew when another file stands there, and kept while none does that can be read."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scheduler import Settings, SettingsError, Signer, SignerOfFile, WatchedFile, read_as
from scheduler.signing_keys import new_secret
from timer_service.web.access.api_keys import new_key
from timer_service.web.access.settings_files import open_files

OLD, NEW = new_secret(), new_secret()


class Clock:
    """Turned by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Place:
    """A file's path, and what reads it once a second of a clock that is turned."""

    def __init__(self, folder: Path, text: str) -> None:
        self.path = folder / "secrets"
        self.clock = Clock()
        self.put(text)
        self.file = WatchedFile("TIMER_SIGNING_SECRETS_FILE", str(self.path), read_as.signing_secrets, self.clock)

    def put(self, text: str, age: float = 10) -> None:
        """By renaming a file over it that was last written so many seconds ago."""
        aside = self.path.with_name("aside")
        aside.write_text(text)
        written = time.time() - age
        os.utime(aside, (written, written))
        aside.rename(self.path)

    def later(self) -> str:
        self.clock.now += 1
        return self.file.value()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, OLD)


@pytest.mark.parametrize(
    "text",
    [
        f"{OLD},{NEW}",
        f"{OLD}\n{NEW}\n",
        f"# the older one\r\n{OLD}  # until Friday\r\n\r\n , {NEW},\r\n",
        f"\ufeff{OLD}\n{NEW}",
    ],
)
def test_entries_stand_one_a_line_or_comma_separated_with_comments(tmp_path: Path, text: str) -> None:
    assert Place(tmp_path, text).file.value() == f"{OLD},{NEW}"


def test_another_file_at_the_same_path_counts_a_second_later(place: Place) -> None:
    place.put(NEW)
    assert place.file.value() == OLD
    place.clock.now += 0.9
    assert place.file.value() == OLD
    place.clock.now += 0.1
    assert place.file.value() == NEW
    assert not place.file.problem()


def test_a_symbolic_link_that_is_swapped_leads_to_the_new_one(tmp_path: Path) -> None:
    """As Kubernetes does it: secrets -> ..data/secrets, and ..data -> a folder of its own for each version."""
    for name, text in (("first", OLD), ("second", NEW)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "secrets").write_text(text)
        os.utime(tmp_path / name / "secrets", (0, 0))
    (tmp_path / "..data").symlink_to("first")
    (tmp_path / "secrets").symlink_to("..data/secrets")
    clock = Clock()
    file = WatchedFile("TIMER_SIGNING_SECRETS_FILE", str(tmp_path / "secrets"), read_as.signing_secrets, clock)
    assert file.value() == OLD
    (tmp_path / "..swap").symlink_to("second")
    (tmp_path / "..swap").rename(tmp_path / "..data")
    clock.now += 1
    assert file.value() == NEW


def test_a_file_that_was_written_this_moment_may_be_half_written_and_waits_for_the_next_look(place: Place) -> None:
    place.put(NEW, age=0)
    assert place.later() == OLD
    os.utime(place.path, (0, 0))
    assert place.later() == NEW


def test_a_file_of_the_future_is_read_all_the_same(place: Place) -> None:
    place.put(NEW, age=-3600)
    assert place.later() == NEW


def _gone(place: Place) -> None:
    place.path.unlink()


def _folder(place: Place) -> None:
    place.path.unlink()
    place.path.mkdir()
    os.utime(place.path, (0, 0))


def _pipe(place: Place) -> None:
    place.path.unlink()
    os.mkfifo(place.path)
    os.utime(place.path, (0, 0))


def _unreadable(place: Place) -> None:
    place.put("")
    place.path.write_bytes(b"\xff" + OLD.encode())
    os.utime(place.path, (0, 0))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_gone, "No such file"),
        (_folder, "Is a directory"),
        (_pipe, "a file"),
        (_unreadable, "text in UTF-8"),
        (lambda place: place.put(""), "at least one entry"),
        (lambda place: place.put("# nothing but this\n"), "at least one entry"),
        (lambda place: place.put(OLD[:-9]), "whsec_"),
        (lambda place: place.put(f"{NEW}\n{OLD} {NEW}"), "whsec_"),
        (lambda place: place.put("#" * 2**20 + "\n" + NEW), "at most"),
    ],
    ids=["gone", "folder", "pipe", "bytes", "empty", "comments", "cut", "blank", "large"],
)
def test_what_cannot_be_read_leaves_what_was_read_before_and_is_said_once_without_what_it_holds(
    place: Place, spoil: Callable[[Place], None], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    spoil(place)
    with caplog.at_level(logging.DEBUG):
        assert [place.later() for _ in range(5)] == [OLD] * 5
    assert why in place.file.problem()
    assert place.file.problem().startswith("TIMER_SIGNING_SECRETS_FILE is not read: ")
    assert [it.getMessage() for it in caplog.records] == [place.file.problem()]
    assert not [it for it in (OLD, NEW, OLD[6:20], NEW[6:20]) if it in caplog.text]
    if place.path.is_dir():
        place.path.rmdir()
    place.put(NEW)
    assert place.later() == NEW
    assert not place.file.problem()


def test_the_same_file_that_comes_back_is_good_again(place: Place) -> None:
    aside = place.path.rename(place.path.with_name("away"))
    assert place.later() == OLD
    assert place.file.problem()
    aside.rename(place.path)
    assert place.later() == OLD
    assert not place.file.problem()


@pytest.mark.parametrize("text", [None, "", "#", "hunter2"])
@pytest.mark.parametrize("name", ["api_keys", "signing_secrets"])
def test_nothing_starts_with_a_file_that_cannot_be_read(tmp_path: Path, name: str, text: str | None) -> None:
    path = tmp_path / "file"
    if text is not None:
        path.write_text(text)
    variable = f"TIMER_{name.upper()}_FILE"
    settings = Settings.from_env({variable: str(path)})
    with pytest.raises(SettingsError) as caught:
        open_files(settings)
    assert str(caught.value).startswith(f"{variable} '{path}' is refused: ")
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["TIMER_API_KEYS", "TIMER_SIGNING_SECRETS"])
def test_a_variable_and_its_file_are_refused_together(tmp_path: Path, name: str) -> None:
    value = new_key("me", "write")[1] if name == "TIMER_API_KEYS" else OLD
    with pytest.raises(SettingsError, match=f"{name} and {name}_FILE"):
        Settings.from_env({name: value, f"{name}_FILE": str(tmp_path)})


def test_keys_in_a_file_let_the_api_listen_anywhere(tmp_path: Path) -> None:
    assert Settings.from_env({"TIMER_HOST": "0.0.0.0", "TIMER_API_KEYS_FILE": str(tmp_path)}).has_keys


def test_who_signs_stays_the_same_until_the_file_changes_and_tells_no_secret(tmp_path: Path) -> None:
    """A transport holds back what another has signed."""
    path = tmp_path / "secrets"
    path.write_text(OLD)
    it = SignerOfFile(str(path))
    signer = it.current()
    assert it.current() is signer
    assert signer.sign("id", 1, b"") == Signer(OLD).sign("id", 1, b"")
    assert OLD[6:] not in f"{it!r} {it.file!r} {vars(it.file)!r}"
