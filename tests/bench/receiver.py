"""A receiver that records every request, and answers as the path says."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

#: Every process of the suite signs with it, and every webhook that arrives is verified.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

#: How many times as long as on a quiet machine something may take that is only waited for: where others keep all cores
#: busy, on one that is half as fast.
HELD_UP = 6


@dataclass(frozen=True)
class Hit:
    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def timer_id(self) -> str:
        return self.headers["timer-id"]

    @property
    def webhook_id(self) -> str:
        """What a receiver drops repeats by."""
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    url: str
    hits: list[Hit] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)
    #: What it was given to verify with.
    secret: str = SECRET
    #: Webhooks whose signature the reference library did not accept.
    unverified: list[Hit] = field(default_factory=list)
    #: Set to let every request at /held go on.
    release: threading.Event = field(default_factory=threading.Event)

    def record(self, hit: Hit) -> None:
        with self._news:
            if not verified(hit.body, hit.headers, self.secret):
                self.unverified.append(hit)
            self.hits.append(hit)
            self._news.notify_all()

    def wait_for(self, count: int, seconds: float) -> list[Hit]:
        """The hits, once there are so many. They may take so long on a quiet machine, and HELD_UP times that on any."""
        with self._news:
            done = self._news.wait_for(lambda: len(self.hits) >= count, HELD_UP * seconds)
        assert done, f"{len(self.hits)} of {count} hits after {HELD_UP * seconds} s"
        return list(self.hits)

    def counts(self) -> Counter[str]:
        return Counter(hit.timer_id for hit in list(self.hits))


def verified(body: bytes, headers: dict[str, str], secret: str = SECRET) -> bool:
    """What the reference library says of a webhook that arrived."""
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    except ValueError:  # verified, but the library wants JSON
        return True
    return True


class _Server(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True


@contextmanager
def receiving(port: int = 0, secret: str = SECRET) -> Iterator[Receiver]:
    """`/status/<code>` answers with it, `/sleep/<seconds>` sleeps, `/held` waits for release,
    `/again/<delay>` asks for the timer again; all else is a 204."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            at = time.time()
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length)
            if len(body) < length:  # its sender was killed between head and body: no request has arrived
                self.close_connection = True
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.record(Hit(at, self.command, self.path, headers, body))
            kind, _, value = self.path.partition("?")[0].strip("/").partition("/")
            if kind == "sleep":
                time.sleep(float(value))
            elif kind == "held":
                receiver.release.wait(60)
            self.send_response(int(value) if kind == "status" else 204)
            self.send_header("set-cookie", "session=of-another-timer")
            if kind == "again":
                self.send_header("timer-reschedule", value)
            self.send_header("content-length", "0")
            self.end_headers()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _answer

        def log_message(self, *args: object) -> None:
            pass

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except ConnectionError:
                self.close_connection = True

    server = _Server(("127.0.0.1", port), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}", secret=secret)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.release.set()
        server.shutdown()
        thread.join()
        server.server_close()
    assert not receiver.unverified
