"""The store, its disk, and the way to it (rows 13 to 33 and 41 to 45 of ROWS.md)."""

from __future__ import annotations

import random
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count, pairwise
from pathlib import Path

import pytest
import redis
import requests
from redis.backoff import NoBackoff
from redis.retry import Retry

from scheduler import Backoff, Claims, Link, Outcome, StoreUnavailable, Timers, connect
from scheduler.claim import Reschedule, Settlement
from scheduler.timer import Attempt, Draft, Webhook
from tests.bench.processes import wait_until
from tests.bench.servers import BINARIES, Server
from tests.bench.store import Bench
from tests.faults.checker import check
from tests.faults.field import Field
from tests.faults.history import Bounds
from tests.faults.load import Load, Mix
from tests.faults.nemesis import sha
from tests.faults.scenarios import LATE, LEASE

Judge = Callable[[], None]


def once_each(field: Field, ids: list[str]) -> None:
    assert Counter(hit.timer_id for hit in field.hits()) == dict.fromkeys(ids, 1)


def ask(field: Field) -> tuple[int, float]:
    """A create of a timer far in the future: its status, and the seconds that it took."""
    begun = time.monotonic()
    answer = requests.post(f"{field.url}/timers", json={"hours": 1, "url": "http://localhost:2/"}, timeout=30)
    return answer.status_code, time.monotonic() - begun


# Row 21 lasts for half a minute: it begins with the first test of this file that watches a clock, and is judged by its
# own.


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], list[tuple[int, float]]]]:
    field = Field(tmp_path_factory.mktemp("frozen"), Bounds(lease=LEASE, late=LATE))
    field.open_api()
    for _ in range(2):
        field.join()
    ask(field)
    answers: list[tuple[int, float]] = []
    ids = field.set_timers(40, 0, 2000)
    field.arrived(40, 20)
    ids += field.set_timers(40, 2)

    def freeze() -> None:
        with field.fault("store frozen"):
            field.store.signal(signal.SIGSTOP)
            until = time.monotonic() + 30  # the fault itself
            while time.monotonic() < until:
                answers.append(ask(field))
                time.sleep(0.2)
            field.store.signal(signal.SIGCONT)

    thread = threading.Thread(target=freeze, daemon=True)
    thread.start()

    def result() -> list[tuple[int, float]]:
        thread.join()
        field.arrived(80, 30)
        wait_until(lambda: field.timers.stats().delivered == 80, 20, "80 delivered")
        once_each(field, ids)
        return answers

    yield result
    thread.join()
    field.remove()


def test_row_13_every_prefix_of_the_append_only_file_loads_into_a_legal_state(tmp_path: Path) -> None:
    """Red with Claims.release made of two calls, a ZADD before its script: an id in two sets."""
    whole = tmp_path / "whole"
    cuts = _lived(whole)
    assert len(cuts) > 60
    binary = BINARIES["valkey"]
    assert binary is not None
    seen: Counter[str] = Counter()
    chance = random.Random(13)
    log = next((whole / "appendonlydir").glob("*.incr.aof")).name
    data = (whole / "appendonlydir" / log).read_bytes()
    inside = [chance.randrange(start + 1, end) for start, end in pairwise(cuts)]
    server = Server(binary)
    client: redis.Redis | None = None
    for cut in sorted({*cuts, *chance.sample(inside, 20)}):
        shutil.rmtree(server.folder / "appendonlydir", ignore_errors=True)
        shutil.copytree(whole / "appendonlydir", server.folder / "appendonlydir")
        (server.folder / "appendonlydir" / log).write_bytes(data[:cut])
        server.start()
        client = redis.Redis(unix_socket_path=str(server.socket))
        bench = Bench.__new__(Bench)
        bench.client, bench.partitions = client, 1
        bench.check()
        for name in ("scheduled", "delivering", "delivered", "failed", "cancelled"):
            seen[name] += bool(client.exists(f"timers:{{0}}:{name}"))
        link = Link(client)
        Timers(link, keep_cancelled_ms=1000).stats()
        _claims(link, "after").claim(256)
        bench.check()
        client.close()
        server.kill()
    server.remove()
    assert min(seen.values()) > 10, f"the life has too little of {seen}"


def _claims(link: Link, poller: str) -> Claims:
    times = {"lease_ms": 1000, "keep_delivered_ms": 60_000, "keep_failed_ms": 60_000}
    return Claims(link, poller=poller, share=4, keep_finished=1000, **times)


def _lived(folder: Path) -> list[int]:
    """A life of thirty timers, whose append-only file is left in `folder`; where its commands and transactions end."""
    binary = BINARIES["valkey"]
    assert binary is not None
    server = Server(binary, "--aof-use-rdb-preamble", "no").start()
    link = Link(connect(server.url, 10))
    timers, claims, doomed = Timers(link, keep_cancelled_ms=60_000), _claims(link, "one"), _claims(link, "two")
    ids = [timers.new_id() for _ in range(30)]
    chance, kinds = random.Random(0), count()
    for timer_id in ids:
        webhook = Webhook(url=f"http://h{chance.randrange(2)}/", max_attempts=3, backoff=Backoff(steps=(0.01,)))
        timers.set(Draft(id=timer_id, webhook=webhook, delay_ms=chance.choice([0, 0, 0, 50, 3_600_000])))
    for _ in range(12):
        for claim in claims.claim(6).claims:
            kind = next(kinds) % 6
            attempt = Attempt(number=claim.number, outcome=Outcome.DELIVERED)
            if kind == 0:
                claims.release([claim])
                continue
            if kind == 1:
                claims.renew([(claim, 2000)])
                continue
            retry = 10 if kind == 2 else None
            reschedule = Reschedule(delay_ms=1000) if kind == 3 else None
            if kind == 4:
                attempt = Attempt(number=claim.number, outcome=Outcome.PERMANENT, error="blocked")
            settlement = Settlement(
                timer_id=claim.id, fence=claim.fence, attempt=attempt, retry_ms=retry, reschedule=reschedule
            )
            claims.settle([settlement])
        for timer_id in chance.sample(ids, 2):
            if timers.get(timer_id).status == "scheduled":
                timers.cancel(timer_id)
        doomed.claim(1)
        time.sleep(0.12)
    link.client.close()
    client = server.client()
    client.shutdown(save=False, nosave=True)
    shutil.copytree(server.folder, folder, ignore=shutil.ignore_patterns("s"))
    server.remove()
    return _ends(next((folder / "appendonlydir").glob("*.incr.aof")).read_bytes())


def _ends(data: bytes) -> list[int]:
    """Offsets after each command that is no part of a transaction, and after each transaction."""
    at, ends, inside = 0, [0], False
    while at < len(data):
        words_of, at = _number(data, at)
        words = []
        for _ in range(words_of):
            size, at = _number(data, at)
            words.append(data[at : at + size])
            at += size + 2
        inside = (inside or words[0] == b"MULTI") and words[0] != b"EXEC"
        if not inside:
            ends.append(at)
    return ends


def _number(data: bytes, at: int) -> tuple[int, int]:
    end = data.index(b"\r\n", at)
    return int(data[at + 1 : end]), end + 2


def test_rows_14_and_27_a_store_killed_twelve_times_under_load_also_in_mid_rewrite_loses_nothing(
    field: Field, judged: Judge
) -> None:
    """Red with `except StoreUnavailable` of Poller._guarded taken out: the pollers end.

    With appendfsync always, as row 14 asks and a Field has it.
    """
    field.open_api()
    for _ in range(2):
        field.join()
    load = Load(field, [field.url], Mix(rate=100, delay=2, long=0), seed=14)
    load.start()
    chance = random.Random(14)
    with field.fault("store killed"):
        for n in range(12):
            time.sleep(chance.uniform(0.2, 0.6))
            if n % 2:
                client = field.store.client()
                client.bgrewriteaof()
                client.close()
            field.store.kill()
            field.store.start()
    time.sleep(1)
    load.stop()
    judged()
    assert sum(create.timer_id is not None for create in field.record.creates) > 20


def test_row_18_while_the_store_loads_creates_get_503_and_afterwards_everything_fires_once(field: Field) -> None:
    """Red with BusyLoadingError raised as it is by Server.translated: a 500."""
    field.open_api()
    field.join()
    ids = field.set_timers(3000, 4)
    client = redis.Redis(unix_socket_path=str(field.store.socket), retry=Retry(NoBackoff(), 0))
    client.bgrewriteaof()  # only what is in the base of the file is slow to load
    wait_until(lambda: client.info("persistence")["aof_rewrite_in_progress"] == 0, 10, "a rewrite")
    wait_until(lambda: client.info("persistence")["aof_base_size"] > 100_000, 10, "a base")
    with field.fault("store loads"):
        field.store.kill()
        field.store.options += ["--key-load-delay", "500", "--loading-process-events-interval-bytes", "1024"]
        back = threading.Thread(target=field.store.start)
        back.start()
        statuses, loading = [], False
        while back.is_alive():
            try:
                client.ping()
            except redis.BusyLoadingError:
                loading = True
            except redis.ConnectionError:
                pass
            statuses.append(ask(field)[0])
            time.sleep(0.05)
        back.join()
    client.close()
    assert loading
    assert 503 in statuses
    assert set(statuses) <= {201, 503}
    wait_until(lambda: ask(field)[0] == 201, 10, "a timer that is accepted")
    field.arrived(3000, 60)
    wait_until(lambda: field.timers.stats().delivered == 3000, 20, "3,000 delivered")
    once_each(field, ids)


def test_rows_19_and_26_flushed_scripts_and_closed_connections_are_not_noticed(field: Field, judged: Judge) -> None:
    """Red with a bare EVALSHA of a script loaded once in Link.run, instead of register_script."""
    for _ in range(2):
        field.join()
    for n in range(40):
        field.set_timers(5, 0.5 + 0.08 * n, 100)
    client = field.store.client()
    with field.fault("scripts flushed"):
        for _ in range(30):
            client.script_flush()
            client.client_kill_filter(_type="normal", skipme=True)
            time.sleep(0.1)
    client.close()
    judged()
    assert len(field.hits()) == 200


def test_row_26_a_store_with_too_many_clients_is_waited_for(field: Field, judged: Judge) -> None:
    """Red with `except StoreUnavailable` of Poller._guarded taken out: the poller ends."""
    field.join()
    field.set_timers(20, 1)
    client = field.store.client()
    with field.fault("too many clients"):
        client.config_set("maxclients", 1)
        client.client_kill_filter(_type="normal", skipme=True)
        client.client_kill_filter(_type="pubsub", skipme=True)
        time.sleep(2)  # the fault itself
        client.config_set("maxclients", 1000)
    client.close()
    judged()
    assert len(field.hits()) == 20


@pytest.mark.clock
@pytest.mark.usefixtures("frozen")
def test_row_20_a_store_busy_with_somebody_elses_script_is_waited_for(field: Field) -> None:
    """Red with the last `except` of Server.translated taken out: a 500, and a poller that ends."""
    field.open_api()
    member = field.join()
    ids = field.set_timers(20, 1)
    client = field.store.client()
    client.config_set("busy-reply-threshold", 100)
    spin = "redis.call('SET', 'x', 1) local t = redis.call('TIME')[1] + 3 "
    spin += "while redis.call('TIME')[1] + 0 < t do end redis.call('DEL', 'x')"
    with field.fault("store busy"):
        busy = threading.Thread(target=client.eval, args=(spin, 0))
        busy.start()
        time.sleep(0.5)
        status, seconds = ask(field)
        assert (status, seconds < 2) == (503, True)
        busy.join()
    client.close()
    assert field.settled(120)
    once_each(field, ids)
    assert member.part.process.poll() is None
    assert check(field.history()) == []


@pytest.mark.parametrize("hang", [False, True], ids=["reset", "silent"])
def test_rows_22_23_and_24_a_lost_reply_to_a_create_a_claim_a_settle_a_renewal_or_a_cancel_repeats_nothing(
    field: Field, hang: bool
) -> None:
    """Red with `if it.settled == claim then return 0 end` of settle.lua taken out: a repeated settle is refused."""
    field.open_api()
    member = field.join()
    field.set_timers(50, 1.5, 3000)  # renewed twice: the reply to the second is lost, however slowly that is asked for
    cancelled = field.post(seconds=60, url=field.url_of(90))["id"]
    field.known("claim", "settle", "renew", "set", "cancel")
    field.arrived(50, 20)
    with field.fault("lost replies"):
        for script in ("settle", "claim", "renew"):
            member.wire.lose_reply(sha(script), hang=hang)
        _insist(field, hang)
        field.api_wire.lose_reply(sha("cancel"), hang=hang)
        wait_until(lambda: _delete(field, cancelled) == 204, 20, "a cancel that is answered")
        wait_until(lambda: member.wire.lost == 3, 20, "three lost replies")
    assert field.api_wire.lost == 2
    assert field.settled(120)
    assert Counter(hit.number for hit in field.hits()) == dict.fromkeys([*range(50), 91], 1)
    assert "refused" not in member.part.output()
    assert field.timers.stats().cancelled == 1


def _insist(field: Field, hang: bool) -> None:
    """A create whose reply is lost, asked for until it is known."""
    field.api_wire.lose_reply(sha("set"), hang=hang)
    asked = {"delay": 0.5, "url": field.url_of(91)}

    def created() -> bool:
        answer = requests.post(f"{field.url}/timers", json=asked, headers={"Idempotency-Key": "k"}, timeout=30)
        return answer.status_code == 201

    wait_until(created, 20, "a timer that is known")


def _delete(field: Field, timer_id: str) -> int:
    return requests.delete(f"{field.url}/timers/{timer_id}", timeout=30).status_code


@pytest.mark.clock
def test_row_25_a_paused_store_costs_no_more_than_its_timeout_and_is_used_again(field: Field) -> None:
    """Red with `socket_timeout` of connect() made 30."""
    field.open_api()
    field.join()
    ask(field)
    field.set_timers(20, 1)
    client = field.store.client()
    with field.fault("store paused"):
        client.client_pause(3000, all=True)
        status, seconds = ask(field)
        assert (status, seconds < 2) == (503, True)
        time.sleep(3)
    client.close()
    field.arrived(20, 20)
    wait_until(lambda: field.timers.stats().delivered == 20, 20, "20 delivered")
    assert len(field.hits()) == 20


def test_row_32_a_store_that_cannot_save_refuses_creates_and_goes_on_when_it_can(field: Field) -> None:
    """Red with the last `except` of Server.translated taken out: a 500."""
    field.open_api()
    field.join()
    ids = field.set_timers(20, 2)
    client = field.store.client()
    (field.store.folder / "dump.rdb").mkdir()  # even root cannot rename a file over a folder
    client.config_set("save", "3600 1")
    client.bgsave()
    wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", 10, "a failed save")
    wait_until(lambda: ask(field)[0] == 503, 10, "a refusal")
    (field.store.folder / "dump.rdb").rmdir()
    client.bgsave()
    wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "ok", 10, "a save")
    client.close()
    wait_until(lambda: ask(field)[0] == 201, 10, "a timer that is accepted")
    field.arrived(20, 20)
    wait_until(lambda: field.timers.stats().delivered == 20, 20, "20 delivered")
    once_each(field, ids)


@pytest.mark.clock
def test_row_41_behind_a_black_hole_the_api_fails_fast_and_a_poller_neither_ends_nor_spins(field: Field) -> None:
    """Red with `except StoreUnavailable` of Poller._guarded taken out: the poller ends."""
    field.open_api()
    member = field.join()
    ask(field)
    ids = field.set_timers(20, 1)
    wires = (field.api_wire, member.wire)
    for wire in wires:
        wire.stall()
    before = _cpu(member.part.process.pid)
    until = time.monotonic() + 5
    while time.monotonic() < until:
        status, seconds = ask(field)
        assert (status, seconds < 2) == (503, True)
        time.sleep(0.2)
    assert member.part.process.poll() is None
    assert _cpu(member.part.process.pid) - before < 0.1 * 5
    for wire in wires:
        wire.heal()
    field.arrived(20, 20)
    wait_until(lambda: ask(field)[0] == 201, 10, "a timer that is accepted")
    wait_until(lambda: field.timers.stats().delivered == 20, 20, "20 delivered")
    once_each(field, ids)


@pytest.mark.parametrize("what", ["deaf", "resets", "slow"])
def test_rows_42_43_and_44_replies_dropped_for_a_while_resets_and_a_slow_store_repeat_nothing(
    field: Field, judged: Judge, what: str
) -> None:
    """Red with the fence of a claim drawn anew when it is repeated: `self._unanswered.setdefault` of claims.py."""
    crew = [field.join() for _ in range(2)]
    for n in range(30):
        field.set_timers(5, 0.5 + 0.1 * n, 300)
    time.sleep(0.5)
    with field.fault(what):
        for wire in (member.wire for member in crew):
            if what == "slow":
                wire.slow(0.15)
            elif what == "deaf":
                wire.deafen()
        for _ in range(20 if what != "deaf" else 12):
            time.sleep(0.1)
            if what == "resets":
                for member in crew:
                    member.wire.reset()
        for member in crew:
            member.wire.heal()
    judged()
    assert len(field.hits()) == 150


@pytest.mark.parametrize("others", [0, 1])
def test_row_45_a_poller_cut_off_past_its_lease_settles_what_nobody_has_taken_up_and_is_refused_the_rest(
    field: Field, judged: Judge, others: int
) -> None:
    """Red with `held_by ~= claim` of settle.lua made to look at the lease's end as well: a repeat that nobody needs."""
    cut = field.join()
    ids = field.set_timers(10, 0, 2000)
    field.arrived(10, 20)
    late = iter(range(others))

    def taken_up() -> bool:
        for _ in late:  # not before the cut: while they start, what is to be taken up would be settled
            field.join()
        return len(field.hits()) >= 10 * (1 + others)

    field.stall(cut, 2 * field.bounds.lease, also=taken_up)
    judged()
    assert Counter(hit.timer_id for hit in field.hits()) == dict.fromkeys(ids, 1 + others)
    if others:
        wait_until(lambda: "refused" in cut.part.output(), 30, "a word of its refused settles")
    assert ("refused" in cut.part.output()) == bool(others)


@pytest.mark.clock
def test_row_21_with_a_store_frozen_for_30_s_each_create_gets_503_within_2_s_and_nothing_is_sent_twice(
    frozen: Callable[[], list[tuple[int, float]]],
) -> None:
    """Red with `if now - last > lease / 2` of shared/places.lua made false."""
    answers = frozen()
    assert len(answers) > 20
    assert {status for status, _ in answers} == {503}
    assert max(seconds for _, seconds in answers) < 2


def _cpu(pid: int) -> float:
    """Seconds of processor time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.parametrize("then", ["gone", "full"])
def test_a_create_whose_reply_is_lost_before_the_store_goes_or_fills_up_is_not_called_undone(
    field: Field, then: str
) -> None:
    """Found by `make faults`: the client was told of the second try alone, "Nothing was done", and the timer fired."""
    field.known("set")
    link = Link(connect(field.api_wire.url, 2))
    timers = Timers(link, keep_cancelled_ms=1000)
    timers.stats()
    client = field.store.client()
    # Without its socket nobody can connect any more: certainly the second try is not done.
    field.api_wire.lose_reply(sha("set"), then=field.api_wire.path.unlink if then == "gone" else lambda: _fill(client))
    draft = Draft(id=timers.new_id(), webhook=Webhook(url="http://localhost:2/"), delay_ms=60_000)
    with pytest.raises(StoreUnavailable) as raised:
        timers.set(draft)
    assert raised.value.maybe_done
    link.client.close()


def _fill(client: redis.Redis) -> None:
    client.config_set("maxmemory", client.info("memory")["used_memory"] // 2)
