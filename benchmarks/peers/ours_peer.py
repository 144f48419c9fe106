"""The timer service, set through its own engine."""

from __future__ import annotations

from benchmarks.peers.work import order
from scheduler import Draft, Settings, Store, Webhook


def main() -> None:
    asked = order()
    timers = Store(Settings(redis_url=asked.store, store_timeout=5)).timers
    posts = list(asked.posts())
    for start in range(0, len(posts), 200):
        timers.set(
            *(
                Draft(id=timers.new_id(), webhook=Webhook(url=post.url, body=post.body.encode()), due_at=post.due_ms)
                for post in posts[start : start + 200]
            )
        )


if __name__ == "__main__":
    main()
