"""RQ with its own scheduler, and requests. Its worker forks for every job, as it does unless told otherwise."""

from __future__ import annotations

from typing import Any

import requests
from redis import Redis
from rq import Queue

from benchmarks.peers.work import Post, order


def send(*words: Any) -> None:
    post = Post(*words)
    requests.post(post.url, data=post.body, headers=post.headers, timeout=15).raise_for_status()


def main() -> None:
    asked = order()
    queue = Queue(connection=Redis.from_url(asked.store))
    for post in asked.posts():
        queue.enqueue_at(post.due, "benchmarks.peers.rq_peer.send", *post)


if __name__ == "__main__":
    main()
