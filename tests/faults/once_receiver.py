"""A process that receives webhooks and acts on each: a row in SQLite or an entry in Redis, with the helper or without.

`/<number>/<ms>`: it acts, and a first attempt is answered after so many ms. `/<number>/<ms>/die`: on a first attempt it
kills itself between the effect and the answer. It appends a word and the webhook-id to a file for all that it receives:
`received`, and `known` where that had its effect already.

Arguments: sqlite or redis, the port, where the store is, `once` or `bare`, the file. TIMER_SIGNING_SECRETS: those of
all pollers.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, event, insert
from sqlalchemy.pool import NullPool

from timer_service.client import VerificationError, verify
from timer_service.once import Busy
from timer_service.once import redis as once_redis
from timer_service.once import sqlalchemy as once_sqlalchemy

#: Acts on a number for a webhook-id, and says whether it did.
Act = Callable[[str, int], bool]
EFFECTS = Table("effects", MetaData(), Column("id", Integer, primary_key=True), Column("number", Integer))
#: The list in Redis.
LIST = "effects"


def in_sqlite(place: str, with_helper: bool) -> Act:
    engine = create_engine(f"sqlite:///{place}?timeout=20", poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def connected(driver: object, _: object) -> None:
        driver.execute("PRAGMA journal_mode = WAL")  # type: ignore[attr-defined]

    once_sqlalchemy.create_table(engine)
    EFFECTS.create(engine, checkfirst=True)

    def act(webhook_id: str, number: int) -> bool:
        with engine.begin() as connection:
            if with_helper and not once_sqlalchemy.first_time(connection, webhook_id):
                return False
            connection.execute(insert(EFFECTS).values(number=number))
        return True

    return act


def in_redis(place: str, with_helper: bool) -> Act:
    client = redis.Redis(unix_socket_path=place, socket_timeout=5, retry=Retry(NoBackoff(), 0))

    def act(webhook_id: str, number: int) -> bool:
        if with_helper:
            return once_redis.first_time(client, webhook_id, lambda pipe: pipe.rpush(LIST, number))
        client.rpush(LIST, number)
        return True

    return act


class _Server(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True


def serve(port: int, act: Act, file: str, secrets: str) -> None:
    note = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            try:
                webhook_id = verify(dict(self.headers), body, secrets)
            except VerificationError:
                self._answer(403)
                return
            os.write(note, f"received {webhook_id}\n".encode())
            _, number, hold, *rest = self.path.split("/")
            try:
                if not act(webhook_id, int(number)):
                    os.write(note, f"known {webhook_id}\n".encode())
            except (Busy, redis.RedisError):
                self._answer(503)
                return
            if self.headers["timer-attempt"] == "1":
                if rest == ["die"]:
                    os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(int(hold) / 1000)
            self._answer(204)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            # Else the destination would be held for all, and not this one alone.
            self.send_header("timer-scope", "timer")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except ConnectionError:
                self.close_connection = True

    _Server(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    kind, its_port, its_place, how, its_file = sys.argv[1:]
    acting = (in_sqlite if kind == "sqlite" else in_redis)(its_place, how == "once")
    serve(int(its_port), acting, its_file, os.environ["TIMER_SIGNING_SECRETS"])
