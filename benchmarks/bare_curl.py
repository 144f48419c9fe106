"""Requests by libcurl with as little Python around it as pycurl allows: what a poller's cost is compared with.

No part of the product, which has sockets of its own.
"""

from __future__ import annotations

import resource
import select
import time
from collections.abc import Sequence
from io import BytesIO

import pycurl

from benchmarks.figures import per_thousand
from scheduler.delivery.request import Request

COUNT = 20_000
_EVENTS = {pycurl.POLL_IN: select.EPOLLIN, pycurl.POLL_OUT: select.EPOLLOUT}
_EVENTS[pycurl.POLL_INOUT] = select.EPOLLIN | select.EPOLLOUT


def cost(url: str, count: int = COUNT) -> float:
    """CPU seconds per 1,000 POSTs of 159 bytes, 50 under way: how fast this machine is just now.

    Its speed changes by a third within minutes when others use the same host. 0.018 where our goals were set.
    """
    request = Request("POST", url, "content-type: application/json", b'"' + b"x" * 157 + b'"')
    send([request] * 1000, 50)  # connections, caches
    before = resource.getrusage(resource.RUSAGE_SELF)
    send([request] * count, 50)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return per_thousand(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, count)


def send(requests: Sequence[Request], under_way: int) -> None:
    """POST them all, so many at once. Nothing is looked at but whether it failed: raises pycurl.error."""
    _Sender(under_way).run(requests)


class _Sender:
    def __init__(self, under_way: int) -> None:
        self._epoll = select.epoll()
        self._timer_at: float | None = None
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._idle = [_handle() for _ in range(under_way)]

    def run(self, requests: Sequence[Request]) -> None:
        left = list(requests)
        ended = 0
        while ended < len(requests):
            while left and self._idle:
                curl, request = self._idle.pop(), left.pop()
                curl.setopt(pycurl.URL, request.url)
                curl.setopt(pycurl.HTTPHEADER, [request.head, "accept:", "content-type:"])
                curl.setopt(pycurl.POSTFIELDS, request.body or b"")
                self._multi.add_handle(curl)
            self._turn()
            _, well, badly = self._multi.info_read()
            for _, code, message in badly:
                raise pycurl.error(code, message)
            for curl in well:
                self._multi.remove_handle(curl)
            self._idle += well
            ended += len(well)
        self._multi.close()
        self._epoll.close()

    def _turn(self) -> None:
        pause = 1.0 if self._timer_at is None else max(0.0, self._timer_at - time.monotonic())
        for descriptor, _ in self._epoll.poll(pause):
            self._multi.socket_action(descriptor, 0)
        if self._timer_at is not None and time.monotonic() >= self._timer_at:
            self._timer_at = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)

    def _watch(self, event: int, descriptor: int, *_: object) -> None:
        if event != pycurl.POLL_REMOVE:
            try:
                self._epoll.modify(descriptor, _EVENTS[event])
            except FileNotFoundError:
                self._epoll.register(descriptor, _EVENTS[event])

    def _set_timer(self, ms: int) -> None:
        self._timer_at = None if ms < 0 else time.monotonic() + ms / 1000


def _handle() -> pycurl.Curl:
    curl = pycurl.Curl()
    curl.setopt(pycurl.NOSIGNAL, 1)
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
    curl.setopt(pycurl.NOPROXY, "*")
    curl.setopt(pycurl.WRITEFUNCTION, BytesIO().write)
    return curl
