"""How the dashboard is to be served."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Options"]


@dataclass(frozen=True)
class Options:
    """How to serve.

    Attributes:
        ip, port: where to listen.
        base_url: the path that a proxy puts before everything.
        hosts: names, besides loopback's, that requests may ask for.
        visitors: readers at most who have a forecast made at the same time; each takes a kernel.
        read_only: whether nobody may.
        open_browser: whether to open one.
    """

    ip: str = "127.0.0.1"
    port: int = 8866
    base_url: str = "/"
    hosts: tuple[str, ...] = ()
    visitors: int = 12
    read_only: bool = False
    open_browser: bool = False
