"""What a process prints reaches its reader in whole lines, and nobody and nothing else; without a reader it goes on.

Tried: pipes, sockets (what systemd's journal gives), a terminal, /dev/full, a pipe whose reader has gone, a pipe that
was another user's, each of the descriptors 0, 1 and 2 closed alone and together.
"""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bench.processes import COMMAND
from timer_service.standard_streams import LineWriter

Ends = Callable[[], tuple[int, int]]


def notice(count: int) -> bytes:
    return b"%d dropped\n" % count


def socket_ends() -> tuple[int, int]:
    reader, writer = socket.socketpair()
    return reader.detach(), writer.detach()


def pipe_of_another(monkeypatch: pytest.MonkeyPatch) -> Ends:
    """A pipe that may not be opened a second time."""

    def refuse(path: str, *_: object) -> int:
        raise PermissionError(path)

    def ends() -> tuple[int, int]:
        monkeypatch.setattr(os, "open", refuse)
        return os.pipe()

    return ends


@pytest.fixture(params=["pipe", "socket", "terminal", "pipe of another user"])
def ends(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """Where lines are read, and the descriptor that they are written to."""
    kinds: dict[str, Ends] = {"pipe": os.pipe, "socket": socket_ends, "terminal": pty.openpty}
    reader, writer = (kinds.get(request.param) or pipe_of_another(monkeypatch))()
    yield reader, writer
    os.close(reader)
    os.close(writer)


def read_until(reader: int, end: bytes) -> bytes:
    found = b""
    while not found.endswith(end):
        found += os.read(reader, 65536).replace(b"\r\n", b"\n")
    return found


@pytest.mark.parametrize("size", [20, 3000, 9000])
def test_lines_that_nobody_reads_are_dropped_and_counted_and_the_rest_is_whole(
    ends: tuple[int, int], size: int
) -> None:
    reader, descriptor = ends
    assert os.get_blocking(descriptor)
    writer = LineWriter(descriptor, notice)
    line = b"%06d " + b"x" * size + b"\n"
    count = 1_000_000 // size
    for number in range(count):  # ends: it waits for nobody
        writer.write(line % number)
    found = b""

    def read() -> None:
        nonlocal found
        found = read_until(reader, b"the last\n")

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    while reading.is_alive():  # as soon as there is room again
        writer.write(b"and now\n")
        time.sleep(0.001)
        writer.write(b"the last\n")
    lines = found.splitlines(keepends=True)
    whole = [line % number for number in range(count)]
    kept = [it for it in lines if it.endswith(b"x\n")]
    told_of = set(kept)
    assert kept == [it for it in whole if it in told_of]  # a terminal makes room in between, all by itself
    assert len(kept) < count
    told = [int(it.split()[0]) for it in lines if it.endswith(b"dropped\n")]
    assert sum(told) >= count - len(kept)
    assert {it for it in lines if it not in kept} <= {b"and now\n", b"the last\n", *map(notice, told)}
    assert os.get_blocking(descriptor)
    writer.close()


def test_a_reader_that_is_only_slow_misses_nothing() -> None:
    reader, descriptor = os.pipe()
    writer = LineWriter(descriptor, notice)
    batch = b"".join(b"%06d\n" % number for number in range(30_000))
    found: list[bytes] = []
    reading = threading.Thread(target=lambda: found.append(read_until(reader, b"end\n")))
    reading.start()
    writer.write(batch)  # three times what a pipe holds
    writer.write(b"end\n")
    reading.join()
    assert found == [batch + b"end\n"]
    writer.close()
    os.close(reader)
    os.close(descriptor)


def test_a_pipe_that_is_closed_and_a_full_disk_are_no_reason_to_stop() -> None:
    reader, descriptor = os.pipe()
    writer = LineWriter(descriptor, notice)
    os.close(reader)
    disk = os.open("/dev/full", os.O_WRONLY)
    full = LineWriter(disk, notice)
    for it in (writer, full):
        for _ in range(10):
            it.write(b"a line\n")
        it.close()
    os.close(descriptor)
    os.close(disk)


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_file_that_is_opened_later_never_stands_in_for_a_closed_stream(closed: str, tmp_path: Path) -> None:
    script = (
        "import os, sys; from timer_service import logs, standard_streams; standard_streams.open_closed()\n"
        f"held = os.open({str(tmp_path / 'held')!r}, os.O_CREAT | os.O_RDWR)\n"
        "logs.configure('info', 'json'); print('printed'); print('said', file=sys.stderr); sys.stdin.isatty()\n"
        "logs.log.warning('logged'); assert held > 2; open(sys.argv[1], 'w').write('done')"
    )
    done = tmp_path / "done"
    command = ["sh", "-c", f'"$@" {closed}', "sh", sys.executable, "-c", script, str(done)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert done.read_text() == "done"
    assert (tmp_path / "held").read_bytes() == b""


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_the_command_runs_with_closed_streams(closed: str) -> None:
    done = subprocess.run(["sh", "-c", f'"$@" {closed}', "sh", COMMAND, "key", "new", "me"], capture_output=True)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
