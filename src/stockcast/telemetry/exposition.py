"""The text that Prometheus reads, and where it goes; the only module that knows its client.

Everything is a collector over the totals and the products, so that a process that counted nothing
itself tells the same as one that did.
"""

from __future__ import annotations

import itertools
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any, TypedDict
from urllib.parse import unquote, urlsplit, urlunsplit

import psutil
from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    generate_latest,
    push_to_gateway,
    start_http_server,
)
from prometheus_client.exposition import basic_auth_handler, default_handler
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import (
    Metric as Family,
)
from prometheus_client.registry import Collector

from stockcast.errors import BadInput, StockcastError
from stockcast.redaction import mask
from stockcast.settings import Settings, load_settings
from stockcast.storage.files import atomic_write
from stockcast.telemetry.catalogue import (
    CATALOGUE,
    MACHINE,
    OTHER,
    ROUTES,
    TICKERS,
    Metric,
)
from stockcast.telemetry.metrics import fell_back
from stockcast.telemetry.product_gauges import cache_gauge, product_gauges
from stockcast.telemetry.totals import Key, totals_of
from stockcast.workspace import Workspace

__all__ = [
    "CONTENT_TYPE",
    "exposition",
    "publish",
    "push",
    "samples",
    "serve",
    "textfile",
    "write_textfile",
]

#: The media type of what :func:`exposition` returns.
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

#: Seconds that a Pushgateway may take.
PUSH_TIMEOUT = 3.0
#: Seconds over which the use of the processors is measured the first time.
FIRST_LOOK = 0.1

#: Of one metric: values by the values of its labels.
Labelled = dict[tuple[str, ...], float]

_LOG = logging.getLogger(__name__)


class Sample(TypedDict):
    """One sample of a metric."""

    name: str
    labels: dict[str, str]
    value: float


class _Profile(Collector):
    """All metrics of one profile.

    Args:
        settings: of the profile.
        machine: whether to add the state of machine and cache. A file or a Pushgateway, which are
            read later, must not have it: they would show for a day how busy the machine was once.
        marked: whether every sample names its profile, for a file that stands beside others.
    """

    def __init__(self, settings: Settings, *, machine: bool, marked: bool = False) -> None:
        self._settings = settings
        self._tickers = _tickers(settings)
        self._machine = machine
        self._marks = {"profile": settings.profile} if marked else {}

    def collect(self) -> Iterator[Family]:
        """Yield every metric with at least one sample."""
        found: dict[str, Labelled] = defaultdict(dict)
        for (name, labels), value in self._samples().items():
            found[name][labels] = value
        for metric in CATALOGUE.values():
            family = self._family(metric, found)
            if family.samples:
                yield family

    def _samples(self) -> dict[Key, float]:
        counted = _folded(frozenset(self._tickers), totals_of(self._settings).read())
        products = product_gauges(self._settings, self._tickers)
        cache = cache_gauge(self._settings, start=self._machine)
        return counted | products | cache | (_machine(self._settings) if self._machine else {})

    def _family(self, metric: Metric, found: Mapping[str, Labelled]) -> Family:
        labels, marks = [*metric.labels, *self._marks], tuple(self._marks.values())
        if metric.kind == "histogram":
            histogram = HistogramMetricFamily(metric.name, metric.help, labels=labels)
            falls = found.get(f"{metric.name}_bucket", {})
            bounds = [*map(str, metric.buckets), "+Inf"]
            for values, total in self._from_zero(metric, found.get(f"{metric.name}_sum")).items():
                heights = itertools.accumulate(falls.get((*values, bound), 0.0) for bound in bounds)
                buckets = list(zip(bounds, heights, strict=True))
                histogram.add_metric([*values, *marks], buckets, total)
            return histogram
        kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
        family = kind(metric.name, metric.help, labels=labels)
        for values, value in self._from_zero(metric, found.get(metric.name)).items():
            family.add_metric([*values, *marks], value)
        return family

    def _from_zero(self, metric: Metric, found: Labelled | None) -> Labelled:
        """``found``, with a zero for every series of a count that may come: an increase is seen
        only from a value to the next."""
        if metric.kind == "gauge":
            return found or {}
        choices = [self._values(values) for values in metric.labels.values()]
        return {**dict.fromkeys(itertools.product(*choices), 0.0), **(found or {})}

    def _values(self, values: tuple[str, ...]) -> tuple[str, ...]:
        if values is TICKERS:
            return self._tickers
        return () if values is ROUTES else values


def exposition(settings: Settings) -> bytes:
    """Return what ``/metrics`` answers, with the media type ``CONTENT_TYPE``.

    Reads every product that changed, and looks at the machine and the cache: some 10 ms, so a
    server calls it in a thread.
    """
    return generate_latest(_registry(settings, machine=True))


def samples(settings: Settings) -> list[Sample]:
    """Return the same as JSON has it: ``name``, ``labels`` and ``value`` of each sample."""
    return [
        {"name": sample.name, "labels": sample.labels, "value": sample.value}
        for family in _registry(settings, machine=True).collect()
        for sample in family.samples
    ]


def textfile(settings: Settings) -> Path:
    """Where the textfile lies, for node_exporter's textfile collector."""
    return Workspace.of(settings).metrics / "stockcast.prom"


def write_textfile(settings: Settings) -> Path | None:
    """Write all but the machine's metrics to the textfile, whole or not at all.

    Returns:
        Where it lies; None after logging why it could not be written.
    """
    path = textfile(settings)
    try:
        with atomic_write(path) as temporary:
            temporary.write_bytes(generate_latest(_registry(settings, machine=False, marked=True)))
    except (StockcastError, OSError) as error:
        _LOG.warning("The metrics are not in %s: %s", path, error)
        return None
    return path


def push(settings: Settings) -> bool:
    """Replace what the Pushgateway of the settings keeps of the profile; say whether it took it.

    An unreachable Pushgateway is logged.
    """
    url = settings.pushgateway_url
    if not url:
        return False
    try:
        place, handler = _without_login(url)
        push_to_gateway(
            place,
            job="stockcast",
            registry=_registry(settings, machine=False),
            grouping_key={"profile": settings.profile},
            timeout=PUSH_TIMEOUT,
            handler=handler,
        )
    except (OSError, ValueError) as error:  # ValueError: no URL
        reason = mask(str(error))
        _LOG.warning("The Pushgateway at %s did not take the metrics: %s", mask(url), reason)
        fell_back(settings, "pushgateway")
        return False
    return True


def publish(settings: Settings) -> None:
    """Write the textfile, and push where the settings say: what a batch does at its end."""
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
    host = host or "127.0.0.1"
    registry = _registry(settings, machine=True)
    try:
        server, _ = start_http_server(int(port), host.strip("[]"), registry=registry)
    except OSError as error:
        raise BadInput(f"Expected an address that is free, got {address}: {error}.") from None
    return host, server.server_port


def _registry(settings: Settings, *, machine: bool, marked: bool = False) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Profile(settings, machine=machine, marked=marked))
    return registry


def _without_login(url: str) -> tuple[str, Any]:
    """Split the login off a URL; the client takes it as a header."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.username is None:
        return url, default_handler
    host = parts.netloc.rpartition("@")[2]

    name, password = unquote(parts.username), unquote(parts.password or "")

    def with_login(**request: Any) -> Any:
        return basic_auth_handler(**request, username=name, password=password)

    return urlunsplit(parts._replace(netloc=host)), with_login


def _machine(settings: Settings) -> dict[Key, float]:
    values = {
        "system_cpu_percent": _cpu(),
        "system_memory_mb": psutil.virtual_memory().used / 2**20,
        "system_disk_percent": psutil.disk_usage(str(Workspace.of(settings).existing)).percent,
    }
    return {(metric.name, ()): values[metric.name] for metric in MACHINE}


def _cpu() -> float:
    """The share since the last call in this process; over a moment at the first call."""
    share: float = psutil.cpu_percent(None if _asked_before else FIRST_LOOK)
    _asked_before.add(True)
    return share


_asked_before: set[bool] = set()


def _tickers(settings: Settings) -> tuple[str, ...]:
    """The profile's tickers too when a run was for some of them: the others are still there."""
    try:
        listed = load_settings(settings.profile).all_tickers
    except BadInput:  # the profile cannot be read without what was given beside it
        listed = ()
    return tuple(dict.fromkeys((*settings.all_tickers, *listed)))


def _folded(tickers: Set[str], samples: Mapping[Key, float]) -> dict[Key, float]:
    """Count what the catalogue does not list, and tickers not of the profile, as ``other``."""
    found: dict[Key, float] = defaultdict(float)
    for (name, labels), value in samples.items():
        metric = CATALOGUE.get(name.removesuffix("_bucket").removesuffix("_sum"))
        if metric is None:
            continue  # another version counted it
        told = [
            label
            if allowed is ROUTES or label in (tickers if allowed is TICKERS else allowed)
            else OTHER
            for allowed, label in zip(metric.labels.values(), labels, strict=False)
        ]
        found[name, (*told, *labels[len(told) :])] += value
    return found
