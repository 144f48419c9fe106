"""Work on many items, during which others may have the core."""

from __future__ import annotations

from scheduler import giving_way


def test_others_may_have_the_core_before_the_first_item_and_then_before_each_tenth() -> None:
    done: list[str] = []
    for item in giving_way.each(range(25), lambda: done.append("others")):
        done.append(str(item))
    assert [at for at, what in enumerate(done) if what == "others"] == [0, 11, 22]
    assert [what for what in done if what != "others"] == [str(item) for item in range(25)]


def test_nothing_is_given_up_where_there_is_nothing_to_do() -> None:
    given_up: list[str] = []
    assert list(giving_way.each([], lambda: given_up.append("the core"))) == []
    assert given_up == []
