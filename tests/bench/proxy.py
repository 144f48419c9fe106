"""nginx as deploy/nginx sets it up, on loopback, with other ports and a certificate of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.bench import needed
from tests.bench.pages import ROOT
from tests.bench.processes import accepts, free_port, wait_until

CONF = ROOT / "deploy/nginx/timer-service.conf"
NAME = "timers.example.com"
#: nginx in the foreground, that needs no folder of the system's.
_AROUND = """
daemon off; {user} worker_processes 1; pid {folder}/pid; error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log {folder}/access.log; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    include {folder}/timer-service.conf;
}}
"""


class Proxy(NamedTuple):
    #: With TLS, by a name that its certificate has: localhost.
    url: str
    plain_url: str
    #: Of whom its certificate is; for `verify=` of requests.
    authority: str
    folder: Path


@contextmanager
def nginx(folder: Path, apis: Sequence[int]) -> Iterator[Proxy]:
    """`apis`: their two ports."""
    binary = needed.program("nginx", "nginx-light")
    proxy, tls, plain = _prepare(folder)
    said = CONF.read_text()
    for its, ours in (
        ("127.0.0.1:8000 ", f"127.0.0.1:{apis[0]} "),
        ("127.0.0.1:8001 ", f"127.0.0.1:{apis[1]} "),
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{tls} ssl;"),
        (NAME, "localhost"),
        ("/etc/ssl/localhost", str(folder / "localhost")),
    ):
        assert its in said, its
        said = said.replace(its, ours)
    (folder / "timer-service.conf").write_text(said)
    (folder / "nginx.conf").write_text(_AROUND.format(folder=folder, user="user root;" if os.geteuid() == 0 else ""))
    with _running([binary, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")], tls):
        yield proxy


def _prepare(folder: Path) -> tuple[Proxy, int, int]:
    """A folder with a certificate in it, and two free ports."""
    folder.mkdir()
    authority = folder / "localhost.pem"
    # fmt: off
    subprocess.run(
        [needed.program("openssl", "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", folder / "localhost.key", "-out", authority],
        check=True, capture_output=True,
    )
    # fmt: on
    tls, plain = free_port(), free_port()
    return Proxy(f"https://localhost:{tls}", f"http://localhost:{plain}", str(authority), folder), tls, plain


@contextmanager
def _running(command: Sequence[str], port: int) -> Iterator[None]:
    folder = Path(command[-1]).parent
    with (folder / "output").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, process_group=0)
    try:
        wait_until(lambda: process.poll() is not None or accepts(port), 20, "a proxy that listens")
        assert process.poll() is None, (folder / "output").read_text()
        yield
    finally:
        process.terminate()
        process.wait(60)
