"""Which addresses may be called."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler import Guard, Settings
from scheduler.delivery.egress import literal, literal_endpoints
from scheduler.networks import networks

GUARD = Guard()
# fmt: off
PUBLIC = [
    "93.184.216.34", "1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1",
    "11.0.0.1", "198.17.255.255", "198.20.0.1", "223.255.255.255", "2606:4700::1111", "2a00:1450::1",
    "2001:4860::8888", "64:ff9b::5db8:d822", "::ffff:93.184.216.34",
]
SPECIAL = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
    "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1",
    "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255",
    "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1", "::a9fe:a9fe", "::ffff:127.0.0.1",
    "::ffff:169.254.169.254", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1",
    "64:ff9b:1::5db8:d822", "100::1", "2001::1", "2001:0:7f00:1::", "2001:2::1", "2001:10::1", "2001:db8::1",
    "2002:7f00:1::", "2002:a9fe:a9fe::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fd20:ce::254",
    "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1", "::ffff:0.0.0.0", "64:ff9b::", "64:ff9b::7f00:1",
    "4000::1", "1fff::1", "e000::1", "f000::1", "200::1", "400::1", "a::1", "::2:0:0:1", "0:0:0:1::1",
]
#: The table of "port blocking" in the Fetch standard, and two whose servers run what they are sent.
BAD_PORTS = [
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
    110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531,
    532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060,
    5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080, 6379, 11211,
]
LITERALS = [
    ("127.0.0.1", "127.0.0.1"), ("[::1]", "::1"), ("2130706433", "127.0.0.1"),
    ("0x7f000001", "127.0.0.1"), ("0X7F.1", "127.0.0.1"), ("0251.254.169.254", "169.254.169.254"),
    ("127.1", "127.0.0.1"), ("0", "0.0.0.0"), ("[::ffff:7f00:1]", "::ffff:127.0.0.1"),
    ("localhost", None), ("fade.dead", None), ("abc", None),
    ("1.2.3.4.5", None), ("1e100.net", None), ("", None),
]
# fmt: on


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_called(address: str) -> None:
    assert GUARD.permits(address, 80)


@pytest.mark.parametrize("address", SPECIAL)
def test_a_special_address_may_not_be_called_in_any_of_its_forms(address: str) -> None:
    assert not GUARD.permits(address, 80)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_the_same_when_it_is_mapped_or_translated(address: object) -> None:
    plain = GUARD.permits(str(address), 80)
    assert GUARD.permits(f"::ffff:{address}", 80) == plain
    assert GUARD.permits(f"64:ff9b::{address}", 80) == plain


@given(st.ip_addresses())
def test_whatever_python_calls_private_or_multicast_is_denied(address: object) -> None:
    ip = ip_address(str(address))
    if ip.is_private or ip.is_multicast or ip.is_loopback or ip.is_link_local or (ip.is_reserved and ip.version == 4):
        assert not GUARD.permits(str(ip), 80)


def test_networks_can_be_allowed() -> None:
    guard = Guard(allow=networks("10.1.0.0/16, ::1/128"))
    assert guard.permits("10.1.2.3", 80)
    assert guard.permits("::ffff:10.1.2.3", 80)
    assert guard.permits("::1", 80)
    assert not guard.permits("10.2.0.1", 80)
    assert not guard.permits("127.0.0.1", 80)


def test_ports_can_be_restricted() -> None:
    guard = Guard(ports=frozenset({80, 443}))
    assert guard.permits("1.1.1.1", 443)
    assert not guard.permits("1.1.1.1", 22)
    assert not guard.permits_url("example.com", 22)


@pytest.mark.parametrize("port", BAD_PORTS)
def test_a_port_of_another_protocol_is_called_only_if_it_is_named(port: int) -> None:
    assert not GUARD.permits("1.1.1.1", port)
    assert not GUARD.permits_url("1.1.1.1", port)
    assert not GUARD.permits_url("example.com", port)
    assert not Guard(allow=networks("0.0.0.0/0")).permits("10.0.0.1", port)
    named = Guard(ports=frozenset({port}))
    assert named.permits("1.1.1.1", port)
    assert named.permits_url("example.com", port)


@pytest.mark.parametrize("port", [80, 443, 8000, 8080, 8443, 3000, 5000, 9000, 65535])
def test_the_ports_of_http_may_be_called(port: int) -> None:
    assert GUARD.permits("1.1.1.1", port)
    assert GUARD.permits_url("example.com", port)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "::ffff:0.0.0.0", "64:ff9b::"])
def test_the_unspecified_address_is_loopback(address: str) -> None:
    """The kernel connects to loopback; so 0.0.0.0/0 or ::/0 does not open what is our own there."""
    allow = networks("0.0.0.0/0, ::/0")
    assert not Guard(allow=networks("0.0.0.0/8, ::/128")).permits(address, 80)
    own = literal_endpoints(Settings(port=8123, metrics_port=9123, redis_url="redis://localhost:7000").own_hosts())
    for port in (8123, 9123, 7000):
        assert not Guard(allow=allow, own=own).permits(address, port)
    assert Guard(allow=allow, own=own).permits(address, 8124)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.2", "0.0.0.0", "::"])
def test_what_listens_on_every_address_is_ours_on_every_address_of_this_machine(host: str, address: str) -> None:
    settings = Settings(host=host, port=8123, metrics_host=host, metrics_port=9123, allow_anonymous=True)
    guard = Guard(allow=networks("0.0.0.0/0, ::/0"), own=literal_endpoints(settings.own_hosts()))
    for port in (8123, 9123, 6379):
        assert not guard.permits(address, port)
    assert guard.permits("10.255.255.254", 8123)  # another machine's
    assert guard.permits(address, 8124)


def test_the_metrics_of_every_poller_are_ours() -> None:
    settings = Settings(metrics_port=9123, pollers=3)
    guard = Guard(allow=networks("127.0.0.0/8"), own=literal_endpoints(settings.own_hosts()))
    assert [guard.permits("127.0.0.1", port) for port in range(9122, 9127)] == [True, False, False, False, True]


def test_our_own_api_and_store_are_denied_even_where_their_network_is_allowed() -> None:
    settings = Settings(redis_url="redis://10.0.0.5:7000/0", port=8123, egress_deny="10.0.0.9:8000, [::1]:99")
    guard = Guard(allow=networks("0.0.0.0/0,::/0"), own=literal_endpoints(settings.own_hosts()))
    for address, port in [
        ("10.0.0.5", 7000),
        ("127.0.0.1", 8123),
        ("::ffff:127.0.0.1", 8123),
        ("10.0.0.9", 8000),
        ("::1", 99),
    ]:
        assert not guard.permits(address, port)
        assert guard.permits(address, port + 1)


@pytest.mark.parametrize(("host", "address"), LITERALS)
def test_a_literal_address_is_known_in_every_form_that_a_look_up_would_take(host: str, address: str | None) -> None:
    found = literal(host)
    assert (found and ip_address(found)) == (address and ip_address(address))


@pytest.mark.parametrize(
    ("host", "verdict"), [("2130706433", False), ("[::1]", False), ("example.com", True), ("1.1.1.1", True)]
)
def test_before_a_look_up_only_literal_addresses_are_judged(host: str, verdict: bool) -> None:
    assert GUARD.permits_url(host, 80) is verdict
