"""The fixtures that carry the suite."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import hypothesis
import pytest
import redis

from tests import layers
from tests.bench import clock, needed
from tests.bench.clock import pytest_runtest_protocol
from tests.bench.cluster import Cluster
from tests.bench.cluster import running as cluster_running
from tests.bench.cluster_store import ClusterClient
from tests.bench.processes import Part, Service
from tests.bench.receiver import Receiver, receiving
from tests.bench.servers import BINARIES, Server
from tests.bench.session import pytest_collection_finish, pytest_configure, pytest_unconfigure
from tests.bench.store import Bench, HandSetFake, HandSetRedis
from tests.bench.uncounted import uncounted

__all__ = ["pytest_collection_finish", "pytest_configure", "pytest_runtest_protocol", "pytest_unconfigure"]


# In CI the same examples each time, elsewhere others. A slow machine is no reason to fail.
hypothesis.settings.register_profile("suite", derandomize="CI" in os.environ, deadline=None)
hypothesis.settings.load_profile("suite")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return None if layers.may_have(config.option.markexpr, collection_path) else True


#: Kinds of stores and their partitions. On more than one partition only the store's own tests run, in tests/store.
_STORES = [("fake", 1), ("valkey", 1), ("redis", 1), ("valkey", 16), ("cluster", 16)]
_ON_EACH_STORE = ("tests/store", "tests/test_poller.py")
#: Where branches are counted.
_COUNTED = ("valkey", 1)
#: Files without which the share of covered branches is the same to 0.01 %; counting took 7 to 23 s longer for each.
_REACH_NO_OTHERS = (
    "tests/delivery/test_bounded_work.py",
    "tests/monitoring/test_files.py",
    "tests/recurrence/test_against_the_oracle.py",
    "tests/store/test_half_done.py",
    "tests/store/test_machine.py",
    "tests/unit/test_architecture.py",
    "tests/unit/test_kubernetes.py",
)
#: The partition, if there are so many, of all timers of a test that is marked `one_partition`.
_HOME = 7


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What is told of a store is tried on each kind."""
    if "client" not in metafunc.fixturenames or not metafunc.definition.nodeid.startswith(_ON_EACH_STORE):
        return
    many = "bench" in metafunc.fixturenames and metafunc.definition.nodeid.startswith(_ON_EACH_STORE[0])
    stores = [(kind, count) for kind, count in _STORES if count == 1 or many]
    names = [kind if count == 1 or kind == "cluster" else f"{kind}-{count}" for kind, count in stores]
    if "partitions" in metafunc.fixturenames:
        metafunc.parametrize(("client", "partitions"), stores, ids=names, indirect=True)
    else:
        metafunc.parametrize("client", [kind for kind, _ in stores], ids=names, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        layers.check_clock(item)
        item.add_marker(layers.layer_of(item))
        beside = {"redis_server", "browser"} & set(getattr(item, "fixturenames", ()))
        if beside or layers.store_of(item) == "redis" or _on_many_partitions(item):
            item.add_marker("elsewhere")
    if hasattr(config, "workerinput"):  # one of several workers
        items.sort(key=layers.longest_first)


def _on_many_partitions(item: pytest.Item) -> bool:
    """The store's own tests on 16 partitions, half of their time: what these add is in Lua, which no Python changes.

    On each Python tests/test_pacing.py and store/test_layout.py have several.
    """
    called = getattr(item, "callspec", None)
    return (
        called is not None
        and called.params.get("client") in ("valkey", "cluster")
        and called.params.get("partitions", 1) != 1
    )


def _is_repeated(item: pytest.Item) -> bool:
    """The same branches again, mostly on a store beyond the one where they are counted: counting doubles its time."""
    if item.nodeid.startswith(_REACH_NO_OTHERS):
        return True
    called = getattr(item, "callspec", None)
    if called is None or not item.nodeid.startswith(_ON_EACH_STORE):
        return False
    return (called.params.get("client", _COUNTED[0]), called.params.get("partitions", _COUNTED[1])) != _COUNTED


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    with uncounted() if _is_repeated(item) else nullcontext():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    with uncounted() if _is_repeated(item) else nullcontext():
        return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.pluginmanager.hasplugin("_cov"):
        terminalreporter.write_line(
            "Counted are branches that these tests reach in their own process, and not what the service does as one."
        )
    for line in clock.told(config):
        terminalreporter.write_line(f"held up, and tried again: {line}")


@pytest.fixture(autouse=True)
def _quick_starts_nothing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("quick"):

        def refuse(*_: object, **__: object) -> None:
            pytest.fail("a quick test starts a store or the service: give it the layer that it needs (tests/layers.py)")

        monkeypatch.setattr(Server, "start", refuse)
        monkeypatch.setattr(Part, "__init__", refuse)


def start(kind: str) -> Server:
    binary = BINARIES[kind]
    if binary is None:
        needed.missing(f"{kind}-server is not installed: apt-get install {kind}-server")
    return Server(binary).start()


@pytest.fixture
def client(request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    """An empty store of each kind, with a clock that the test sets."""
    if request.param == "fake":
        fake = HandSetFake()
        yield fake
        fake.close()
        return
    if request.param == "cluster":
        over_nodes: ClusterClient = request.getfixturevalue("cluster_client")
        over_nodes.flushall()
        yield over_nodes  # type: ignore[misc]  # the same commands
        over_nodes.close_links()
        return
    running = request.getfixturevalue(f"{request.param}_server")
    real = HandSetRedis(unix_socket_path=str(running.socket))
    real.flushall()
    yield real
    real.close()


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Server]:
    running = start("valkey")
    yield running
    running.remove()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    running = start("redis")
    yield running
    running.remove()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Three masters without replicas."""
    with cluster_running("valkey", masters=3, replicas=0) as it:
        yield it


@pytest.fixture(scope="session")
def cluster_client(cluster: Cluster) -> Iterator[ClusterClient]:
    it = ClusterClient(cluster)
    yield it
    it.close()


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A Valkey that the test may do anything to."""
    running = start("valkey")
    yield running
    running.remove()


@pytest.fixture
def partitions(request: pytest.FixtureRequest) -> int:
    """Of the bench's store."""
    return int(getattr(request, "param", 1))


@pytest.fixture
def bench(request: pytest.FixtureRequest, client: redis.Redis, partitions: int) -> Bench:
    home = _HOME if request.node.get_closest_marker("one_partition") else None
    return Bench(client, partitions, home)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as it:
        yield it


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    it = Service(tmp_path)
    yield it
    it.remove()
