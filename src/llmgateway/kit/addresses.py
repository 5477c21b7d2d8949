"""IP addresses in the form in which rate limits and address ranges compare them."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network


def plain_address(address: str) -> IPv4Address | IPv6Address | None:
    """The parsed address, without its zone, and as IPv4 where it is IPv4 mapped into IPv6; None for any other text."""
    try:
        place = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return (place.ipv4_mapped or place) if isinstance(place, IPv6Address) else place


def neighbourhood(address: str) -> str:
    """What a rate limit by address counts as one caller: an IPv4 address, or the /64 around an IPv6 address."""
    place = plain_address(address)
    if isinstance(place, IPv6Address):
        return str(ip_network((place, 64), strict=False))
    return address if place is None else str(place)


def is_inside(address: str, networks: tuple[str, ...]) -> bool:
    """Whether the address lies in one of the ranges (CIDR)."""
    place = plain_address(address)
    return place is not None and any(place in ip_network(network, strict=False) for network in networks)
