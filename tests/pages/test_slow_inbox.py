"""An inbox whose answers come drop by drop holds no view of the page."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from scheduler import Settings
from tests.bench.inbox import TOKEN
from tests.bench.raw import RawReceiver, raw_receiving
from tests.bench.served import serving
from tests.bench.store import Bench, HandSetFake
from timer_service import create_app
from timer_service.inbox_address import InboxAddress

#: ms; a view waits two seconds at most for the inbox, and no machine is so busy.
_BOUND = 15_000


@pytest.fixture(params=[b"HTTP/1.1 200 OK\r\nX-", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["head", "body"])
def origin(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of an application whose inbox sends a byte every 20 ms, for as long as anybody reads."""

    def behave(receiver: RawReceiver, sock: socket.socket) -> None:
        sock.sendall(request.param)
        receiver.drip(sock, b"x")

    fake = HandSetFake()
    with raw_receiving(behave) as inbox:
        for name, value in InboxAddress(int(inbox.url.rpartition(":")[2]), TOKEN).environ.items():
            monkeypatch.setenv(name, value)
        with serving(create_app(Settings(), Bench(fake).link)) as it:
            yield it
    fake.close()


def test_the_view_and_its_live_part_come_and_say_that_the_inbox_does_not_answer(page: Page) -> None:
    """Red when only each read was bounded, not all of them together: nothing was ever answered."""
    page.goto("/ui/try", timeout=_BOUND)
    expect(page.locator("main")).to_contain_text("The inbox does not answer.")
    expect(page.get_by_label("JSON body")).to_be_visible()
    with page.expect_response("**/ui/try?live", timeout=_BOUND) as answer:
        pass
    assert answer.value.status in (200, 304)
