"""Real SQL servers, each on a Unix socket in a folder of its own, without a user but the one of the test."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pymysql
import pytest

from tests.bench import needed
from tests.bench.processes import wait_until

#: What a run of them need not survive: power loss.
_POSTGRES = ("-c", "fsync=off", "-c", "listen_addresses=", "-c", "max_connections=50")
_MARIADB = ("--skip-grant-tables", "--skip-networking", "--innodb-flush-method=nosync", "--max-connections=50")


@dataclass(frozen=True)
class Database:
    """How to reach one: by SQLAlchemy, and as a part of Django's DATABASES."""

    url: str
    django: Mapping[str, object]


class Server:
    """Of a database, in a folder that is its own."""

    def __init__(self, folder: Path, command: list[str], database: Database, user: str | None = None) -> None:
        self.database = database
        self._folder, self._command, self._user = folder, command, user
        self.start()

    def start(self) -> None:
        """Also after stop(): with what it has stored."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, user=self._user, cwd=self._folder)

    def answers(self, connect: Callable[[], object]) -> bool:
        assert self._process.poll() is None, (self._folder / "log").read_text()
        try:
            connect()
        except (psycopg.OperationalError, pymysql.err.OperationalError):
            return False
        return True

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def stop(self) -> None:
        """At once, whoever is connected."""
        self._process.send_signal(signal.SIGQUIT)  # PostgreSQL ends its own processes then
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def sqlite(file: Path) -> Database:
    """Whoever waits does so for a minute: a busy machine may take long for a transaction."""
    url = f"sqlite:///{file}?timeout=60"
    return Database(url, {"ENGINE": "django.db.backends.sqlite3", "NAME": str(file), "OPTIONS": {"timeout": 60}})


def postgres() -> Server:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        needed.missing("PostgreSQL is not installed: apt-get install postgresql")
    binaries = found[-1].parent
    folder, user = _folder_of("postgres")
    made = ["-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run([str(binaries / "initdb"), *made], user=user, cwd=folder, check=True, capture_output=True)
    command = [str(binaries / "postgres"), "-D", str(folder / "data"), "-k", str(folder), *_POSTGRES]
    url = f"postgresql+psycopg://postgres@/postgres?host={folder}"
    django = {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres", "HOST": str(folder)}
    it = Server(folder, command, Database(url, django), user)
    reach = f"host={folder} user=postgres"
    wait_until(lambda: it.answers(lambda: psycopg.connect(reach).close()), 20, "PostgreSQL")
    return it


def mariadb() -> Server:
    """Skipped where it is not, also in CI: it is large, and only tried here."""
    server, install = shutil.which("mariadbd"), shutil.which("mariadb-install-db")
    if not server or not install:
        pytest.skip("MariaDB is not installed: apt-get install mariadb-server-core")
    pymysql.install_as_MySQLdb()  # for Django, which knows another driver
    folder, _ = _folder_of("")
    user = f"--user={pwd.getpwuid(os.getuid()).pw_name}"
    made = [install, "--no-defaults", f"--datadir={folder / 'data'}", "--skip-test-db", user]
    subprocess.run(made, check=True, capture_output=True)
    socket = folder / "s"
    command = [server, "--no-defaults", f"--datadir={folder / 'data'}", f"--socket={socket}", user, *_MARIADB]
    url = f"mysql+pymysql://root@localhost/once?unix_socket={socket}"
    django = {"ENGINE": "django.db.backends.mysql", "NAME": "once", "USER": "root", "HOST": str(socket)}
    it = Server(folder, command, Database(url, django))

    def create() -> None:
        connection = pymysql.connect(unix_socket=str(socket), user="root")
        connection.cursor().execute("CREATE DATABASE IF NOT EXISTS once")
        connection.close()

    # PyMySQL leaves a socket open where nobody answers.
    wait_until(lambda: b"ready for connections" in (folder / "log").read_bytes(), 20, "MariaDB")
    wait_until(lambda: it.answers(create), 20, "MariaDB")
    return it


def _folder_of(user: str) -> tuple[Path, str | None]:
    """A folder, and as whom a server has to run that does not run as root."""
    folder = Path(tempfile.mkdtemp(prefix="ts-"))  # short: a socket's path has 107 bytes
    if not user or os.geteuid() != 0:
        return folder, None
    shutil.chown(folder, user, user)
    return folder, user
