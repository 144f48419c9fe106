"""Of many requests that are begun at once, the first are on their way before the last is begun."""

from __future__ import annotations

import time

import pycurl

from scheduler.delivery.curl.transport import CurlTransport
from tests.bench.receiver import Receiver
from tests.bench.transports import claim, collect

MANY = 48


def test_the_first_arrive_though_nobody_has_waited_for_them(curl: CurlTransport, receiver: Receiver) -> None:
    for _ in range(MANY):
        curl.submit(claim(f"{receiver.url}/held"))
    receiver.wait_for(16, 10)


def test_what_was_answered_meanwhile_is_told_by_the_next_wait_once(curl: CurlTransport, receiver: Receiver) -> None:
    sent = [claim(receiver.url) for _ in range(2 * MANY)]
    for it in sent:
        curl.submit(it)
    answers = collect(curl, len(sent))
    assert sorted(answer.claim.id for answer in answers) == sorted(it.id for it in sent)
    assert {answer.status_code for answer in answers} == {204}


def test_a_wake_that_was_heard_while_they_were_begun_ends_the_next_wait(
    curl: CurlTransport, receiver: Receiver
) -> None:
    curl.wake()
    for _ in range(MANY):
        curl.submit(claim(f"{receiver.url}/held", timeout=300))
    receiver.wait_for(16, 10)
    for _ in range(50):  # until nothing else is about to happen
        curl._turn(time.monotonic() + 0.02)
    begun = time.monotonic()
    curl.wait(40)
    assert time.monotonic() - begun < 30


def test_when_libcurl_says_no_meanwhile_each_ends_once_and_the_next_goes_well(
    curl: CurlTransport, receiver: Receiver
) -> None:
    curl._under_way.multi.setopt(pycurl.M_SOCKETFUNCTION, lambda *_: 1 / 0)
    sent = [claim(receiver.url) for _ in range(MANY)]
    for it in sent:
        curl.submit(it)
    assert sorted(answer.claim.id for answer in collect(curl, MANY)) == sorted(it.id for it in sent)
    curl.submit(claim(receiver.url))
    assert [answer.status_code for answer in collect(curl, 1)] == [204]
