"""Internet addresses as limits and ranges see them."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network


def plain_address(address: str) -> IPv4Address | IPv6Address | None:
    """An address without its zone, and IPv4 where IPv6 only carries it; None for what is no address."""
    try:
        place = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return (place.ipv4_mapped or place) if isinstance(place, IPv6Address) else place


def neighbourhood(address: str) -> str:
    """Whom a limit for an address counts together: whoever has one IPv6 address has the /64 around it."""
    place = plain_address(address)
    if isinstance(place, IPv6Address):
        return str(ip_network((place, 64), strict=False))
    return address if place is None else str(place)


def is_inside(address: str, networks: tuple[str, ...]) -> bool:
    """Whether it lies in one of the ranges."""
    place = plain_address(address)
    return place is not None and any(place in ip_network(network, strict=False) for network in networks)
