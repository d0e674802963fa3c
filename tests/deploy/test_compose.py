"""Compose: valid, and what it names exists: files, commands, ports, variables, metrics."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.claims import DEPLOY, HOME, check_command, is_setting

COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN = [name for name, service in SERVICES.items() if "STOCKCAST_IMAGE" in service["image"]]


def test_the_schema_of_compose_holds() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    schema = ["--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [checker, *schema, DEPLOY / "compose.yaml"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_all_that_the_design_names_is_there() -> None:
    names = {"api", "dashboard", "redis", "qdrant", "mlflow", "prometheus", "grafana", "ollama"}
    assert SERVICES.keys() == names
    assert SERVICES["ollama"]["profiles"] == ["ollama"]


@pytest.mark.parametrize("name", [name for name in OWN if "entrypoint" not in SERVICES[name]])
def test_our_services_run_commands_that_exist(name: str) -> None:
    check_command(SERVICES[name]["command"])


@pytest.mark.parametrize("name", OWN)
def test_our_services_have_no_rights_and_write_to_their_volume(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert [volume.split(":")[1] for volume in service["volumes"]] == ["/var/lib/stockcast"]


def test_variables_are_settings_that_name_services_here() -> None:
    for name in ("api", "dashboard"):
        variables = SERVICES[name]["environment"]
        assert all(map(is_setting, variables))
        urls = [value for value in variables.values() if "://" in value]
        hosts = {re.split("[/:]+", url)[1] for url in urls} | {variables["REDIS_HOST"]}
        assert hosts == {"redis", "qdrant", "mlflow"}


def test_ports_are_open_to_this_machine_alone() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    for name in ("api", "dashboard"):
        inside = SERVICES[name]["ports"][0].rpartition(":")[2]
        assert inside in SERVICES[name]["command"]


def test_every_file_that_is_mounted_exists() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", ())]
    files = [mount.split(":")[0] for mount in mounts if mount.startswith(".")]
    assert files
    assert [file for file in files if not (DEPLOY / file).exists()] == []
    named = {mount.split(":")[0] for mount in mounts if not mount.startswith(".")}
    assert named == COMPOSE["volumes"].keys()


def test_images_of_others_have_a_version() -> None:
    others = [service["image"] for name, service in SERVICES.items() if name not in OWN]
    assert all(re.search(r":v?\d+\.\d+", image) for image in others)


def test_prometheus_asks_the_service_and_loads_the_alarms() -> None:
    plan = yaml.safe_load((DEPLOY / "prometheus.yml").read_text("utf-8"))
    (job,) = plan["scrape_configs"]
    assert job["static_configs"][0]["targets"] == ["api:8000"]
    (rules,) = plan["rule_files"]
    mounts = dict(mount.split(":")[:2] for mount in SERVICES["prometheus"]["volumes"])
    assert rules in mounts.values()
    done = subprocess.run(
        ["promtool", "check", "config", "--syntax-only", DEPLOY / "prometheus.yml"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_grafana_finds_our_dashboards_and_the_source_of_their_data() -> None:
    folder = DEPLOY / "grafana" / "provisioning"
    (provider,) = yaml.safe_load((folder / "dashboards" / "stockcast.yaml").read_text("utf-8"))[
        "providers"
    ]
    mounts = dict(mount.split(":")[:2] for mount in SERVICES["grafana"]["volumes"])
    (source,) = (host for host, inside in mounts.items() if inside == provider["options"]["path"])
    boards = [
        json.loads(path.read_text("utf-8")) for path in (DEPLOY / source).resolve().glob("*.json")
    ]
    assert all(board["uid"].startswith("stockcast") for board in boards)
    assert boards
    (data,) = yaml.safe_load((folder / "datasources" / "prometheus.yaml").read_text("utf-8"))[
        "datasources"
    ]
    assert data["url"] == "http://prometheus:9090"
    assert HOME in (DEPLOY / source).resolve().parents
