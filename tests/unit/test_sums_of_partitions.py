"""What partitions have counted and seen, put together for another number of them."""

from __future__ import annotations

from typing import Any

from scheduler.store import keys
from scheduler.store.moving.parts import Part
from scheduler.store.moving.sums import Found, put_together


def hash_of(partition: int, key: str, **fields: str) -> Found:
    return Found(partition, key, {name.encode(): text.encode() for name, text in fields.items()}, (), ())


def set_of(partition: int, key: str, **scores: float) -> Found:
    return Found(partition, key, {}, [(name.encode(), score) for name, score in scores.items()], ())


def written(*found: Found, partitions: int = 4) -> dict[tuple[int, str], Any]:
    """By partition and key: fields of hashes, scores by member of sets, items of lists."""
    stands: dict[tuple[int, str], Any] = {}
    part: Part
    for part in put_together(found, partitions):
        for kind, key, values in part.writes:
            pairs = zip(values[::2], values[1::2], strict=True)
            if kind == "list":
                stands[part.partition, key] = list(values)
            elif kind == "set":
                stands.setdefault((part.partition, key), {}).update({member: score for score, member in pairs})
            else:
                stands.setdefault((part.partition, key), {}).update(pairs)
    return stands


def test_counters_are_added_up() -> None:
    found = written(hash_of(0, "counters", lost_leases="2"), hash_of(3, "counters", lost_leases="5", refused_rings="1"))
    assert found == {(0, "counters"): {b"lost_leases": 7, b"refused_rings": 1}}


def test_of_a_minute_the_sums_of_the_latest_day_are_added_up_and_the_worst_lateness_stays() -> None:
    found = written(
        hash_of(0, "minute:7", at="1447", attempts="3", worst="20"),
        hash_of(1, "minute:7", at="1447", attempts="4", worst="9"),
        hash_of(2, "minute:7", at="7", attempts="1000", worst="1000"),
    )
    assert found == {(0, "minute:7"): {b"at": 1447, b"attempts": 7, b"worst": 20}}


def test_of_each_partition_as_many_latenesses_are_kept_as_make_up_the_last_thousand() -> None:
    each = [Found(partition, "lateness", {}, (), [b"%d" % partition] * 1000) for partition in range(4)]
    ((place, items),) = written(*each).items()
    assert place == (0, "lateness")
    assert sorted(items) == sorted([b"0", b"1", b"2", b"3"] * 250)


def test_what_is_seen_of_a_destination_is_where_its_tag_is_looked_for() -> None:
    tags = [f"tag{n}" for n in range(20)]
    found = written(
        *(hash_of(n % 16, "observed", **{tag: "id=x attempts=1"}) for n, tag in enumerate(tags)),
        *(set_of(n % 16, "busiest", **{tag: n}) for n, tag in enumerate(tags)),
        *(set_of(n % 16, "untold", **{f"{tag} chance": n}) for n, tag in enumerate(tags)),
    )
    for n, tag in enumerate(tags):
        home = keys.partition_of_key(tag, 4)
        assert found[home, "observed"][tag.encode()] == b"id=x attempts=1"
        assert found[home, "busiest"][tag.encode()] == str(n)
        assert found[home, "untold"][f"{tag} chance".encode()] == str(n)


def test_failures_at_a_destination_are_together_unless_one_was_over_before_the_other_began() -> None:
    ids = [keys.id_in(slot) for slot in (1, 2, 3)]
    found = written(
        set_of(0, "failing", d=50),
        hash_of(0, "failures", d=f"since=40 failures=2 id={ids[0]} error=dns"),
        set_of(1, "failing", d=90),
        hash_of(1, "failures", d=f"since=45 failures=3 id={ids[1]} status=500"),
        set_of(2, "failing", d=30, e=20, half=10),
        hash_of(2, "failures", d=f"since=10 failures=7 id={ids[2]}", e=f"since=1 failures=1 id={ids[2]}"),
    )
    assert found == {
        (2, "failing"): {b"d": "90"},
        (2, "failures"): {b"d": f"since=40 failures=5 id={ids[1]} status=500".encode()},
        (3, "failing"): {b"e": "20"},
        (3, "failures"): {b"e": f"since=1 failures=1 id={ids[2]}".encode()},
    }


def test_the_largest_moments_keep_all_their_digits() -> None:
    found = written(set_of(0, "busiest", tag=253_402_300_799_999))
    assert [*found.values()] == [{b"tag": "253402300799999"}]
