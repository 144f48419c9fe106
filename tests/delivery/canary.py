"""Run inside a network namespace of its own, where every address is local: calls URLs and tells what was reached.

One listener on port 80 of every address, IPv4 and IPv6, answers 204 and notes which address each connection asked for.
A name server on 127.0.0.1 gives the answers below. Arguments are the path of a resolv.conf, which is written, and the
resolver's name. URLs come as JSON on standard input; JSON comes back:
{"outcomes": {url: status or error}, "seconds": {url: duration}, "reached": [address, ...], "queries": {name: count}}.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
from collections import Counter
from ipaddress import ip_address

from scheduler import Checkpoint, Guard, Signer, StoreClock
from scheduler.delivery.sockets.transport import SocketTransport
from scheduler.delivery.transport import Answer
from tests.bench.raw import read_request
from tests.bench.transports import claim

PUBLIC = "93.184.216.34"
#: name -> the addresses of each answer in turn; the last repeats.
NAMES: dict[str, list[list[str]]] = {
    "public.test": [[PUBLIC]],
    "public6.test": [["2606:4700::1111"]],
    "private.test": [["10.0.0.1"]],
    "metadata.test": [["169.254.169.254"]],
    "private6.test": [["fd00:ec2::254"]],
    "mapped.test": [["::ffff:127.0.0.1"]],
    "mixed.test": [[PUBLIC, "127.0.0.1"]],
    "mixed6.test": [[PUBLIC, "::1"]],
    # Of the two above both resolvers tell loopback first, of these the public address, which must not be called.
    "last.test": [[PUBLIC, "10.0.0.1"]],
    "last6.test": [[PUBLIC, "fd00:ec2::254"]],
    "rebinding.test": [[PUBLIC], ["127.0.0.1"]],
    "slow.test": [[PUBLIC]],
}
#: Seconds until a name that ends in slow.test is answered for.
SLOW = 3.0
reached: list[str] = []
queries: Counter[str] = Counter()


def main() -> None:
    for command in ("link set lo up", "route add local default dev lo", "-6 route add local default dev lo"):
        subprocess.run(["ip", *command.split()], check=True)
    resolv_conf, resolver = sys.argv[1:]
    with open(resolv_conf, "w") as conf:
        conf.write("nameserver 127.0.0.1\noptions timeout:10 attempts:1\n")
    subprocess.run(["mount", "--bind", resolv_conf, "/etc/resolv.conf"], check=True)  # for this namespace alone
    listen()
    serve_names()
    transport = opened(resolver, slots=256, lease=60)
    urls = json.load(sys.stdin)
    at_once = any("silent" in url for url in urls)
    answers: list[Answer] = []
    for number, url in enumerate(urls, 1):
        transport.submit(claim(url, timeout=1 if "silent" in url else 8 if "slow" in url else 3))
        while not at_once and len(answers) < number:
            answers += transport.wait(5)
    while len(answers) < len(urls):
        answers += transport.wait(5)
    outcomes = {answer.claim.webhook.url: answer.status_code or answer.error for answer in answers}
    seconds = {answer.claim.webhook.url: answer.duration_ms / 1000 for answer in answers}
    told = {"outcomes": outcomes, "seconds": seconds, "reached": sorted(set(reached)), "queries": queries}
    print(json.dumps(told))


def opened(resolver: str, slots: int, lease: float) -> SocketTransport:
    """One that looks names up with "c-ares", or in "threads" as where pycares is not installed."""
    if resolver == "threads":
        sys.modules["pycares"] = None  # type: ignore[assignment]
    transport = SocketTransport(StoreClock(), Signer(""), Checkpoint(Guard()), slots=slots, lease=lease)
    used = type(transport._lookups._resolver).__name__
    assert used == {"c-ares": "CaresResolver", "threads": "ThreadResolver"}[resolver], used
    return transport


def listen() -> None:
    """In a thread; whoever calls from now on is heard."""
    listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("::", 80))
    listener.listen(64)
    threading.Thread(target=_answer, args=(listener,), daemon=True).start()


def _answer(listener: socket.socket) -> None:
    while True:
        sock, _ = listener.accept()
        address = ip_address(sock.getsockname()[0].partition("%")[0])
        reached.append(str(getattr(address, "ipv4_mapped", None) or address))
        with contextlib.suppress(OSError), sock:
            read_request(sock)
            sock.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")


def serve_names(address: str = "127.0.0.1", names: dict[str, list[list[str]]] = NAMES, ttl: int = 0) -> None:
    """In a thread; whoever asks from now on is answered."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, 53))
    threading.Thread(target=_tell_names, args=(server, names, ttl), daemon=True).start()


def _tell_names(server: socket.socket, names: dict[str, list[list[str]]], ttl: int) -> None:
    while True:
        query, client = server.recvfrom(512)
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        name, kind = ".".join(labels).lower(), query[at + 2]
        if name.endswith("silent.test"):
            continue
        seconds = SLOW if name.endswith("slow.test") else 0
        name = "slow.test" if seconds else name
        addresses = []
        if kind in (1, 28):
            if kind == 1:
                queries[name] += 1
            turns = names.get(name, [[]])
            turn = turns[min(max(queries[name], 1), len(turns)) - 1]
            addresses = [ip_address(text).packed for text in turn]
            addresses = [packed for packed in addresses if len(packed) == (4 if kind == 1 else 16)]
        # An answer, SERVFAIL, or NXDOMAIN.
        flags = b"\x81\x80" if name in names else b"\x81\x82" if name.startswith("failing") else b"\x81\x83"
        head = query[:2] + flags + b"\x00\x01" + len(addresses).to_bytes(2, "big") + b"\x00" * 4
        answers = (
            b"\xc0\x0c\x00%c\x00\x01" % kind + ttl.to_bytes(4, "big") + len(packed).to_bytes(2, "big") + packed
            for packed in addresses
        )
        reply = head + query[12 : at + 5] + b"".join(answers)
        if seconds:
            threading.Timer(seconds, server.sendto, (reply, client)).start()
        else:
            server.sendto(reply, client)


if __name__ == "__main__":
    main()
