"""arq, and aiohttp: the fastest of the clients that an asyncio user would pick."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import aiohttp
from arq import create_pool
from arq.connections import RedisSettings

from benchmarks.peers.work import Order, Post, order


async def send(ctx: dict[str, Any], *words: Any) -> None:
    post = Post(*words)
    async with ctx["session"].post(post.url, data=post.body, headers=post.headers) as answer:
        answer.raise_for_status()


async def startup(ctx: dict[str, Any]) -> None:
    ctx["session"] = aiohttp.ClientSession()


async def shutdown(ctx: dict[str, Any]) -> None:
    await ctx["session"].close()


class WorkerSettings:
    functions = (send,)
    on_startup = startup
    on_shutdown = shutdown
    redis_settings = RedisSettings.from_dsn(os.environ.get("PEER_STORE", "redis://"))
    max_jobs = 100
    keep_result = 0


async def fill(asked: Order) -> None:
    pool = await create_pool(RedisSettings.from_dsn(asked.store))
    for post in asked.posts():
        await pool.enqueue_job("send", *post, _defer_until=post.due)
    await pool.aclose()


if __name__ == "__main__":
    asyncio.run(fill(order()))
