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
        visitors: kernels at most; who comes later gets the page without its live part.
        preheated: kernels kept ready.
        read_only: whether nobody may start a training.
        open_browser: whether to open one.
    """

    ip: str = "127.0.0.1"
    port: int = 8866
    base_url: str = "/"
    hosts: tuple[str, ...] = ()
    visitors: int = 12
    preheated: int = 1
    read_only: bool = False
    open_browser: bool = False
