"""A short load: cached forecasts beside the plain way to serve them, and nobody is turned away."""

from __future__ import annotations

from stockcast.settings import load_settings
from tests.api.servers import Server
from tests.bench import load


def test_cached_forecasts_are_faster_than_the_plain_route_and_none_fails(server: Server) -> None:
    """By turns, and far below the ratio that is measured: other programs disturb each."""
    load.warm(server.url, 2)
    settings = load_settings("sample", {"root": str(server.log.parent)})
    with load.plain(settings, workers=2) as plain:
        turns = [(load.wrk(server.url, seconds=1), load.wrk(plain, seconds=1)) for _ in range(2)]
    assert sum(ours.bad for ours, _ in turns) == 0
    assert max(ours.rate / theirs.rate for ours, theirs in turns) > 2
