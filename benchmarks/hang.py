"""What hanging receivers cost their neighbours: lateness of healthy timers while others hang.

    python -m benchmarks.hang --transport curl

Two cases: 1,000 destinations with one hanging timer each (as many ports of 127.0.0.1), and 10,000 hanging timers of one
destination. Meanwhile 1,000 healthy timers fall due, 100 a second; lateness is what the attempts themselves record.
"""

from __future__ import annotations

import argparse
import socket
import tempfile
import time
from pathlib import Path

from benchmarks.bench import nginx
from scheduler import Draft, Webhook
from tests.bench.processes import Service, wait_until

HEALTHY, PER_SECOND = 1000, 100


def silence(count: int) -> list[socket.socket]:
    """Listeners that never accept: the kernel shakes hands, and that is all."""
    return [socket.create_server(("127.0.0.1", 0), backlog=4096) for _ in range(count)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--transport", choices=("curl", "requests"), default="curl")
    options = parser.parse_args()
    listeners = silence(1000)
    many = [f"http://127.0.0.1:{listener.getsockname()[1]}/" for listener in listeners]
    one = [many[0]] * 10_000
    with nginx() as url:
        if options.transport == "curl":  # requests has fewer slots than that many destinations
            report(options.transport, "1,000 destinations with one hanging timer each", many, url)
        report(options.transport, "10,000 hanging timers of one destination", one, url)
    for listener in listeners:
        listener.close()


def report(transport: str, case: str, hanging: list[str], url: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder), TIMER_TRANSPORT=transport)
        try:
            service.poller()
            for start in range(0, len(hanging), 200):
                drafts = [_draft(service, hook, 0, timeout=120) for hook in hanging[start : start + 200]]
                service.timers.schedule(*drafts)
            time.sleep(3)
            gap = 1000 // PER_SECOND
            ids = [
                timer.id
                for start in range(0, HEALTHY, 200)
                for timer in service.timers.schedule(
                    *(_draft(service, url, 1000 + gap * number) for number in range(start, start + 200))
                )
            ]
            wait_until(lambda: service.timers.stats().delivered >= HEALTHY, 60, "all healthy ones")
            late = sorted(service.timers.attempts(timer_id)[0].lateness_ms or 0 for timer_id in ids)
        finally:
            service.remove()
    p50, p99 = late[HEALTHY // 2], late[HEALTHY * 99 // 100]
    print(f"{transport}, {case}: lateness of the healthy p50 {p50} p99 {p99} max {late[-1]} ms", flush=True)


def _draft(service: Service, url: str, delay_ms: int, timeout: float = 15) -> Draft:
    return Draft(id=service.timers.new_id(), webhook=Webhook(url=url, timeout=timeout), delay_ms=delay_ms)


if __name__ == "__main__":
    main()
