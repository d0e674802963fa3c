"""Clients of a server: which addresses are one client, and which connection gives way to a new one.

A connection waits while its request has not wholly come. Any number of clients can have theirs wait
for as long as they like, and each takes a file and some memory. So when there are too many, the one
that has waited longest is closed; refusing the newest would starve whoever comes next.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from functools import lru_cache
from typing import Generic, TypeVar

__all__ = ["HEAD", "WAITING", "WAITING_OF_ONE", "Waiting", "network"]

#: Bytes of a request's line and header fields.
HEAD = 16 * 1024
#: Connections of a process that may wait for their clients: in all, and of one client.
WAITING, WAITING_OF_ONE = 512, 256

Connection = TypeVar("Connection")


class Waiting(Generic[Connection]):
    """The connections of this process that wait for their clients."""

    def __init__(self) -> None:
        # dicts keep the order in which connections began to wait
        self._client_of: dict[Connection, str] = {}
        self._of: defaultdict[str, dict[Connection, None]] = defaultdict(dict)

    def add(self, connection: Connection, client: str) -> Connection | None:
        """Note that one of ``client`` waits; return the one that has to give way, if any."""
        self._client_of[connection] = client
        of_one = self._of[client]
        of_one[connection] = None
        if len(of_one) > WAITING_OF_ONE:
            return next(iter(of_one))
        return next(iter(self._client_of)) if len(self._client_of) > WAITING else None

    def discard(self, connection: Connection) -> None:
        """Note that it waits no longer."""
        client = self._client_of.pop(connection, None)
        if client is not None:
            del self._of[client][connection]
            if not self._of[client]:
                del self._of[client]


@lru_cache(maxsize=4096)
def network(address: str) -> str:
    """Return what counts as one client: an address, or of IPv6 the network that one gets.

    A socket for both versions shows IPv4 addresses as ::ffff:192.0.2.1, which are all one network.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    found = getattr(found, "ipv4_mapped", None) or found
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((int(found), 64), strict=False))
