"""Celery with its gevent pool, and requests, which gevent makes cooperative; acknowledged early, as it comes."""

from __future__ import annotations

import os
from typing import Any

import requests
from celery import Celery
from requests.adapters import HTTPAdapter

from benchmarks.peers.work import Post, order

app = Celery(broker=os.environ.get("PEER_STORE", ""))
app.conf.task_ignore_result = True
app.conf.broker_connection_retry_on_startup = True
session = requests.Session()
session.mount("http://", HTTPAdapter(pool_maxsize=100))


@app.task
def send(*words: Any) -> None:
    post = Post(*words)
    session.post(post.url, data=post.body, headers=post.headers, timeout=15).raise_for_status()


def main() -> None:
    asked = order()
    app.conf.broker_url = asked.store
    with app.producer_pool.acquire() as producer:
        for post in asked.posts():
            send.apply_async(args=post, eta=post.due, producer=producer)


if __name__ == "__main__":
    send.name = "benchmarks.peers.celery_peer.send"
    main()
