"""requirements/*.txt, which `make upgrade` writes: pinned, hashed, and what setup.cfg declares."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.packaging.declared import ROOT, names, requirements

FILES = {path.stem: path for path in sorted((ROOT / "requirements").glob("*.txt"))}
#: The extras of each file.
EXTRAS = {
    "bench": ["bench"],
    "dev": ["up", "fast", "dev"],
    "fast": ["fast"],
    "image": ["fast", "history"],
    "up": ["up"],
}
#: A pin, on which Pythons and platforms it holds, and its hashes.
_ENTRY = re.compile(r"(\S+==[^ \n]+(?: ; [^\n\\]+)?)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n")


@cache
def pins(path: Path) -> list[tuple[Requirement, int]]:
    """Each pin with the number of its hashes."""
    return [(Requirement(pin), hashes.count("--hash")) for pin, hashes in _ENTRY.findall(path.read_text())]


def test_there_is_a_file_for_each_extra_and_one_for_what_builds_us() -> None:
    assert FILES.keys() == EXTRAS.keys() | {"build"}
    assert [canonicalize_name(pin.name) for pin, _ in pins(FILES["build"])] == ["setuptools"]


@pytest.mark.parametrize("name", FILES)
def test_a_file_has_nothing_but_pins_with_hashes(name: str) -> None:
    text = FILES[name].read_text()
    rest = [line for line in _ENTRY.sub("", text).splitlines() if not line.lstrip().startswith("#")]
    assert rest == []
    assert "//" not in text  # no index, no host: pip takes those of the machine that it runs on


@pytest.mark.parametrize("name", EXTRAS)
def test_a_file_pins_all_that_its_extras_declare_within_their_bounds(name: str) -> None:
    declared = {key: it for extra in requirements().values() for key, it in extra.items()}
    pinned: dict[str, set[str]] = {}
    for pin, _ in pins(FILES[name]):
        (version,) = pin.specifier
        pinned.setdefault(canonicalize_name(pin.name), set()).add(version.version)
    assert names(*EXTRAS[name]) <= pinned.keys(), "make upgrade"
    for key in names(*EXTRAS[name]):
        assert all(declared[key].specifier.contains(Version(version)) for version in pinned[key]), (
            f"{key}: make upgrade"
        )


@pytest.mark.parametrize("name", EXTRAS)
def test_a_pin_has_the_extras_that_others_ask_for(name: str) -> None:
    """Else pip looks for the newest version with that extra, and refuses all once there is one newer than the pin."""
    pinned: dict[str, set[str]] = {canonicalize_name(pin.name): pin.extras for pin, _ in pins(FILES[name])}
    asked: dict[str, set[str]] = {}
    for package in pinned:
        with suppress(PackageNotFoundError):
            for text in requires(package) or ():
                it = Requirement(text)
                if not it.marker or it.marker.evaluate({"extra": ""}):
                    asked.setdefault(canonicalize_name(it.name), set()).update(it.extras)
    assert {key: extras for key, extras in asked.items() if key in pinned and not extras <= pinned[key]} == {}


def test_all_files_pin_the_same_versions() -> None:
    whole = {(str(pin), count) for pin, count in pins(FILES["dev"])}
    for name in ("up", "fast", "image"):
        assert {(str(pin), count) for pin, count in pins(FILES[name])} <= whole
    versions = {pin.name: str(pin) for pin, _ in pins(FILES["dev"])}
    assert all(versions.get(pin.name, str(pin)) == str(pin) for pin, _ in pins(FILES["bench"]))
