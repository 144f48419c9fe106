"""Whoever is on call, with Now open: what timers call dies, the page names it, one click pauses it, and two replay
what failed."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from playwright.sync_api import Page, expect

from tests.bench.processes import Part, wait_until
from tests.pages import looks
from tests.pages.world import set_timers

#: Timers that are set at once, 50 ms apart: after ten failures in a row it is left alone.
COUNT = 12
#: Timers that end failed at their first attempt: too few for the destination to be left alone.
FAILING = 8
#: ms within which the page says what is wrong, on a machine whose cores are all busy; it asks once in 2 s.
TOLD = 10_000


@dataclass(frozen=True)
class Paused:
    """How soon, in seconds from before the first webhook that failed, and with how many clicks."""

    named_s: float
    paused_s: float
    clicks: int


def pause_what_died(page: Page, origin: str, port: int) -> Paused:
    """From the view Now, which says that all is well. Nothing listens on the port any more."""
    name = f"http:127.0.0.1:{port}"
    say = page.locator("#say")
    expect(say).to_have_text("All on time")
    began, clicks = time.monotonic(), 0
    call(origin, port)
    expect(say).to_have_text(re.compile(rf"{name} refuses the connection"), timeout=TOLD)
    named = time.monotonic() - began
    expect(page).to_have_title(re.compile(r"^(1 destination (fails|is broken)|\d+ late) · Now"))
    page.get_by_label("Reason").fill("their incident 4471")
    page.get_by_role("button", name="Pause this destination").click()
    clicks += 1
    expect(say).to_have_text("Paused")
    found = Paused(named, time.monotonic() - began, clicks)
    told = requests.get(f"{origin}/destinations/{name}", timeout=30).json()
    assert (told["state"], told["paused"]["reason"]) == ("paused", "their incident 4471")
    looks.go(page, "/ui")
    expect(say).to_have_text(f"{name} is paused", timeout=TOLD)
    return found


@dataclass(frozen=True)
class Replayed:
    """With how many clicks from Now, and how soon the last arrived after the last of them, in seconds."""

    arrived_s: float
    clicks: int


def fail(page: Page, origin: str, port: int) -> list[str]:
    """Timers that are tried once; nothing listens on the port. From the view Now, until it tells of them."""
    url = f"http://127.0.0.1:{port}/once"
    timers = set_timers(origin, [{"delay": 0, "url": url, "max_attempts": 1} for _ in range(FAILING)])
    expect(page.locator("#say")).to_have_text(re.compile(rf"http:127.0.0.1:{port} refuses"), timeout=TOLD)
    _reached(origin, timers, "failed")
    return timers


def replay_what_failed(page: Page, origin: str, timers: Sequence[str]) -> Replayed:
    """From the view Now. Their receiver is back, and nothing else has failed."""
    page.get_by_role("navigation", name="Views").get_by_role("link", name="Failed").click()
    page.get_by_role("button", name=f"Replay all {len(timers)}").click()
    began = time.monotonic()
    expect(page.get_by_role("status").first).to_have_text(re.compile(rf"^{len(timers)} "), timeout=TOLD)
    _reached(origin, timers, "delivered")
    return Replayed(time.monotonic() - began, clicks=2)


def _reached(origin: str, timers: Sequence[str], status: str) -> None:
    """Wait until all have this status."""

    def found() -> set[str]:
        return {requests.get(f"{origin}/timers/{it}", timeout=30).json()["status"] for it in timers}

    wait_until(lambda: found() == {status}, 20, f"all are {status}")


def call(origin: str, port: int) -> None:
    """Timers that are tried once a second for as long as it takes."""
    wait = {"max_attempts": 50, "backoff": [1]}
    url = f"http://127.0.0.1:{port}/orders"
    set_timers(origin, [{"delay": f"{50 * number}ms", "url": url, **wait} for number in range(COUNT)])


def delivered(origin: str, count: int) -> None:
    """Wait until so many are, and none has failed."""

    def stats() -> dict[str, int]:
        found: dict[str, int] = requests.get(f"{origin}/stats", timeout=30).json()
        return found

    wait_until(lambda: stats()["delivered"] == count, 40, f"{count} arrive")
    assert stats()["failed"] == 0


@contextmanager
def receiver(port: int, log: Path) -> Iterator[Part]:
    """A process that answers; it is killed at the end, if not before."""
    part = Part("receive", "--port", str(port), log=log)
    try:
        wait_until(lambda: str(port) in part.output(), 20, "a receiver that listens")
        yield part
    finally:
        part.kill()
