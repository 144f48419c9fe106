"""Secrets of destinations' own: made, told once, known to every poller before it sends, and to nobody else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from scheduler import Claim, Claims, NoOwnSecret, StoreUnavailable, TooManySecrets
from scheduler.destinations import BreakerMode, DestinationSettings, NewSecret, Rate, Signing
from scheduler.own_secrets import MOST_SECRETS, Secret
from scheduler.store import keys
from scheduler.store.own_secrets import signing_args
from scheduler.store.record import tag_of
from scheduler.store.rule_record import secrets_fields
from tests.bench.store import Bench

A, B = "http://a/", "http://b/"
ID = "http:a:80"
TAG = tag_of(ID)
DAY = 86_400_000
OWN = DestinationSettings(signing=Signing.OWN)


def own(bench: Bench, destination: str = ID, old_for: int = DAY) -> NewSecret:
    """Its new secret, which signs what is sent there from now on."""
    made = bench.destinations.rotate_secret(destination, old_for)
    bench.destinations.put(destination, OWN)
    return made


def claimed(bench: Bench, claims: Claims, url: str = A) -> Claim:
    """A due timer of this URL, claimed by this poller."""
    timer = bench.schedule(url=url)
    while True:
        for claim in claims.claim(50).claims:
            if claim.id == timer.id:
                return claim


def values(claims: Claims, claim: Claim) -> list[str] | None:
    found = claims.held.own_secrets.of(claim)
    return None if found is None else [it.value for it in found]


def test_a_secret_is_told_by_the_call_that_makes_it_and_by_no_other(bench: Bench) -> None:
    made = own(bench)
    assert made.secret.value.startswith("whsec_")
    it = bench.destinations.get(ID)
    page = bench.destinations.page()
    assert [found.id for found in page.destinations] == [ID]
    assert made.secret.value[6:] not in f"{it} {page} {bench.destinations.rule(ID)} {vars(bench)}"
    assert [(use.since, use.until) for use in it.secrets] == [(bench.now, None)]


def test_the_version_of_settings_tells_nothing_of_a_secret(bench: Bench) -> None:
    own(bench)
    before = bench.destinations.get(ID).version
    bench.destinations.rotate_secret(ID)
    assert bench.destinations.get(ID).version == before


def test_a_secret_signs_nothing_until_the_settings_say_so(bench: Bench) -> None:
    made = bench.destinations.rotate_secret(ID)
    assert (made.signing, made.old_until) == (Signing.SERVICE, None)
    assert values(bench.claims, claimed(bench, bench.claims)) is None
    bench.destinations.put(ID, OWN)
    assert values(bench.claims, claimed(bench, bench.claims)) == [made.secret.value]
    bench.destinations.put(ID, DestinationSettings())
    assert values(bench.claims, claimed(bench, bench.claims)) is None
    bench.destinations.put(ID, OWN)
    assert values(bench.claims, claimed(bench, bench.claims)) == [made.secret.value]


def test_a_destination_without_a_secret_of_its_own_is_not_told_to_sign_with_one(bench: Bench) -> None:
    with pytest.raises(NoOwnSecret):
        bench.destinations.put(ID, OWN)
    assert bench.destinations.get(ID).settings.signing is Signing.SERVICE


def test_what_is_claimed_after_a_rotation_is_signed_with_its_secret_by_every_poller(bench: Bench) -> None:
    """Also by one that looked a moment before. Red where a claim does not tell."""
    first = own(bench)
    two = bench.poller("two")
    for claims in (bench.claims, two):
        assert values(claims, claimed(bench, claims)) == [first.secret.value]
    second = bench.destinations.rotate_secret(ID, DAY)
    assert (second.signing, second.old_until) == (Signing.OWN, bench.now + DAY)
    for claims in (bench.claims, two):
        for _ in range(4):
            assert values(claims, claimed(bench, claims)) == [second.secret.value, first.secret.value]


def test_destinations_and_pollers_that_know_nothing_of_it_are_signed_for_by_the_service(bench: Bench) -> None:
    own(bench)
    assert values(bench.claims, claimed(bench, bench.claims, B)) is None


def test_another_destination_with_the_same_tag_is_not_signed_for(bench: Bench) -> None:
    """Who finds one by trying could have anything signed."""
    own(bench)
    claim = claimed(bench, bench.claims, B)._replace(destination=TAG)
    assert values(bench.claims, claim) is None


def test_a_hold_beside_own_secrets_changes_neither(bench: Bench) -> None:
    made = own(bench)
    bench.destinations.put(ID, DestinationSettings(rate=Rate(10), breaker=BreakerMode.OFF, signing=Signing.OWN))
    bench.destinations.pause(ID, "down", "ann")
    timer = bench.schedule(url=A)
    assert values(bench.claims, claimed(bench, bench.claims, B)) is None
    bench.destinations.resume(ID)
    bench.destinations.put(ID, OWN)
    bench.advance(60_000)
    bench.destinations._rules.refresh(TAG)
    (claim,) = [claim for _ in range(bench.partitions) for claim in bench.claims.claim(50).claims]
    assert claim.id == timer.id
    assert values(bench.claims, claim) == [made.secret.value]
    second = bench.destinations.rotate_secret(ID, 0)
    bench.destinations.pause(ID, "down", "ann")
    assert [it.value for it in bench.destinations.rule(ID).secrets] == [second.secret.value]


def test_a_poller_that_cannot_read_which_secrets_sign_sends_nothing_until_it_can(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = bench.poller("another")
    made = own(bench)
    run = bench.link.run

    def lost(script: str, *args: Any) -> Any:
        if script == "signing":
            raise StoreUnavailable("the reply was lost")
        return run(script, *args)

    with monkeypatch.context() as patch:
        patch.setattr(bench.link, "run", lost)
        claim = claimed(bench, claims)
        assert values(claims, claim) == []
        claims.release([claim])
    again = claimed(bench, claims)
    assert again.number == 1
    assert values(claims, again) == values(claims, claim) == [made.secret.value]


@pytest.mark.parametrize("stands", ["7 no JSON", '7 {"id":"http:a:80","own":[]}', '7 {"own":[["whsec_short",1,null]]}'])
def test_secrets_that_cannot_be_read_are_never_replaced_by_those_of_the_service(bench: Bench, stands: str) -> None:
    own(bench)
    for partition in range(bench.partitions):
        bench.client.hset(f"{keys.prefix(partition)}signing", TAG, stands)
    claims = bench.poller("another")
    assert values(claims, claimed(bench, claims)) == []
    assert claims.held.own_secrets.unreadable == {TAG}


def test_settings_of_a_later_version_that_sign_in_some_other_way_are_not_signed_by_the_service(bench: Bench) -> None:
    own(bench)
    bench.client.hset(f"timers:destination:{{{TAG}}}", mapping={"settings": '{"signing":"hsm"}', "signing": "hsm"})
    rule = bench.destinations.rule(ID)
    assert rule.settings.signing is Signing.OWN
    bench.client.hset(f"timers:destination:{{{TAG}}}", "secrets", "sealed")
    assert '"own":[]' in str(signing_args(TAG, bench.destinations.rule(ID))[2])


def test_two_who_rotate_at_once_each_get_a_secret_that_signs(bench: Bench) -> None:
    own(bench)
    made: list[NewSecret] = []
    ready = threading.Barrier(3)

    def rotate() -> None:
        ready.wait()
        made.append(bench.destinations.rotate_secret(ID, DAY))

    threads = [threading.Thread(target=rotate) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = values(bench.claims, claimed(bench, bench.claims))
    assert found is not None
    assert len(found) == 4
    assert {it.secret.value for it in made} < set(found)


def test_the_same_request_again_gets_the_same_secret_and_another_another(bench: Bench) -> None:
    first = bench.destinations.rotate_secret(ID, DAY, "digest")
    assert bench.destinations.rotate_secret(ID, DAY, "digest").secret == first.secret
    other = bench.destinations.rotate_secret(ID, DAY, "another")
    assert other.secret.value != first.secret.value
    assert bench.destinations.rotate_secret(ID, DAY, "digest").secret.value == first.secret.value
    assert len(bench.destinations.get(ID).secrets) == 2


def test_rotations_whose_answers_are_lost_never_push_out_the_secret_that_the_receiver_knows(bench: Bench) -> None:
    known = own(bench)
    for _ in range(MOST_SECRETS - 1):
        bench.destinations.rotate_secret(ID, DAY)
    with pytest.raises(TooManySecrets):
        bench.destinations.rotate_secret(ID, DAY)
    found = values(bench.claims, claimed(bench, bench.claims))
    assert found is not None
    assert known.secret.value in found
    last = bench.destinations.rotate_secret(ID, 0)
    assert values(bench.claims, claimed(bench, bench.claims)) == [last.secret.value]


def test_what_a_writer_that_died_has_not_told_to_all_partitions_pollers_tell(bench: Bench) -> None:
    first = own(bench)
    claims = bench.poller("another")
    assert values(claims, claimed(bench, claims)) == [first.secret.value]
    rule = bench.destinations.rule(ID)
    made = Secret("whsec_" + "a" * 32, bench.now)
    assert bench.destinations._rules._write(TAG, rule.revision, secrets_fields([made]))
    assert values(claims, claimed(bench, claims)) == [first.secret.value]
    assert claims.held.some() == [TAG]
    claims.rules.spread(TAG)
    assert values(claims, claimed(bench, claims)) == [made.value]


def test_what_an_older_revision_says_changes_nothing_and_the_same_again_tells_nobody(bench: Bench) -> None:
    own(bench)
    rule = bench.destinations.rule(ID)
    args = signing_args(TAG, rule)
    older, newer = rule.revision - 1, rule.revision + 1
    assert bench.link.run("set_signing", 0, args) == [0, 0]
    assert bench.link.run("set_signing", 0, [TAG, older, '{"id":"","own":null}']) == [0, rule.revision]
    assert bench.link.run("set_signing", 0, [TAG, newer, '{"id":"","own":null}']) == [1, 0]


def test_where_the_slot_of_a_rule_has_lost_its_latest_writes_a_new_secret_signs_all_the_same(bench: Bench) -> None:
    """Red without the look at what partitions have been told: those of before would go on signing, with no end."""
    own(bench)
    before = bench.client.hgetall(keys.destination(TAG))
    for _ in range(3):
        bench.destinations.rotate_secret(ID)
    bench.client.delete(keys.destination(TAG))
    bench.client.hset(keys.destination(TAG), mapping=before)
    last = bench.destinations.rotate_secret(ID, 0)
    assert values(bench.claims, claimed(bench, bench.claims)) == [last.secret.value]


def test_a_poller_learns_of_any_number_of_destinations_and_forgets_what_the_store_has_lost(bench: Bench) -> None:
    text = '{"id":"","own":[["whsec_%s",1,null]]}' % ("a" * 32)
    for number in range(1203):
        bench.link.run("set_signing", bench.home, [f"t{number}", 1, text])
    claims = bench.poller("another")
    for _ in range(bench.partitions):
        claims.claim(1)
    (known,) = claims.held.own_secrets.by_partition()
    assert len(known) == 1203
    prefix = keys.prefix(bench.home)
    bench.client.delete(f"{prefix}signing", f"{prefix}signing_changes", f"{prefix}holds")
    bench.link.run("set_signing", bench.home, ["t5", 1, text])
    for _ in range(bench.partitions):
        claims.claim(1)
    (known,) = claims.held.own_secrets.by_partition()
    assert list(known) == ["t5"]


def test_where_no_destination_has_own_secrets_a_claim_asks_the_store_nothing_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.destinations.pause("http:c:80", "down", "ann")
    bench.destinations.rotate_secret(ID)
    for _ in range(bench.partitions):
        bench.claims.claim(1)
    scripts: list[str] = []

    def noted(ask: Callable[..., Any]) -> Callable[..., Any]:
        def run(script: str, *args: Any) -> Any:
            scripts.append(script)
            return ask(script, *args)

        return run

    for name in ("run", "send_each"):
        monkeypatch.setattr(bench.link, name, noted(getattr(bench.link, name)))
    for _ in range(5):
        claimed(bench, bench.claims, B)
    assert set(scripts) == {"set", "claim"}
