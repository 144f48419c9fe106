"""What the fault lab reads of a cluster's nodes."""

from __future__ import annotations

from tests.faults.cluster.roles import Role, read_roles

SAID = """\
a 127.0.0.1:7000@17000,, myself,master - 0 0 1 connected 0-99 200 [150->-b] [300-<-b]
b 127.0.0.1:7001@17001 master,fail - 0 0 2 connected 150
c 127.0.0.1:7002@17002 slave a 0 0 1 connected
"""


def test_who_has_which_slots_and_who_follows_whom() -> None:
    first, second, third = read_roles(SAID)
    assert first == Role("a", 7000, "", False, ((0, 99), (200, 200)), (150, 300))
    assert [second.has_failed, second.has(150), first.has(150), first.has(200)] == [True, True, False, True]
    assert (third.follows, third.ranges) == ("a", ())
