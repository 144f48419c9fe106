"""Sets timers for receivers at a steady pace, each asked for until it is acknowledged."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from typing import Self

from tests.faults.field import Field
from tests.faults.history import Verdict
from tests.faults.load import Client
from tests.faults.once_receivers import Kept

#: A second, to all receivers together.
_RATE = 20
#: One in so many has its receiver kill itself after the effect; one in so many is answered late.
_DEADLY, _HELD = 10, 2


class OnceLoad:
    """Runs from start() to stop(), in a thread."""

    def __init__(self, field: Field, receivers: Sequence[Kept], seed: int) -> None:
        self._client = Client([field.url])
        self._receivers = receivers
        self._chance = random.Random(seed)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        #: By receiver: the number of each timer by its id.
        self.acknowledged: dict[str, dict[str, int]] = {it.effects.kind: {} for it in receivers}

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Once all that was asked for is acknowledged."""
        self._over.set()
        self._thread.join(120)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        number = 0
        while not self._over.is_set():
            receiver = self._receivers[number % len(self._receivers)]
            timer_id = self._set(number, f"{receiver.url}/{number}/{self._how(number // len(self._receivers))}")
            self.acknowledged[receiver.effects.kind][timer_id] = number
            number += 1
            self._over.wait(1 / _RATE)
        self._client.close()

    def _how(self, number: int) -> str:
        if number % _DEADLY == 0:
            return "0/die"
        return f"{self._chance.randint(500, 2000)}" if number % _HELD == 1 else "0"

    def _set(self, number: int, url: str) -> str:
        """Its id. A create whose answer is not known is asked for again under its key, and makes one timer."""
        asked = {"url": url, "delay": round(self._chance.uniform(0, 1), 3), "backoff": [1], "max_attempts": 100}
        until = time.monotonic() + 100
        while time.monotonic() < until:
            verdict, _, said = self._client.ask("POST", "/timers", asked, **{"Idempotency-Key": f"once-{number}"})
            if verdict is Verdict.OK:
                return str(said["id"])
            time.sleep(0.2)
        raise AssertionError(f"timer {number} was not acknowledged")
