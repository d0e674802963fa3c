"""A real Prometheus and Pushgateway watch a sample run: every panel and rule finds its data."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from stockcast import cache, forecasting
from stockcast.contracts.forecast import Forecast
from stockcast.ledger import Ledger
from stockcast.monitoring import admission
from stockcast.prices import snapshot
from stockcast.settings import HOME, Settings, load_settings
from stockcast.telemetry import exposition, metrics
from stockcast.workspace import Workspace
from tests.endtoend.commands import SMALL, command, copy_of, environment, stockcast, until
from tests.endtoend.conftest import Finished
from tests.standins.loopback import Handler, running

PROMETHEUS = HOME / "dashboards" / "prometheus"
GRAFANA = sorted((HOME / "dashboards" / "grafana").glob("*.json"))
VARIABLES = {"$profile": "sample", "$ticker": ".*", "$__rate_interval": "2m"}
DAY = 86_400

PANELS = [
    (f"{path.stem}: {panel['title']} {target['refId']}", target["expr"])
    for path in GRAFANA
    for panel in json.loads(path.read_text("utf-8"))["panels"]
    for target in panel["targets"]
]
(_GROUP,) = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text("utf-8"))["groups"]
ALERTS = {rule["alert"]: rule["expr"] for rule in _GROUP["rules"]}


class Watched(NamedTuple):
    """A root, and the Prometheus that watches it."""

    settings: Settings
    address: str

    def ask(self, path: str, **query: str) -> Any:
        url = f"{self.address}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - ours
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[float]:
        """The values that the expression has now, those that are no number left out."""
        for variable, value in VARIABLES.items():
            expression = expression.replace(variable, value)
        result = self.ask("query", query=expression)["result"]
        values = [float(sample["value"][1]) for sample in result]
        return [value for value in values if math.isfinite(value)]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - ours
        return answer.status == 200
    return False


@contextlib.contextmanager
def started(*arguments: str, ready: str) -> Iterator[None]:
    """A program at work, from the moment at which the address ``ready`` answers."""
    process = subprocess.Popen(
        arguments, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: process.poll() is not None or answers(ready))
        assert process.poll() is None, f"{arguments[0]} ended at once"
        yield
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def textfile_at(port: int, path: Path) -> Iterator[None]:
    """What node_exporter's textfile collector does: give the file to whoever asks."""

    class Textfile(Handler):
        def do_GET(self) -> None:
            self.send(path.read_bytes(), kind=exposition.CONTENT_TYPE)

    with running(Textfile, port=port):
        yield


def write_config(path: Path, ports: dict[str, int]) -> None:
    """The project's own configuration, at other ports and in a hurry."""
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text("utf-8"))
    hurry = ("scrape_interval", "evaluation_interval", "scrape_timeout")
    config["global"] = dict.fromkeys(hurry, "2s")
    config["rule_files"] = [str(PROMETHEUS / "alerts.yml")]
    assert {job["job_name"] for job in config["scrape_configs"]} == set(ports)
    for job in config["scrape_configs"]:
        job["static_configs"][0]["targets"] = [f"127.0.0.1:{ports[job['job_name']]}"]
    path.write_text(yaml.safe_dump(config), "utf-8")


def program(name: str) -> str:
    found = shutil.which(name)
    assert found, f"{name} is one of Debian's packages"
    return found


@pytest.fixture(scope="module")
def watched(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Prometheus, asking the three kinds of endpoint about a copy of the finished run."""
    folder = tmp_path_factory.mktemp("watched")
    root = copy_of(finished.root, folder / "root")
    ports = {name: free_port() for name in ("stockcast", "pushgateway", "node")}
    gateway, own = f"127.0.0.1:{ports['pushgateway']}", f"127.0.0.1:{free_port()}"
    given = {"root": str(root), "tickers": "AAPL,FB", "pushgateway_url": f"http://{gateway}"}
    settings = load_settings("sample", given)
    assert exposition.write_textfile(settings)
    assert not exposition.push(settings), "nobody is there yet"
    write_config(folder / "prometheus.yml", ports)
    listen = f"127.0.0.1:{ports['stockcast']}"
    with contextlib.ExitStack() as stack:
        begin = stack.enter_context
        begin(textfile_at(ports["node"], exposition.textfile(settings)))
        begin(
            started(
                *(program("prometheus-pushgateway"), f"--web.listen-address={gateway}"),
                ready=f"http://{gateway}/-/ready",
            )
        )
        begin(
            started(
                *command("metrics", "--set", f"root={root}", "--listen", listen),
                ready=f"http://{listen}/metrics",
            )
        )
        assert exposition.push(settings)
        begin(
            started(
                *(program("prometheus"), f"--config.file={folder / 'prometheus.yml'}"),
                *(f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={own}"),
                ready=f"http://{own}/-/ready",
            )
        )
        world = Watched(settings, f"http://{own}")
        until(lambda: world.query("count(stockcast_runs_total)") == [12.0])
        yield world
    cache.stop(settings)


def write_down(settings: Settings, ticker: str, sessions: int, width: float) -> None:
    """Forecasts of the last sessions, each fan ``width`` times the one of today, and settled."""
    history = snapshot.load(snapshot.current(settings, ticker))
    today = forecasting.compute(settings, ticker)
    close, ledger = history.frame["close"], Ledger(settings)
    for place in range(-sessions - 5, -5):
        days = close.index[place + 1 :][:5]
        scale = close.iloc[place] / today.last_close
        fan = [
            {
                key: 1e-9 + scale * (today.last_close + width * (value - today.last_close))
                for key, value in {"close": day.close, **day.quantiles()}.items()
            }
            for day in today.days
        ]
        dated = [{**day, "date": str(when.date())} for day, when in zip(fan, days, strict=True)]
        made = {
            "as_of": str(close.index[place].date()),
            "last_close": float(close.iloc[place]),
            "predictions": {"historical": [], "full_forecast": dated},
            "naive": {"full_forecast": dated},
        }
        ledger.append(Forecast.model_validate({**today.model_dump(), **made}))
    ledger.settle(ticker, close, history.data_hash)


@pytest.fixture(scope="module")
def good(watched: Watched) -> Watched:
    """A day on which all goes well: a run with something to do, and forecasts."""
    settings = watched.settings
    before = watched.query('max(stockcast_runs_total{outcome="done"})')[0]
    (Workspace.of(settings).state / "forecasts" / "FB.json").unlink()
    gateway = f"pushgateway_url={settings.pushgateway_url}"
    answer = stockcast(
        "run", "-t", "AAPL,FB", *SMALL, "--set", f"root={settings.root}", "--set", gateway
    )
    assert answer.code == 0, answer.err
    write_down(settings, "FB", 3, 1.0)
    jobs = f'count(stockcast_runs_total{{outcome="done"}} > {before:.0f})'
    until(lambda: watched.query(jobs) == [3.0])
    rates = ("stockcast_http_requests_total", "predictions_total")

    def at_work() -> bool:
        """Serve, and say whether Prometheus has seen it from one look to the next."""
        forecasting.forecast(settings, "FB")
        metrics.http_request(settings, "/forecast/{ticker}", "GET", 200, 0.02)
        time.sleep(0.5)
        return all(watched.query(f"max(rate({name}[2m])) > 0") for name in rates)

    until(at_work)
    return watched


def test_every_endpoint_is_asked_and_answers(good: Watched) -> None:
    targets = good.ask("targets")["activeTargets"]
    assert {target["labels"]["job"]: target["health"] for target in targets} == {
        "stockcast": "up",
        "pushgateway": "up",
        "node": "up",
    }


def test_endpoints_tell_the_same_totals(good: Watched) -> None:
    told = good.query('stockcast_runs_total{outcome="done", profile="sample"}')
    assert len(told) == 3
    assert len(set(told)) == 1


@pytest.mark.parametrize(("name", "expression"), PANELS, ids=[name for name, _ in PANELS])
def test_a_panel_shows_something(good: Watched, name: str, expression: str) -> None:
    assert good.query(expression)


def test_no_alarm_on_a_good_day(good: Watched) -> None:
    (group,) = good.ask("rules")["groups"]
    assert {
        rule["name"]: (rule["health"], rule["state"]) for rule in group["rules"]
    } == dict.fromkeys(ALERTS, ("ok", "inactive"))


@pytest.fixture(scope="module")
def bad(good: Watched) -> Watched:
    """A day on which all goes wrong, after a success of long ago."""
    settings = good.settings
    metrics.run_ended(settings, "done", 1.0, {"done": 1}, now=time.time() - 4 * DAY)
    metrics.run_ended(settings, "failed", 1.0, {"failed": 1})
    write_down(settings, "AAPL", 25, 0.01)
    admission.refuse(settings, "AAPL", "AAPL: 2013-03-01 close: expected a price, got -1.")
    dead = settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{free_port()}"})
    assert exposition.write_textfile(settings)
    assert exposition.push(dead)
    return good


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_goes_off_when_it_should(bad: Watched, alert: str) -> None:
    def active() -> set[str]:
        return {found["labels"]["alertname"] for found in bad.ask("alerts")["alerts"]}

    until(lambda: bad.query(ALERTS[alert]) and alert in active())
