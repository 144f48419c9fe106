"""Run inside network and mount namespaces of its own: changes how names are looked up while a transport runs.

Two name servers, on 127.0.0.1 and 127.0.0.2, tell different public addresses, and tell both for five minutes. The
folder and the resolver's name are arguments. Prints, as JSON, what each change led to: {step: outcome or address}.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from scheduler.delivery.sockets import lookups
from scheduler.delivery.transport import Answer
from tests.bench.transports import claim
from tests.delivery import canary

FIRST, SECOND, THIRD = "93.184.216.1", "93.184.216.2", "93.184.216.3"
#: Seconds within which a change must be noticed.
PATIENCE = 30.0


def serve(address: str, told: str) -> None:
    known = {name: [[told]] for name in ("moving.test", "short.corp.test", "a.b.corp.test", "hosts.test")}
    canary.serve_names(address, known, 300)


def write(path: Path, text: str) -> None:
    """As programs do that manage such a file: a new one takes its place."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


def main() -> None:
    folder, resolver = Path(sys.argv[1]), sys.argv[2]
    for command in ("link set lo up", "route add local default dev lo", "-6 route add local default dev lo"):
        subprocess.run(["ip", *command.split()], check=True)
    etc, run = folder / "etc", folder / "run"
    etc.mkdir()
    run.mkdir()
    (etc / "nsswitch.conf").write_text("hosts: files dns\n")
    (etc / "host.conf").write_text("multi on\n")
    (etc / "hosts").write_text(f"{FIRST} hosts.test\n")
    (run / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    (etc / "resolv.conf").symlink_to(run / "resolv.conf")
    subprocess.run(["mount", "--bind", str(etc), "/etc"], check=True)  # for this namespace alone
    canary.listen()
    serve("127.0.0.1", FIRST)
    serve("127.0.0.2", SECOND)
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.3", 53))
    lookups._LOOK_AGAIN = 0.1  # not a second, for the test's sake
    lookups._REMEMBER = 300.0  # not 10 seconds: what is found is to be what was noticed, not what was forgotten
    transport = canary.opened(resolver, slots=8, lease=600)

    def call(name: str, timeout: float = 10) -> str:
        canary.reached.clear()
        transport.submit(claim(f"http://{name}/", timeout=timeout))
        answers: list[Answer] = []
        while not answers:
            answers = transport.wait(5)
        return outcome(answers)

    def outcome(answers: list[Answer]) -> str:
        return canary.reached[0] if canary.reached else " ".join(str(answer.error) for answer in answers)

    def until(name: str, wanted: str) -> str:
        """What a name leads to: as soon as it is this, or at last."""
        end = time.monotonic() + PATIENCE
        while (found := call(name)) != wanted and time.monotonic() < end:
            time.sleep(0.1)
        return found

    told = {"at first": call("moving.test")}
    write(run / "resolv.conf", "nameserver 127.0.0.2\n")
    told["the file behind a symbolic link was replaced"] = until("moving.test", SECOND)
    write(run / "other.conf", "nameserver 127.0.0.1\n")
    os.symlink(run / "other.conf", etc / "link")
    (etc / "link").rename(etc / "resolv.conf")
    told["the link leads elsewhere"] = until("moving.test", FIRST)
    (run / "mounted").write_text("nameserver 127.0.0.2\n")
    (etc / "resolv.conf").unlink()
    (etc / "resolv.conf").touch()
    subprocess.run(["mount", "--bind", str(run / "mounted"), str(etc / "resolv.conf")], check=True)
    subprocess.run(["mount", "--bind", str(run / "mounted"), "/etc/resolv.conf"], check=True)
    told["a file was mounted over it"] = until("moving.test", SECOND)
    (run / "mounted").write_text("nameserver 127.0.0.1\nsearch corp.test\n")
    told["the mounted file was written in place"] = until("moving.test", FIRST)
    told["a domain to search appeared"] = until("short", FIRST)
    told["a dot at the end: no domain is searched"] = call("short.")
    told["dots below ndots"] = call("a.b")
    (run / "mounted").write_text("nameserver 127.0.0.1\nsearch corp.test\noptions ndots:3\n")
    told["dots, and ndots was raised"] = until("a.b", FIRST)

    told["hosts: one line"] = call("hosts.test")
    write(etc / "hosts", f"{THIRD}\tother HOSTS.Test # a comment\n")
    told["hosts: another address"] = until("hosts.test", THIRD)
    write(etc / "hosts", f"# {FIRST} hosts.test\n{THIRD} hosts.test\n\n10.0.0.1 alias hosts.test\n")
    told["hosts: a second line, which may not be called"] = until("hosts.test", "blocked")
    write(etc / "hosts", f"{THIRD} hosts.test\n2606:4700::99 hosts.test\nfd00::1 hosts.test\n")
    told["hosts: one of three families may not be called"] = until("hosts.test", "blocked")
    write(etc / "hosts", "nonsense\n10.0.0.1\n")
    told["hosts: no line, and the name server is asked"] = until("hosts.test", FIRST)
    write(etc / "hosts", "10.0.0.1 moving.test\n")
    told["hosts: before the name server"] = until("moving.test", "blocked")
    write(etc / "nsswitch.conf", "hosts: dns\n")
    told["hosts: not to be asked"] = until("moving.test", FIRST)

    (run / "mounted").write_text("nameserver 127.0.0.3\noptions timeout:3 attempts:1\n")
    call("silent.test", timeout=1)
    transport.submit(claim("http://moving.test/", timeout=30))
    silent.settimeout(PATIENCE)
    while b"moving" not in silent.recv(512):
        pass
    (run / "mounted").write_text("nameserver 127.0.0.2\n")
    canary.reached.clear()
    told["asked of a silent server, and then of another"] = outcome(transport.wait(10))
    told["asked anew"] = until("moving.test", SECOND)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
