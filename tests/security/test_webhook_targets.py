"""Which addresses a subscriber may have us call (10), and that the checked one is the one that is called.

That a redirect is not followed is shown in tests/unit/notifications/test_webhook_transport.py.
"""

import socket

import pytest

from services.notifications import guard
from services.notifications.guard import Refused


def answering(*addresses: str):
    """A resolver that always gives these addresses."""
    return lambda host, port: list(addresses)


def refusal(url: str, *addresses: str, local: bool = False) -> str:
    with pytest.raises(Refused) as refused:
        guard.resolve(url, local=local, lookup=answering(*addresses))
    return refused.value.code


FORBIDDEN = {
    "loopback": "127.0.0.1",
    "loopback, another number": "127.8.9.1",
    "this host": "0.0.0.0",
    "private 10": "10.0.0.5",
    "private 172.16": "172.16.3.4",
    "private 192.168": "192.168.1.1",
    "carrier-grade NAT": "100.64.0.1",
    "link-local": "169.254.1.1",
    "cloud metadata": "169.254.169.254",
    "cloud metadata in CGNAT": "100.100.100.200",
    "cloud wire server": "168.63.129.16",
    "multicast": "224.0.0.1",
    "broadcast": "255.255.255.255",
    "reserved": "240.0.0.1",
    "documentation": "192.0.2.1",
    "benchmarking": "198.18.0.1",
    "6to4 relay": "192.88.99.1",
    "IPv6 loopback": "::1",
    "IPv6 unspecified": "::",
    "IPv6 unique local": "fd00:ec2::254",
    "IPv6 link-local": "fe80::1",
    "IPv6 link-local with scope": "fe80::1%eth0",
    "IPv6 site-local": "fec0::1",
    "IPv6 multicast": "ff02::1",
    "IPv6 documentation": "2001:db8::1",
    "IPv4-mapped loopback": "::ffff:127.0.0.1",
    "IPv4-mapped metadata": "::ffff:169.254.169.254",
    "IPv4-compatible loopback": "::7f00:1",
    "NAT64 loopback": "64:ff9b::7f00:1",
    "NAT64 metadata": "64:ff9b::a9fe:a9fe",
    "local-use NAT64 loopback": "64:ff9b:1::7f00:1",
    "local-use NAT64, public inside": "64:ff9b:1::808:808",
    "6to4 loopback": "2002:7f00:1::",
    "6to4 private": "2002:c0a8:101::1",
    "Teredo, private client": "2001:0:808:808:0:0:3f57:fefe",
}


@pytest.mark.parametrize("address", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_10_an_address_inside_any_network_of_ours_is_refused(address):
    """Seen to fail with `guard.is_public` answering that every address is public."""
    assert refusal("https://hooks.example.org/in", address) == "address_forbidden"


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "::ffff:808:808", "64:ff9b::808:808", "2002:808:808::1"]
)
def test_10_an_ordinary_public_address_is_called(address):
    """A control of the test above. Seen to fail when `is_public` says no to every address."""
    target = guard.resolve("https://hooks.example.org/in?x=1", local=False, lookup=answering(address))
    assert target.address == address
    assert target.endpoint == guard.Endpoint("https", "hooks.example.org", 443, "/in?x=1")


def test_10_one_forbidden_address_among_public_ones_refuses_them_all():
    """Seen to fail when `resolve` asks for `any` public address in place of `all`."""
    assert refusal("https://hooks.example.org/", "8.8.8.8", "10.0.0.1") == "address_forbidden"


def test_10_a_name_that_answers_differently_the_second_time_is_refused_the_second_time():
    """Seen to fail when `resolve` remembers what a name answered (`lru_cache` around the lookup)."""
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])

    def lookup(host, port):
        return next(answers)

    assert guard.resolve("https://rebind.example.org/", local=False, lookup=lookup).address == "8.8.8.8"
    with pytest.raises(Refused, match="address_forbidden"):
        guard.resolve("https://rebind.example.org/", local=False, lookup=lookup)


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "[::1]", "localhost", "0177.0.0.1"])
def test_10_loopback_in_any_spelling_is_seen_through_by_the_real_resolver(host):
    """Seen to fail with `guard.is_public` answering that every address is public."""
    with pytest.raises(Refused) as refused:
        guard.resolve(f"https://{host}/", local=False)
    assert refused.value.code in ("address_forbidden", "host_unresolvable")


def test_10_plain_http_is_for_loopback_in_local_mode_only():
    """Seen to fail without each of the two refusals `url_not_https`, of `parse` and of `resolve`."""
    assert refusal("http://hooks.example.org/", "8.8.8.8") == "url_not_https"
    assert refusal("http://127.0.0.1:9000/", "127.0.0.1") == "url_not_https"
    with pytest.raises(Refused, match="url_not_https"):
        guard.parse("http://hooks.example.org/", local=False)
    assert refusal("http://hooks.example.org/", "8.8.8.8", local=True) == "url_not_https"
    assert refusal("http://printer.local/", "192.168.1.9", local=True) == "url_not_https"
    assert refusal("https://printer.local/", "192.168.1.9", local=True) == "address_forbidden"
    assert refusal("http://half.example.org/", "127.0.0.1", "8.8.8.8", local=True) == "url_not_https"
    assert guard.resolve("http://127.0.0.1:9000/x", local=True).address == "127.0.0.1"
    assert guard.resolve("https://127.0.0.1:9000/x", local=True).address == "127.0.0.1"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://hooks.example.org/", "url_malformed"),
        ("file:///etc/passwd", "url_malformed"),
        ("https://", "url_malformed"),
        ("hooks.example.org", "url_malformed"),
        ("https://hooks.example.org:99999/", "url_malformed"),
        ("https://hooks.example.org:0/", "url_malformed"),
        ("https://[::1/", "url_malformed"),
        ("https://hooks.example.org/#part", "url_malformed"),
        ("https://hooks.example.org\\@10.0.0.1/", "url_malformed"),
        ("https://hooks.example.org/a\r\nX-Evil: 1", "url_malformed"),
        ("https://hooks.exa\tmple.org/", "url_malformed"),
        ("https://hooks.example.org/a b", "url_malformed"),
        ("https://hooks.example.org/" + "a" * 2000, "url_malformed"),
        ("https://user:word@hooks.example.org/", "url_credentials"),
        ("https://@hooks.example.org/", "url_credentials"),
    ],
)
def test_10_an_address_that_is_not_plainly_one_is_refused_before_it_is_resolved(url, code):
    """Seen to fail without the look at characters and length, at scheme, host, fragment and port, and at "@", each
    alone."""

    def lookup(host, port):
        raise AssertionError("it was resolved")

    with pytest.raises(Refused) as refused:
        guard.resolve(url, local=False, lookup=lookup)
    assert refused.value.code == code


def test_10_a_name_that_nobody_knows_is_refused_with_its_own_code():
    """Seen to fail when the resolver's error is not caught, and when an empty answer is taken."""

    def lookup(host, port):
        raise socket.gaierror(8, "unknown")

    with pytest.raises(Refused, match="host_unresolvable"):
        guard.resolve("https://nobody.example.org/", local=False, lookup=lookup)
    assert refusal("https://nobody.example.org/") == "host_unresolvable"


def test_10_the_refusal_does_not_repeat_the_address():
    """Seen to fail when `Refused` is given the address beside its code."""
    with pytest.raises(Refused) as refused:
        guard.resolve("https://user:canary@hooks.example.org/", local=False)
    assert "canary" not in str(refused.value)
