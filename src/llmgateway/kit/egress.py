"""The egress guard: where a tenant's own address may lead. Only https, and only to the public internet."""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

_NAT64: Final = "64:ff9b::"


class AddressRefused(OSError):
    """The address leads somewhere that a tenant must not reach through the gateway."""


def check_url(url: str) -> None:
    """Check a URL as far as that is possible without resolving its host. Raises AddressRefused."""
    parts = urlsplit(url)
    if parts.scheme != "https":
        raise AddressRefused("The address must begin with https://.")
    if not parts.hostname or parts.username is not None or parts.password is not None:
        raise AddressRefused("The address must name a host, and no user or password.")
    try:
        _ = parts.port
    except ValueError as error:
        raise AddressRefused("The address has a port that is none.") from error
    if parts.hostname.lower().rstrip(".") == "localhost":
        raise AddressRefused("The address leads into a private or reserved network.")
    if _is_literal(parts.hostname):  # a name's addresses are checked when it is resolved
        check_address(parts.hostname)


def check_address(address: str) -> None:
    """Refuse private, local, link-local (cloud metadata), multicast and reserved addresses. Raises AddressRefused."""
    place = ip_address(address.partition("%")[0])
    inner = _inner(place)
    if not place.is_global or place.is_multicast or (inner is not None and (not inner.is_global or inner.is_multicast)):
        raise AddressRefused("The address leads into a private or reserved network.")


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _inner(place: IPv4Address | IPv6Address) -> IPv4Address | None:
    """The IPv4 address inside an IPv6 one (mapped, 6to4, Teredo, NAT64); None when there is none."""
    if isinstance(place, IPv4Address):
        return None
    carried = place.ipv4_mapped or place.sixtofour or (place.teredo[1] if place.teredo else None)
    if carried is None and str(place).startswith(_NAT64):
        carried = IPv4Address(int(place) & 0xFFFFFFFF)
    return carried


class GuardedResolver(AbstractResolver):
    """Resolves and checks. The connection goes to the very address that was checked, so that DNS cannot change it in between."""

    def __init__(self) -> None:
        self._inner = ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        """The host's addresses. Raises AddressRefused when a tenant must not reach one of them."""
        found = await self._inner.resolve(host, port, family)
        for entry in found:
            check_address(entry["host"])
        return found

    async def close(self) -> None:
        await self._inner.close()
