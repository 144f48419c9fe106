"""Dramatiq with one process of its usual eight threads, and requests."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import dramatiq
import requests
from dramatiq.brokers.redis import RedisBroker

from benchmarks.peers.work import Post, order

#: One session a thread: requests promises no more.
local = threading.local()


def install(store: str) -> None:
    dramatiq.set_broker(RedisBroker(url=store))


if __name__ == "__main__":
    install(order().store)
else:
    install(os.environ["PEER_STORE"])


@dramatiq.actor
def send(*words: Any) -> None:
    if not hasattr(local, "session"):
        local.session = requests.Session()
    post = Post(*words)
    local.session.post(post.url, data=post.body, headers=post.headers, timeout=15).raise_for_status()


def main() -> None:
    for post in order().posts():
        send.send_with_options(args=post, delay=max(0, post.due_ms - time.time_ns() // 1_000_000))


if __name__ == "__main__":
    main()
