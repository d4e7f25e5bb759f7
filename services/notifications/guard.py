"""Decides whether an address may be called from inside our network, and pins the one that was checked.

A subscriber chooses the address, so it is hostile until shown otherwise: it may name our own machines, a cloud's
metadata service, or a name that answers differently the second time. This module opens no connection and reads no
settings; `transport.py` connects to exactly the address returned here.
"""

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

MAX_URL_LENGTH = 2000

# IPv6 ranges that carry an IPv4 address inside them (RFC 6052, RFC 3056, RFC 4380). Python calls some of them global
# although what they reach is decided by the address inside.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
TEREDO = ipaddress.IPv6Network("2001::/32")
# What the registries hand out for the public network (RFC 4291 section 2.4). The local-use translation prefix
# 64:ff9b:1::/48 (RFC 8215) lies outside it and is therefore refused whatever it carries.
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")

# Public by number, but answered inside a provider's network: Azure's wire server and the 6to4 relays (RFC 7526).
REFUSED_V4 = (ipaddress.IPv4Network("168.63.129.16/32"), ipaddress.IPv4Network("192.88.99.0/24"))

Lookup = Callable[[str, int], list[str]]


class Refused(Exception):
    """The address may not be called. `code` is stable and safe to log and show; the address itself is neither."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Endpoint:
    """A subscriber's address, taken apart: `path` includes the query, `host` is ASCII and without brackets."""

    scheme: str
    host: str
    port: int
    path: str


@dataclass(frozen=True)
class Target:
    """An endpoint and the one IP address that was checked for it. Connect to `address`, never to the name."""

    endpoint: Endpoint
    address: str


def system_lookup(host: str, port: int) -> list[str]:
    """Every address the system's resolver gives for a host. Raises `OSError` when there is none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def parse(url: str, *, local: bool) -> Endpoint:
    """Take an address apart without resolving it.

    `local` is true only in local mode and allows plain http (which `resolve` then allows to loopback alone).
    Raises `Refused` with `url_malformed`, `url_credentials` or `url_not_https`.
    """
    # urlsplit drops tabs and line breaks silently: what it would drop is refused first.
    if (
        len(url) > MAX_URL_LENGTH
        or "\\" in url
        or any(ord(character) < 0x21 or ord(character) > 0x7E for character in url)
    ):
        raise Refused("url_malformed")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused("url_malformed") from error
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.fragment or port == 0:
        raise Refused("url_malformed")
    if "@" in parts.netloc:
        raise Refused("url_credentials")
    if parts.scheme == "http" and not local:
        raise Refused("url_not_https")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Endpoint(parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80), path)


def resolve(url: str, *, local: bool, lookup: Lookup = system_lookup) -> Target:
    """Resolve an address, check everything it resolves to, and return one address to connect to.

    One forbidden address among several refuses them all: the resolver's order is the subscriber's to choose. Call it
    again before every attempt, for the answer may have changed since the last.
    Raises `Refused` with the codes of `parse`, `host_unresolvable` or `address_forbidden`.
    """
    endpoint = parse(url, local=local)
    try:
        addresses = [ipaddress.ip_address(found) for found in lookup(endpoint.host, endpoint.port)]
    except (OSError, UnicodeError, ValueError) as error:
        raise Refused("host_unresolvable") from error
    if not addresses:
        raise Refused("host_unresolvable")
    if local and all(address.is_loopback for address in addresses):
        return Target(endpoint, str(addresses[0]))
    if endpoint.scheme != "https":
        raise Refused("url_not_https")
    if not all(is_public(address) for address in addresses):
        raise Refused("address_forbidden")
    return Target(endpoint, str(addresses[0]))


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address, and every IPv4 address inside it, is an ordinary one on the public internet."""
    if isinstance(address, IPv4Address):
        if any(address in network for network in REFUSED_V4):
            return False
        return address.is_global and not address.is_multicast and not address.is_reserved
    inner = _embedded(address)
    if inner:
        return all(is_public(one) for one in inner)
    return address in GLOBAL_UNICAST and address.is_global and not address.is_multicast


def _embedded(address: IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses an IPv6 address stands for: mapped, NAT64, 6to4, Teredo (server and client)."""
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    if address in SIX_TO_FOUR and address.sixtofour is not None:
        return [address.sixtofour]
    if address in TEREDO and address.teredo is not None:
        return list(address.teredo)
    return []
