"""What the benchmarks stand on: a compiled receiver, and CPU seconds by process."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.processes import free_port, wait_until

_TICKS = os.sysconf("SC_CLK_TCK")
_CONF = """
daemon off; master_process off; error_log stderr error; pid {folder}/pid;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 300s; client_body_temp_path {folder}/body;
  server {{ listen 127.0.0.1:{port} backlog=8192 reuseport; location / {{ return 204; }} }}
}}
"""


@contextmanager
def nginx() -> Iterator[str]:
    """A receiver that answers 204 and is never the bottleneck; yields its URL."""
    binary = shutil.which("nginx")
    if binary is None:
        raise SystemExit("nginx is not installed: apt-get install nginx-light")
    with tempfile.TemporaryDirectory(prefix="ts-nginx-") as folder:
        port = free_port()
        conf = Path(folder) / "nginx.conf"
        conf.write_text(_CONF.format(folder=folder, port=port))
        process = subprocess.Popen([binary, "-c", str(conf), "-p", folder])
        try:
            wait_until((Path(folder) / "pid").exists, 10, "nginx")
            yield f"http://127.0.0.1:{port}/hook"
        finally:
            process.terminate()
            process.wait()


def cpu(pid: int) -> float:
    """Seconds of processor time so far, with those of threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
