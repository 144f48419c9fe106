"""Run as a program: a client that was used goes through a fork, and parent and children use it at the same time.

    python -m tests.client.forks URL given|own|async

The service answers with the timer of the id that it was asked for; on a shared socket some answers would be another's.
"""

from __future__ import annotations

import asyncio
import os
import sys

import requests

from timer_service.client import AsyncTimerClient, TimerClient

CHILDREN, CALLS = 3, 20


def main(url: str, kind: str) -> int:
    if kind == "async":
        client = AsyncTimerClient(url, retries=0)

        def ask(name: str) -> bool:
            async def all_calls() -> bool:
                return all([(await client.get(f"{name}{n}")).id == f"{name}{n}" for n in range(CALLS)])

            # Not asyncio.run(), which would close the parent's connections before it forks.
            return asyncio.new_event_loop().run_until_complete(all_calls())
    else:
        blocking = TimerClient(url, retries=0, session=requests.Session() if kind == "given" else None)

        def ask(name: str) -> bool:
            return all(blocking.get(f"{name}{n}").id == f"{name}{n}" for n in range(CALLS))

    assert ask("before")
    children = []
    for number in range(CHILDREN):
        if not (child := os.fork()):
            try:
                os._exit(0 if ask(f"child{number}x") else 1)
            finally:
                os._exit(2)
        children.append(child)
    right = ask("parent")
    ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    print(right, ended)
    return 0 if right and not any(ended) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
