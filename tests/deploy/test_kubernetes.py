"""Kubernetes: valid against its own schemas, nothing too trusting, and what it names exists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest

from stockcast.api.policy import POLICIES
from tests.deploy.claims import DEPLOY, check_command, is_setting
from tests.deploy.kustomize import render

Document = dict[str, Any]
OVERLAYS = ["base", "production"]
OBJECTS = render(DEPLOY / "kubernetes" / "production")
LATEST = kubernetes_validate.latest_version()


def of(kind: str) -> dict[str, Document]:
    return {item["metadata"]["name"]: item for item in OBJECTS if item["kind"] == kind}


def pods() -> Iterator[tuple[str, Document]]:
    for kind in ("Deployment", "StatefulSet"):
        for name, item in of(kind).items():
            yield name, item["spec"]["template"]
    for name, item in of("CronJob").items():
        yield name, item["spec"]["jobTemplate"]["spec"]["template"]


def containers() -> Iterator[tuple[str, Document]]:
    for name, pod in pods():
        for container in pod["spec"]["containers"]:
            yield name, container


OURS = [(name, box) for name, box in containers() if box["image"].startswith("registry.example/")]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_valid(overlay: str) -> None:
    for item in render(DEPLOY / "kubernetes" / overlay):
        kubernetes_validate.validate(item, LATEST, strict=True)


def test_all_that_the_design_names_is_there() -> None:
    assert of("Deployment").keys() == {"api", "dashboard", "mlflow"}
    assert of("StatefulSet").keys() == {"redis", "qdrant"}
    assert of("CronJob").keys() == {"pipeline"}
    assert of("HorizontalPodAutoscaler").keys() == of("PodDisruptionBudget").keys() == {"api"}
    assert "closed" in of("NetworkPolicy")


@pytest.mark.parametrize(("name", "box"), [pair for pair in OURS if "command" not in pair[1]])
def test_our_containers_run_commands_that_exist(name: str, box: Document) -> None:
    check_command(box["args"])
    for port in box.get("ports", ()):
        assert str(port["containerPort"]) in box["args"]


@pytest.mark.parametrize(("name", "box"), OURS)
def test_our_containers_write_to_their_volumes_alone(name: str, box: Document) -> None:
    security = box["securityContext"]
    assert security["readOnlyRootFilesystem"]
    written = {m["mountPath"] for m in box["volumeMounts"] if not m.get("readOnly")}
    assert written == {"/var/lib/stockcast", "/tmp"}  # noqa: S108 - in the container


@pytest.mark.parametrize(("name", "pod"), list(pods()))
def test_no_pod_has_rights_or_a_token(name: str, pod: Document) -> None:
    spec = pod["spec"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    for box in spec["containers"]:
        assert box["securityContext"]["allowPrivilegeEscalation"] is False
        assert box["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize(("name", "box"), list(containers()))
def test_every_container_has_limits_and_every_server_probes(name: str, box: Document) -> None:
    for kind in ("requests", "limits"):
        assert box["resources"][kind].keys() == {"cpu", "memory"}
    if "ports" in box:
        assert {"readinessProbe", "livenessProbe"} <= box.keys()


def test_the_services_probes_are_its_endpoints_and_liveness_is_not_readiness() -> None:
    (box,) = (box for name, box in containers() if name == "api")
    paths = {name: box[f"{name}Probe"]["httpGet"]["path"] for name in ("liveness", "readiness")}
    assert paths == {"liveness": "/health", "readiness": "/ready"}
    assert {path.strip("/") for path in paths.values()} <= POLICIES.keys()


def test_settings_are_settings_and_name_services_here() -> None:
    data = of("ConfigMap")["stockcast"]["data"]
    assert all(map(is_setting, data))
    assert {data["REDIS_HOST"]} <= of("Service").keys()
    for variable in ("QDRANT_URL", "MLFLOW_TRACKING_URI"):
        assert data[variable].removeprefix("http://").partition(":")[0] in of("Service")


def test_secrets_are_named_and_never_held() -> None:
    assert of("Secret") == {}
    for _, box in OURS:
        for variable in box.get("env", ()):
            assert "TOKEN" not in variable["name"]
            assert "PASSWORD" not in variable["name"]


def test_selectors_find_the_pods_that_they_mean() -> None:
    labels = [pod["metadata"]["labels"].items() for _, pod in pods()]
    for service in of("Service").values():
        assert any(service["spec"]["selector"].items() <= each for each in labels)
    named = {value for each in labels for _, value in each}
    for policy in of("NetworkPolicy").values():
        for rule in policy["spec"]["podSelector"].get("matchExpressions", ()):
            assert set(rule["values"]) <= named


def test_every_volume_that_is_mounted_is_there() -> None:
    claims = of("PersistentVolumeClaim").keys()
    for _, pod in pods():
        volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", ())}
        for volume in volumes.values():
            claim = volume.get("persistentVolumeClaim")
            assert claim is None or claim["claimName"] in claims


def test_production_differs_where_it_says_so() -> None:
    scaler = of("HorizontalPodAutoscaler")["api"]["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 10)
    assert scaler["scaleTargetRef"]["name"] in of("Deployment")
