"""Where the metrics go: a textfile and a Pushgateway after a run, an address while one listens."""

from __future__ import annotations

import logging
from pathlib import Path

from stockcast.errors import BadInput, StockcastError
from stockcast.redaction import mask
from stockcast.settings import Settings
from stockcast.telemetry.metrics import client
from stockcast.telemetry.metrics.recording import fell_back
from stockcast.workspace import Workspace

__all__ = ["publish", "push", "serve", "textfile", "write_textfile"]

_LOG = logging.getLogger(__name__)


def textfile(settings: Settings) -> Path:
    """Where the textfile lies, for node_exporter's textfile collector."""
    return Workspace.of(settings).metrics / "stockcast.prom"


def write_textfile(settings: Settings) -> Path | None:
    """Write the textfile; return where, or None after saying why it could not be written."""
    path = textfile(settings)
    try:
        client.write_text(settings, path)
    except (StockcastError, OSError) as error:
        _LOG.warning("The metrics are not in %s: %s", path, error)
        return None
    return path


def push(settings: Settings) -> bool:
    """Push to the Pushgateway that the settings name, if they do; say whether it took them."""
    if not settings.pushgateway_url:
        return False
    try:
        client.push_text(settings, settings.pushgateway_url)
    except (OSError, ValueError) as error:  # ValueError: no URL
        place = mask(settings.pushgateway_url)
        _LOG.warning("The Pushgateway at %s did not take the metrics: %s", place, mask(str(error)))
        fell_back(settings, "pushgateway")
        return False
    return True


def publish(settings: Settings) -> None:
    """Leave the textfile, and push where the settings say: what a batch does at its end."""
    write_textfile(settings)
    push(settings)


def serve(settings: Settings, address: str) -> tuple[str, int]:
    """Answer ``http://ADDRESS/metrics`` from a thread; return the host and the port.

    Raises:
        BadInput: ``address`` is not HOST:PORT, or cannot be had.
    """
    host, colon, port = address.rpartition(":")
    if not (colon and port.isdigit() and int(port) < 65_536):
        raise BadInput(f"Expected HOST:PORT to listen on, such as 127.0.0.1:9108, got {address!r}.")
    try:
        found, _ = client.listen(settings, host.strip("[]") or "127.0.0.1", int(port))
    except OSError as error:
        raise BadInput(f"Expected an address that is free, got {address}: {error}.") from None
    return host or "127.0.0.1", found
