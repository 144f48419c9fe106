"""What a pending timer costs the store, in bytes, on the embedded Valkey and on Redis.

    python -m benchmarks.memory --quick

URLs of 60 bytes and bodies of 150, neither compressible; with and without a tag and a key each. `used` is what the
server itself allocates for all its data, indexes included; `resident` what the kernel gives the process for it.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from benchmarks import part
from benchmarks.figures import Row, rounded
from benchmarks.filling import DAY_MS, fill
from benchmarks.part import Options, Part, say
from tests.bench.servers import BINARIES, Server

_HOOK = "http://127.0.0.1:9000/hook"


def measure(options: Options) -> tuple[list[Row], dict[str, Any]]:
    """Once each: the same timers take the same bytes."""
    rows: list[Row] = []
    counts = (10_000,) if options.quick else (100_000, 1_000_000)
    for name, binary in BINARIES.items():
        if options.only and name not in options.only:
            continue
        for tags in (0, 100):
            row: Row = {"server": name, "each with": "tag and key" if tags else "neither"}
            if binary is None:
                rows.append({**row, "absent": f"{name}-server is not installed"})
            else:
                found = footprints(binary, counts, tags)
                rows += [{**row, **more} for more in found]
                say(
                    "; ".join(
                        f"{name}, {row['each with']}, {it['pending']:,.0f}: {it['used_bytes']} bytes" for it in found
                    )
                )
    return rows, {}


def footprints(binary: str, counts: tuple[int, ...], tags: int) -> list[dict[str, float]]:
    """At each of these counts, one server that fills."""
    # Filling would make it rewrite its append-only file again and again, which changes nothing of what is measured.
    server = Server(binary, "--auto-aof-rewrite-percentage", "0").start()
    try:
        client = server.client()
        used, resident = client.info("memory")["used_memory"], _resident(server.pid)
        due, pending, found = time.time_ns() // 1_000_000 + DAY_MS, 0, []
        for count in counts:
            fill(server.url, _HOOK, count - pending, due, DAY_MS, tags=tags)
            pending = count
            found.append(
                {
                    "pending": float(count),
                    "used_bytes": rounded((client.info("memory")["used_memory"] - used) / count),
                    "resident_bytes": rounded((_resident(server.pid) - resident) / count),
                }
            )
        client.close()
    finally:
        server.remove()
    return found


def _resident(pid: int) -> int:
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found
    return 1024 * int(found[1])


PART = Part("memory", __doc__, measure)

if __name__ == "__main__":
    part.main(PART, names=list(BINARIES))
